"""Somebody outside a viewer's scope is null or absent everywhere, and counted nowhere.

Each case is asked with both fences, with the statements' own conditions alone, and with row-level
security alone: neither rests on the other.
"""

from typing import Final

import pytest
from client import Client
from factories import Factory
from row_world import LISTS, SCOPED, Party, World, shown

from app.auth.permissions import Role


def look_ups(party: Party) -> list[dict[str, str]]:
    return [
        {"number": party.number},
        {"nationalId": party.national_id},
        {"phone": party.phone},
        {"email": party.email},
        {"accountNumber": party.account_number},
    ]


BY: Final = "query ($by: CustomerBy!) { customerBy(by: $by) { id } }"


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize(
    "role",
    [
        Role.TELLER,
        Role.RELATIONSHIP_MANAGER,
        Role.SERVICE_AGENT,
        Role.LOAN_OFFICER,
        Role.BRANCH_MANAGER,
    ],
)
async def test_look_ups_find_nobody_out_of_scope(client: Client, world: World, role: Role) -> None:
    viewer = world.as_(client, role)
    for mine, other in zip(look_ups(world.mine), look_ups(world.other), strict=True):
        found = (await viewer.run(BY, by=mine))["customerBy"]
        assert found == {"id": world.mine.customer.global_id}, mine
        assert (await viewer.run(BY, by=other))["customerBy"] is None, other
    query = "query ($number: String!) { accountBy(number: $number) { id } }"
    found = (await viewer.run(query, number=world.mine.account_number))["accountBy"]
    assert found == {"id": world.mine.account.global_id}
    assert (await viewer.run(query, number=world.other.account_number))["accountBy"] is None


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("role", SCOPED)
async def test_ids_lead_to_nobody_out_of_scope(client: Client, world: World, role: Role) -> None:
    viewer = world.as_(client, role)
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    mine = [world.mine.customer.global_id, *(made.global_id for made in world.mine.owned)]
    others = [world.other.customer.global_id, *(made.global_id for made in world.other.owned)]
    found = [node and node["id"] for node in (await shown(viewer, query, ids=mine))["nodes"]]
    assert found[0] == mine[0]
    # What the post may not see at all is null; whatever else there is is shown.
    assert [
        wanted for wanted, got in zip(mine, found, strict=True) if got not in {None, wanted}
    ] == []
    assert len([got for got in found if got]) > 2
    assert (await shown(viewer, query, ids=others))["nodes"] == [None] * len(others)
    for field, made in (
        ("node", world.other.customer),
        ("customer", world.other.customer),
        ("account", world.other.account),
        ("loan", world.other.owned[2]),
        ("ticket", world.other.owned[1]),
    ):
        data = await shown(
            viewer, f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", id=made.global_id
        )
        assert data == {field: None}


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("role", SCOPED)
async def test_lists_and_counts_hold_nobody_out_of_scope(
    client: Client, world: World, role: Role
) -> None:
    data = await shown(world.as_(client, role), LISTS)
    me = world.mine.customer.global_id
    assert data["customers"] == {"totalCount": 1, "nodes": [{"id": me}]}
    if data["tickets"] is not None:
        ticket = {"id": world.mine.owned[1].global_id, "customer": {"id": me}}
        assert data["tickets"] == {"totalCount": 1, "nodes": [ticket]}
    search = """query ($occupation: String!) {
      customers(filter: {occupation: {eq: $occupation}}) { totalCount nodes { id } }
    }"""
    tag = world.other.number.removeprefix("N")
    data = await shown(world.as_(client, role), search, occupation=f"scoped {tag}")
    assert data["customers"] == {"totalCount": 0, "nodes": []}


AROUND: Final = """
query ($id: ID!, $segment: ID!) {
  customer(id: $id) {
    relationships { customer { id } }
    segments { size members { totalCount nodes { id } } }
    accounts { owner { id } holders { customer { id } } }
    cards { account { id owner { id } } }
    loans { borrower { id } }
    tickets { nodes { customer { id } } }
  }
  segment(id: $segment) { size members { totalCount nodes { id } } }
}
"""


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("role", SCOPED)
async def test_relations_lead_to_nobody_out_of_scope(
    client: Client, world: World, factory: Factory, role: Role
) -> None:
    await factory.hold(world.mine.account, world.other.customer)
    me = {"id": world.mine.customer.global_id}
    viewer = world.as_(client, role)
    response = await viewer.send(AROUND, id=me["id"], segment=world.segment.global_id)
    # Neither they nor anything of theirs.
    assert world.other.customer.id.hex not in response.text
    data = response.json()["data"]
    found = data["customer"]
    if found["relationships"] is not None:
        assert found["relationships"] == [{"customer": None}]
    (account,) = found["accounts"]
    assert account == {"owner": me, "holders": [{"customer": None}]}
    assert found["cards"] == [{"account": {"id": world.mine.account.global_id, "owner": me}}]
    for segment in (data["segment"], *(found["segments"] or ())):
        if segment is not None:
            assert segment == {"size": 1, "members": {"totalCount": 1, "nodes": [me]}}


HELD: Final = """
query ($id: ID!) {
  customer(id: $id) {
    heldAccounts {
      id number kind
      owner { id }
      holders { role customer { id } }
      transactions { nodes { id } }
      standingOrders { id }
    }
  }
}
"""


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.TELLER, Role.BRANCH_MANAGER])
async def test_whoever_sees_a_holder_sees_the_account_and_not_its_owner(
    client: Client, world: World, factory: Factory, role: Role
) -> None:
    third = await factory.customer()
    await factory.hold(world.other.account, world.mine.customer)
    await factory.hold(world.other.account, third)
    viewer = world.as_(client, role)
    me = {"id": world.mine.customer.global_id}
    (held,) = (await shown(viewer, HELD, id=me["id"]))["customer"]["heldAccounts"]
    assert held["id"] == world.other.account.global_id
    # It is encrypted with the owner's key.
    assert held["number"] == world.other.account_number
    assert held["owner"] is None
    # Who else uses it is not part of the account.
    assert held["holders"] == [{"role": "AUTHORISED_USER", "customer": me}]
    ids = [held["id"], held["transactions"]["nodes"][0]["id"], held["standingOrders"][0]["id"]]
    # What may not leave the account, and why: posts see that, and customers do not.
    if role is not Role.CUSTOMER:
        ids += [made.global_id for made in world.other.owned if made.global_id.startswith("hld_")]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert [node["id"] for node in (await viewer.run(query, ids=ids))["nodes"]] == ids
    # Everything else of the owner's stays theirs.
    rest = [made.global_id for made in world.other.owned if made.global_id not in ids]
    assert (await shown(viewer, query, ids=rest))["nodes"] == [None] * len(rest)


async def test_the_bank_itself_is_nobodys_customer(client: Client, factory: Factory) -> None:
    bank = await factory.bank()
    cash = await factory.account(bank, kind="INTERNAL", internal_purpose="CASH", balance=None)
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [bank.global_id, cash.global_id]
    assert (await client.run(query, ids=ids))["nodes"] == [None, None]
    assert (await client.run(BY, by={"number": "BANK"}))["customerBy"] is None
