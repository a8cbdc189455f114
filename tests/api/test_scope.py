"""Nobody comes to a stranger through a relation."""

from typing import Any

import pytest
from client import Client
from factories import Factory, Made

from app.auth.permissions import Role


@pytest.fixture
async def shared(factory: Factory) -> tuple[Made, Made, Made]:
    """An owner, the account, and somebody who may use it; connected, and in one segment."""
    owner, holder = (
        await factory.customer(phone="555-0199"),
        await factory.customer(phone="555-0199"),
    )
    account = await factory.account(owner)
    await factory.postings(account, "5.00")
    link = {"owner_id": owner.id, "account_id": account.id, "role": "AUTHORISED_USER"}
    await factory.insert("held_account", customer_id=holder.id, **link)
    await factory.insert(
        "account_holder",
        customer_id=owner.id,
        account_id=account.id,
        holder_id=holder.id,
        role="AUTHORISED_USER",
    )
    for one, other in ((owner, holder), (holder, owner)):
        await factory.insert(
            "relationship",
            customer_id=one.id,
            id=other.id,
            related_customer_id=other.id,
            kind="SHARES_ACCOUNT",
        )
    return owner, account, holder


HELD = """
query ($id: ID!) {
  customer(id: $id) {
    heldAccounts {
      id balance { amount } transactions { nodes { id amount { amount } } }
      owner { name } holders { role customer { name } }
    }
    relationships { kind customer { name } }
  }
}
"""


async def test_a_holder_sees_the_account_and_not_its_owner(
    client: Client, shared: tuple[Made, Made, Made]
) -> None:
    _, account, holder = shared
    me = client.as_(Role.CUSTOMER, holder.id)
    found = (await me.run(HELD, id=holder.global_id))["customer"]
    (held,) = found["heldAccounts"]
    assert held["id"] == account.global_id
    assert held["balance"]["amount"] == "5.00"
    assert [node["amount"]["amount"] for node in held["transactions"]["nodes"]] == ["5.00"]
    assert held["owner"] is None
    assert held["holders"][0]["customer"]["name"]  # That is the viewer.
    assert found["relationships"] == [{"kind": "SHARES_ACCOUNT", "customer": None}]
    # What was shown can be fetched again by its id.
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [held["id"], held["transactions"]["nodes"][0]["id"]]
    assert [node["id"] for node in (await me.run(query, ids=ids))["nodes"]] == ids


async def test_staff_see_both_sides(client: Client, shared: tuple[Made, Made, Made]) -> None:
    found = (await client.run(HELD, id=shared[2].global_id))["customer"]
    assert found["heldAccounts"][0]["owner"]["name"]
    assert found["relationships"][0]["customer"]["name"]


async def test_a_shared_phone_is_refused(client: Client, shared: tuple[Made, Made, Made]) -> None:
    assert shared
    query = '{ customerBy(by: {phone: "555-0199"}) { id } }'
    for role in (Role.CUSTOMER, Role.ADMIN):
        _, denied = await client.as_(role).denied(query)
        assert denied == ["customerBy"]
    error = await client.error(query)
    assert "several customers" in error["message"]


async def test_customers_never_see_internal_comments(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    ticket = await factory.ticket(customer)
    for text, internal in (("We look into it.", False), ("Likely fraud.", True)):
        await factory.comment(ticket, text, internal=internal)
    query = """query ($id: ID!) { ticket(id: $id) { comments { id internal body } } }"""

    async def comments(as_: Client) -> list[dict[str, Any]]:
        found = await as_.run(query, id=ticket.global_id)
        return list(found["ticket"]["comments"])

    all_of_them = await comments(client)
    assert [comment["body"] for comment in all_of_them] == ["We look into it.", "Likely fraud."]
    me = client.as_(Role.CUSTOMER, customer.id)
    assert [comment["body"] for comment in await comments(me)] == ["We look into it."]
    query = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await me.run(query, id=all_of_them[1]["id"]))["node"] is None
