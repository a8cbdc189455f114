"""Tickets find agents: when they are opened, and by the worker; never two, never too many."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from audit_trail import until_so
from business_days import Told as DaysTold
from routing_support import Desk, staff_id
from ticket_support import ANSWER, send, version_of

from app.db.service_calendars import CalendarError
from app.jobs.day_end import DayEnd, Rules
from app.jobs.worker import Worker


async def _given(desk: Desk) -> dict[UUID, int]:
    """How many tickets each agent has; what is counted is what there is."""
    loads = await desk.loads()
    assert all(found == counted for found, counted in loads.values()), loads
    return {agent: found for agent, (found, _) in loads.items()}


async def test_opening_gives_a_ticket_to_who_has_most_room(service_desk: Desk) -> None:
    small, large = await service_desk.agent(2), await service_desk.agent(8)
    for _ in range(5):
        await service_desk.open()
    assert await _given(service_desk) == {small: 1, large: 4}


async def test_who_is_off_shift_or_full_gets_nothing(service_desk: Desk) -> None:
    off, full = await service_desk.agent(hours=""), await service_desk.agent(1)
    tickets = [await service_desk.open() for _ in range(3)]
    assert await _given(service_desk) == {off: 0, full: 1}
    assert (await service_desk.read(tickets[2]))["status"] == "OPEN"


async def test_the_worker_gives_away_what_nobody_had_most_urgent_first(
    service_desk: Desk,
) -> None:
    await service_desk.owner.execute(
        "update service_target set answer_minutes = 30 where tier = 'PLATINUM'"
    )
    normal = await service_desk.open(tier="NORMAL")
    platinum = await service_desk.open(tier="PLATINUM")
    agent = await service_desk.agent(1)
    await service_desk.clock().run()
    assert (await service_desk.read(platinum))["assignee"] == {"id": staff_id(agent)}
    assert (await service_desk.read(normal))["assignee"] is None
    assert (service_desk.told.given, service_desk.told.left) == (1, 1)
    assert await service_desk.kinds(platinum) == ["OPENED", "ASSIGNED"]


async def test_a_solved_ticket_makes_room(service_desk: Desk) -> None:
    agent = await service_desk.agent(1)
    first, second = await service_desk.open(), await service_desk.open()
    read = await service_desk.read(first)
    person = service_desk.as_agent(agent)
    await send(person, "resolveTicket", **ANSWER, **version_of(read))
    await service_desk.clock().run()
    assert (await service_desk.read(second))["assignee"] == {"id": staff_id(agent)}
    assert await _given(service_desk) == {agent: 1}


async def test_what_nobody_began_goes_to_who_is_on_shift(service_desk: Desk) -> None:
    early = await service_desk.agent()
    untouched, begun = await service_desk.open(), await service_desk.open()
    person = service_desk.as_agent(early)
    await send(person, "replyToTicket", ticketId=begun["id"], text="I am looking.")
    late = await service_desk.agent()
    await service_desk.goes_off_shift(early)
    await service_desk.clock().run()
    assert (await service_desk.read(untouched))["assignee"] == {"id": staff_id(late)}
    assert (await service_desk.read(begun))["assignee"] == {"id": staff_id(early)}
    assert await service_desk.kinds(untouched) == ["OPENED", "ASSIGNED", "ASSIGNED"]
    assert await _given(service_desk) == {early: 1, late: 1}


async def test_at_night_everything_stays_where_it_is(service_desk: Desk) -> None:
    early = await service_desk.agent()
    ticket = await service_desk.open()
    await service_desk.agent()
    await service_desk.goes_off_shift(early)
    await service_desk.close()
    await service_desk.clock().run()
    assert (await service_desk.read(ticket))["assignee"] == {"id": staff_id(early)}


async def test_what_a_person_decided_is_left_alone(service_desk: Desk) -> None:
    first, second = await service_desk.agent(), await service_desk.agent()
    ticket = await service_desk.open()
    read = await service_desk.read(ticket)
    other = second if read["assignee"] == {"id": staff_id(first)} else first
    person = service_desk.as_agent(first)
    given = {"assigneeId": staff_id(other), **version_of(read)}
    await send(person, "assignTicket", **given)
    await service_desk.goes_off_shift(other)
    await service_desk.clock().run()
    seen = await service_desk.read(ticket)
    assert seen["assignee"] == {"id": staff_id(other)}
    assert seen["whyAssigned"] is None


async def test_who_gives_a_ticket_back_does_not_get_it_again(service_desk: Desk) -> None:
    first = await service_desk.agent()
    ticket = await service_desk.open()
    person = service_desk.as_agent(first)
    await send(person, "assignTicket", **version_of(await service_desk.read(ticket)))
    await service_desk.clock().run()
    assert (await service_desk.read(ticket))["assignee"] is None
    second = await service_desk.agent()
    await service_desk.clock().run()
    assert (await service_desk.read(ticket))["assignee"] == {"id": staff_id(second)}


async def test_an_escalated_ticket_goes_to_an_agent_of_its_new_queue(service_desk: Desk) -> None:
    first = await service_desk.agent()
    ticket = await service_desk.open()
    second = await service_desk.agent()
    await service_desk.owner.execute(
        "update staff_queue set queue = 'CARDS' where staff_id = $1", second
    )
    read = await service_desk.read(ticket)
    given = {"reason": "A card was lost.", "queue": "CARDS", **version_of(read)}
    await send(service_desk.as_agent(first), "escalateTicket", **given)
    seen = await service_desk.read(ticket)
    assert seen["assignee"] == {"id": staff_id(second)}
    assert await _given(service_desk) == {first: 0, second: 1}


async def test_openings_at_once_never_overload_anybody(service_desk: Desk) -> None:
    agents = [await service_desk.agent(capacity) for capacity in (2, 3, 4)]
    tickets = await service_desk.open_at_once(14)
    assert await _given(service_desk) == dict(zip(agents, (2, 3, 4), strict=True))
    for ticket in tickets:
        kinds = await service_desk.kinds(ticket)
        assert kinds in (["OPENED"], ["OPENED", "ASSIGNED"])


async def test_routers_at_once_never_give_a_ticket_to_two(service_desk: Desk) -> None:
    tickets = [await service_desk.open() for _ in range(12)]
    agents = [await service_desk.agent(capacity) for capacity in (2, 3, 4)]
    await asyncio.gather(
        *(service_desk.clock().run() for _ in range(4)),
        service_desk.open_at_once(4),
    )
    # Of tickets that another router held just then, some were passed over: the next turn's.
    await service_desk.clock().run()
    assert await _given(service_desk) == dict(zip(agents, (2, 3, 4), strict=True))
    for ticket in tickets:
        kinds = await service_desk.kinds(ticket)
        assert kinds in (["OPENED"], ["OPENED", "ASSIGNED"])


async def test_who_is_full_by_the_time_is_not_among_those_considered(service_desk: Desk) -> None:
    best = await service_desk.agent(2, level=3)
    await service_desk.open()
    other, customer = await service_desk.agent(), await service_desk.factory.customer()
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    owner = service_desk.owner

    async def somebody_waits() -> bool:
        return bool(await owner.fetchval(waiting))

    async with owner.transaction():
        await owner.execute("update service_agent set capacity = 1 where staff_id = $1", best)
        opening = asyncio.create_task(service_desk.open_for(customer))
        await until_so(somebody_waits)
    found = await service_desk.read(await opening)
    assert found["assignee"] == {"id": staff_id(other)}
    assert found["whyAssigned"]["considered"] == 1
    assert not any(reason["isDecisive"] for reason in found["whyAssigned"]["reasons"])


async def test_a_shift_that_changes_hands_under_many_routers(service_desk: Desk) -> None:
    early = [await service_desk.agent(6) for _ in range(2)]
    tickets = [await service_desk.open() for _ in range(12)]
    for agent in early:
        await service_desk.goes_off_shift(agent)
    late = [await service_desk.agent(4) for _ in range(2)]
    await asyncio.gather(*(service_desk.clock().run() for _ in range(4)))
    await service_desk.clock().run()
    given = await _given(service_desk)
    assert [given[agent] for agent in late] == [4, 4]
    assert sum(given.values()) == len(tickets)
    for ticket in tickets:
        assert (await service_desk.kinds(ticket)).count("ASSIGNED") <= 2


async def test_a_bank_without_calendars_gets_those_that_banks_begin_with(
    service_desk: Desk,
) -> None:
    await service_desk.owner.execute(
        "delete from service_queue; delete from service_hours; delete from service_calendar;"
        " delete from service_target"
    )
    agent = await service_desk.factory.agent("PAYMENTS", "LOANS")
    await service_desk.clock().run()
    hours = await service_desk.owner.fetchval("select count(*) from service_hours")
    assert hours == 5 + 7
    assert await service_desk.owner.fetchval("select count(*) from service_target") == 16
    assert agent in await service_desk.loads()
    ticket = await service_desk.open()
    assert (await service_desk.read(ticket))["dueFor"] == "ANSWER"
    await service_desk.time_passes(timedelta(days=40))
    await service_desk.clock().run()
    assert "BREACHED" in await service_desk.kinds(ticket)


async def _is_given(desk: Desk, ticket: Any) -> bool:
    return (await desk.row(ticket))["assignee_id"] is not None


async def test_a_running_worker_watches_tickets(service_desk: Desk) -> None:
    ticket = await service_desk.open()
    await service_desk.time_passes(timedelta(hours=3))
    agent = await service_desk.agent()
    days = DayEnd(service_desk.url, service_desk.keys, Rules("UTC", 500, 90), DaysTold())
    async with Worker(days, service_desk.clock(), heartbeat_seconds=5).running():
        await until_so(lambda: _is_given(service_desk, ticket))
    assert await service_desk.kinds(ticket) == ["OPENED", "BREACHED", "ASSIGNED"]
    assert (await service_desk.read(ticket))["assignee"] == {"id": staff_id(agent)}


async def test_a_calendar_that_nobody_can_read_is_named(service_desk: Desk) -> None:
    ticket = await service_desk.open()
    await service_desk.agent()
    await service_desk.owner.execute("update service_calendar set zone = 'Asia/Shangai'")
    with pytest.raises(CalendarError, match="no time zone 'Asia/Shangai'"):
        await service_desk.clock().run()
    await service_desk.owner.execute("update service_calendar set zone = 'UTC', country = 'XX'")
    with pytest.raises(CalendarError, match="no public holidays are known of 'XX'"):
        await service_desk.clock().run()
    assert await service_desk.kinds(ticket) == ["OPENED"]
