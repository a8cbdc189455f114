"""Somebody outside a viewer's scope is null or absent everywhere, and counted nowhere.

Each case is asked with both fences, with the statements' own conditions alone, and with row-level
security alone: neither rests on the other.
"""

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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


LISTS: Final = """{
  customers(first: 100) { totalCount nodes { id } }
  tickets(first: 100) { totalCount nodes { id customer { id } } }
}"""


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
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert [node["id"] for node in (await viewer.run(query, ids=ids))["nodes"]] == ids
    # Everything else of the owner's stays theirs.
    rest = [made.global_id for made in world.other.owned[1:-1]]
    assert (await shown(viewer, query, ids=rest))["nodes"] == [None] * len(rest)


@pytest.mark.usefixtures("fences")
async def test_a_ticket_brings_its_customer_to_the_queue(
    client: Client, world: World, factory: Factory
) -> None:
    await factory.business_date(date(2018, 12, 31))
    queue = f"LATE-{world.segment.id.hex}"
    agent = client.as_(Role.SERVICE_AGENT, await factory.agent(queue))
    closed = {"queue": queue, "status": "CLOSED", "resolution": "EXPLAINED"}
    ended = datetime(2018, 12, 31, tzinfo=UTC)
    seen = []
    for given in (
        {"queue": queue, "status": "OPEN"},
        {"queue": queue, "status": "RESOLVED", "resolution": "EXPLAINED"},
        closed | {"closed_at": ended - timedelta(days=7)},
    ):
        customer = await factory.customer()
        await factory.ticket(customer, **given)
        seen.append(customer.global_id)
    for given in (
        closed | {"closed_at": ended - timedelta(days=7, seconds=1)},
        # The source does not say when.
        closed,
        {"queue": f"{queue}-ELSEWHERE"},
    ):
        await factory.ticket(await factory.customer(), **given)
    data = await agent.run("{ customers(sort: NEWEST) { totalCount nodes { id } } }")
    assert data["customers"]["totalCount"] == 3
    assert {node["id"] for node in data["customers"]["nodes"]} == set(seen)


@pytest.mark.usefixtures("fences")
async def test_posts_act_one_at_a_time(client: Client, factory: Factory) -> None:
    """Somebody with two posts comes in each to that post's customers only."""
    branch = await factory.branch()
    of_branch = await factory.customer(branch_id=branch.id)
    assigned = await factory.customer()
    person = await factory.staff("LOAN_OFFICER", branch, "TELLER")
    await factory.assign(assigned, person, "TELLER")
    # Nor does being assigned in a post that one no longer acts in.
    await factory.assign(await factory.customer(), person, "WEALTH_ADVISOR")
    query = "{ customers { totalCount nodes { id } } }"
    for role, seen in ((Role.LOAN_OFFICER, of_branch), (Role.TELLER, assigned)):
        data = await client.as_(role, person.id).run(query)
        assert data["customers"] == {"totalCount": 1, "nodes": [{"id": seen.global_id}]}


@pytest.mark.usefixtures("fences")
async def test_customers_see_the_member_of_staff_in_charge_of_them(
    client: Client, world: World, factory: Factory
) -> None:
    agent = await factory.staff("SERVICE_AGENT")
    ticket = await factory.ticket(world.mine.customer, assignee_id=agent.id)
    query = """query ($id: ID!, $ticket: ID!, $staff: [ID!]!) {
      customer(id: $id) { relationshipManager { id } }
      ticket(id: $ticket) { assignee { id } }
      nodes(ids: $staff) { id }
    }"""
    in_charge = world.people[Role.RELATIONSHIP_MANAGER]
    manager = Made("sta", in_charge, in_charge)
    given = {
        "id": world.mine.customer.global_id,
        "ticket": ticket.global_id,
        "staff": [manager.global_id, agent.global_id],
    }
    data = await world.as_(client, Role.CUSTOMER).run(query, **given)
    assert data["customer"]["relationshipManager"] == {"id": manager.global_id}
    assert data["ticket"] == {"assignee": None}
    assert data["nodes"] == [{"id": manager.global_id}, None]
    data = await world.as_(client, Role.RELATIONSHIP_MANAGER).run(query, **given)
    assert data["ticket"] == {"assignee": {"id": agent.global_id}}
    assert [node["id"] for node in data["nodes"]] == given["staff"]


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("role", [Role.ADMIN, Role.EXECUTIVE])
async def test_posts_without_customers_come_to_none(
    client: Client, world: World, role: Role
) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [world.mine.customer.global_id, *(made.global_id for made in world.mine.owned)]
    assert (await shown(client.as_(role), query, ids=ids))["nodes"] == [None] * len(ids)
    data = await shown(client.as_(role), LISTS)
    for listed in data.values():
        assert listed in (None, {"totalCount": 0, "nodes": []})


@pytest.mark.usefixtures("fences")
async def test_a_branch_manager_reports_on_the_own_branch(client: Client, world: World) -> None:
    query = """{ bankSummary {
      customerCount accountCount loanCount openTicketCount
      totals { deposits { amount } } byBranch { customerCount } byProduct { holderCount }
    } }"""
    found = (await world.as_(client, Role.BRANCH_MANAGER).run(query))["bankSummary"]
    assert found == {
        "customerCount": 1,
        "accountCount": 1,
        "loanCount": 1,
        "openTicketCount": 1,
        "totals": [{"deposits": {"amount": "10.00"}}],
        "byBranch": [{"customerCount": 1}],
        "byProduct": [{"holderCount": 1}],
    }


async def test_the_bank_itself_is_nobodys_customer(client: Client, factory: Factory) -> None:
    bank = await factory.bank()
    cash = await factory.account(bank, kind="INTERNAL", internal_purpose="CASH", balance=None)
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [bank.global_id, cash.global_id]
    assert (await client.run(query, ids=ids))["nodes"] == [None, None]
    assert (await client.run(BY, by={"number": "BANK"}))["customerBy"] is None
