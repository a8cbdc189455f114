"""Whom each post comes to, and what it may say of them all."""

from datetime import UTC, date, datetime, timedelta

import pytest
from client import Client
from factories import Factory, Made
from row_world import LISTS, World, shown

from app.auth.permissions import Role


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
