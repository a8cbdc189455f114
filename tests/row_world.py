"""Two customers and whoever sees one of them, with each of the two fences alone."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
import sqlalchemy as sa
from client import Client
from factories import Factory, Made

from app.auth.permissions import Role
from app.db.scope import RowScope
from app.planner import prepared

FENCES: Final = ("both", "statements", "policies")


@pytest.fixture(params=FENCES)
def fences(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take one of the two fences away."""
    # Statements are kept by the shape of the scope, whatever becomes of its conditions.
    monkeypatch.setattr(prepared, "_prepared", OrderedDict())
    if request.param == "statements":
        anybody = {"scope": "ALL", "staff": str(UUID(int=0))}
        monkeypatch.setattr(RowScope, "setting", json.dumps(anybody))
    elif request.param == "policies":
        monkeypatch.setattr(RowScope, "condition", lambda *_: None)
        monkeypatch.setattr(RowScope, "covers", lambda *_: sa.true())


@dataclass(frozen=True)
class Party:
    """A customer with one of everything."""

    customer: Made
    account: Made
    number: str
    account_number: str
    phone: str
    email: str
    national_id: str
    owned: tuple[Made, ...]


@dataclass(frozen=True)
class World:
    """Two customers who share nothing but a segment and that they know each other."""

    mine: Party
    other: Party
    segment: Made
    people: dict[Role, UUID]

    def as_(self, client: Client, role: Role) -> Client:
        return client.as_(role, self.people[role])


async def party(factory: Factory, branch: Made, queue: str) -> Party:
    tag = branch.id.hex[-10:]
    customer = await factory.customer(
        branch_id=branch.id,
        number=f"N{tag}",
        phone=f"505{int(tag, 16)}",
        email=f"{tag}@row.example",
        national_id=f"NID{tag}",
        occupation=f"scoped {tag}",
    )
    account = await factory.account(customer, number=f"AC{tag}")
    await factory.postings(account, "10.00")
    ticket = await factory.ticket(customer, queue=queue)
    await factory.comment(ticket, "Hello.", internal=False)
    product = await factory.product("2.0")
    owned = (
        account,
        ticket,
        await factory.loan(customer, paid=1),
        await factory.card(customer, account),
        await factory.holding(customer, product, "1", "2.00"),
        await factory.call(customer, datetime(2018, 1, 1, tzinfo=UTC)),
        await factory.standing_order(account, payee="B-1"),
        await factory.freeze(account),
        await factory.payee(customer),
    )
    return Party(
        customer,
        account,
        f"N{tag}",
        f"AC{tag}",
        f"505{int(tag, 16)}",
        f"{tag}@row.example",
        f"NID{tag}",
        owned,
    )


@pytest.fixture
async def world(factory: Factory) -> World:
    branches = [await factory.branch() for _ in range(2)]
    queues = [f"QUEUE-{branch.id.hex}" for branch in branches]
    mine, other = [
        await party(factory, branch, queue) for branch, queue in zip(branches, queues, strict=True)
    ]
    await factory.relationship(mine.customer, other.customer)
    segment = await factory.segment(mine.customer, other.customer)
    people = {
        role: await factory.responsible(role, mine.customer)
        for role in (Role.TELLER, Role.RELATIONSHIP_MANAGER, Role.WEALTH_ADVISOR)
    }
    for role in (Role.LOAN_OFFICER, Role.BRANCH_MANAGER):
        people[role] = (await factory.staff(role, branches[0])).id
    people[Role.SERVICE_AGENT] = await factory.agent(queues[0])
    people[Role.CUSTOMER] = mine.customer.id
    return World(mine, other, segment, people)


SCOPED: Final = (
    Role.CUSTOMER,
    Role.TELLER,
    Role.RELATIONSHIP_MANAGER,
    Role.WEALTH_ADVISOR,
    Role.SERVICE_AGENT,
    Role.LOAN_OFFICER,
    Role.BRANCH_MANAGER,
)


async def shown(viewer: Client, query: str, **variables: Any) -> Any:
    """Give the data; what the post may not see at all may be denied, and nothing else fails."""
    body = (await viewer.send(query, **variables)).json()
    codes = {error["extensions"]["code"] for error in body.get("errors", ())}
    assert codes <= {"FORBIDDEN"}, body
    return body["data"]


LISTS: Final = """{
  customers(first: 100) { totalCount nodes { id } }
  tickets(first: 100) { totalCount nodes { id customer { id } } }
}"""
