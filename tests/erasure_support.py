"""Customers with whom all business has ended, and the mutations that erase them."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from approval_support import PENDING, approve
from client import Client
from factories import Factory, Made

from app.auth.permissions import Role

ERASE = f"""
mutation ($input: EraseCustomerInput!) {{
  eraseCustomer(input: $input) {{
    ... on EraseCustomerPayload {{ customer {{ id }} }}
    {PENDING}
    ... on Problem {{ code field }}
  }}
}}
"""
LEFT = """
query ($id: ID!) {
  customer(id: $id) {
    id version status name phone email nationalId birthDate address { city }
  }
}
"""
LONG_AGO = date(2009, 3, 2)


def officer(client: Client, staff: UUID, *, strong: bool = True) -> Client:
    return client.as_(Role.COMPLIANCE, staff, strong=strong)


async def ask_to_erase(client: Client, customer: Made, key: str = "", **given: Any) -> Any:
    values = {"expectedVersion": 1, "reason": "CUSTOMER_REQUEST", **given}
    values |= {"id": customer.global_id, "idempotencyKey": key or uuid4().hex}
    return (await client.run(ERASE, input=values))["eraseCustomer"]


async def erase(maker: Client, customer: Made, **given: Any) -> Any:
    """Ask, and let somebody else approve; gives what is left, or why it was refused."""
    asked = await ask_to_erase(maker, customer, **given)
    if "approval" not in asked:
        return asked
    done = await approve(maker.as_(Role.COMPLIANCE), asked["approval"]["id"])
    assert done["approval"]["state"] == "APPROVED", done
    return await maker.run(LEFT, id=customer.global_id)


async def former_customer(factory: Factory, ended_on: date = LONG_AGO, **given: Any) -> Made:
    """Somebody whose account, loan and ticket are closed; texts and links are left."""
    customer, other = await factory.customer(**given), await factory.customer()
    account = await factory.account(customer, opened_on=date(2008, 1, 1))
    await factory.postings(account, "10.00", "-10.00", day=ended_on)
    await factory.connection.execute(
        "update account set status = 'CLOSED', closed_on = $2 where id = $1", account.id, ended_on
    )
    at = datetime(2009, 1, 1, tzinfo=UTC)
    ticket = await factory.ticket(
        customer, status="CLOSED", resolution="EXPLAINED", opened_at=at, closed_at=at
    )
    await factory.comment(ticket, "Ms Smith of Wellington Avenue asked", internal=False)
    await factory.call(customer, at, "Emma called about her mother")
    await factory.relationship(customer, other)
    await factory.segment(customer)
    staff = await factory.staff("RELATIONSHIP_MANAGER")
    await factory.assign(customer, staff, "RELATIONSHIP_MANAGER")
    for digest in factory.keys.index.name_prefixes("Emma Avaya Smith"):
        await factory.insert("name_index", digest=digest, customer_id=customer.id)
    return customer
