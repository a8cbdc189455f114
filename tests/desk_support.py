"""A branch with its head and deputy, where customers pass from one manager to another."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pytest
from approval_support import PENDING, approve
from client import Client
from factories import Factory, Made

from app.auth.permissions import Role

ASSIGN: Final = f"""
mutation ($input: AssignRelationshipManagerInput!) {{
  assignRelationshipManager(input: $input) {{
    ... on AssignRelationshipManagerPayload {{ customer {{ id }} }}
    {PENDING}
    ... on Problem {{ code message field hint }}
  }}
}}
"""
MANAGED: Final = "query ($id: ID!) { customer(id: $id) { id version relationshipManager { id } } }"
MANAGER: Final = "RELATIONSHIP_MANAGER"


@dataclass
class Desk:
    """A branch with head and deputy, two customer managers, and a customer of the first of them."""

    branch: Made
    head: Client
    head_id: Made
    checker: Client
    checker_id: Made
    before: Made
    after: Made
    customer: Made


@pytest.fixture
async def desk(client: Client, factory: Factory) -> Desk:
    branch = await factory.branch()
    head, deputy = [await factory.staff("BRANCH_MANAGER", branch) for _ in range(2)]
    before, after = [await factory.staff(MANAGER, branch) for _ in range(2)]
    customer = await factory.customer(branch_id=branch.id)
    await factory.assign(customer, before, MANAGER)
    clients = [client.as_(Role.BRANCH_MANAGER, person.id) for person in (head, deputy)]
    return Desk(branch, clients[0], head, clients[1], deputy, before, after, customer)


def given(desk: Desk, **values: Any) -> dict[str, Any]:
    return {
        "idempotencyKey": uuid4().hex,
        "customerId": desk.customer.global_id,
        "staffId": desk.after.global_id,
        "expectedVersion": 1,
    } | values


async def ask(desk: Desk, **values: Any) -> Any:
    data = await desk.head.run(ASSIGN, input=given(desk, **values))
    return data["assignRelationshipManager"]


async def assign(desk: Desk, **values: Any) -> Any:
    """Ask, and let the deputy approve; gives the customer, or why it was refused."""
    asked = await ask(desk, **values)
    if "approval" not in asked:
        return asked
    done = await approve(desk.checker, asked["approval"]["id"])
    assert done["approval"]["state"] == "APPROVED", done
    return await desk.head.run(MANAGED, id=done["approval"]["resultId"])
