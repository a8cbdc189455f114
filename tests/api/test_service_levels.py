"""What a ticket owes by when, as its readers see it, and what is told of it."""

import asyncio
from datetime import datetime, timedelta

from routing_support import READ, Desk, staff_id
from ticket_support import ANSWER, send, version_of

HOUR = timedelta(hours=1)
HISTORY = "query ($id: ID!) { ticket(id: $id) { history { number kind } } }"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_new_ticket_owes_an_answer(service_desk: Desk) -> None:
    ticket = await service_desk.open()
    seen = await service_desk.read(ticket)
    assert (seen["dueFor"], seen["isPaused"], seen["breachedAt"]) == ("ANSWER", False, None)
    opened_at = (await service_desk.row(ticket))["opened_at"]
    assert _moment(seen["dueAt"]) == opened_at + 2 * HOUR
    assert 7_100 < seen["remaining"] <= 7_200


async def test_an_answer_leaves_the_solution_to_be_due(service_desk: Desk) -> None:
    agent = service_desk.as_agent(await service_desk.agent())
    ticket = await service_desk.open()
    await service_desk.time_passes(HOUR)
    await send(agent, "replyToTicket", ticketId=ticket["id"], text="We are looking.")
    seen = await service_desk.read(ticket)
    assert seen["dueFor"] == "SOLUTION"
    assert 25_100 < seen["remaining"] <= 25_200


async def test_time_stands_still_while_the_customer_is_waited_for(service_desk: Desk) -> None:
    agent = service_desk.as_agent(await service_desk.agent())
    ticket = await service_desk.open()
    await service_desk.time_passes(HOUR)
    asked = {"ticketId": ticket["id"], "text": "Which sister?", "waitForCustomer": True}
    await send(agent, "replyToTicket", **asked)
    waiting = await service_desk.read(ticket)
    assert (waiting["status"], waiting["isPaused"]) == ("WAITING_FOR_CUSTOMER", True)
    assert (waiting["dueAt"], waiting["dueFor"]) == (None, "SOLUTION")
    left = waiting["remaining"]
    await service_desk.time_passes(50 * HOUR)
    assert (await service_desk.read(ticket))["remaining"] == left
    await service_desk.clock().run()
    assert service_desk.told.events == []
    await send(ticket["me"], "replyToTicket", ticketId=ticket["id"], text="The older one.")
    going_on = await service_desk.read(ticket)
    assert (going_on["isPaused"], going_on["breachedAt"]) == (False, None)
    assert left - 60 < going_on["remaining"] <= left


async def test_due_soon_and_late_are_told_once_each(service_desk: Desk) -> None:
    await service_desk.agent()
    ticket = await service_desk.open()
    await service_desk.clock().run()
    assert service_desk.told.events == []
    await service_desk.time_passes(timedelta(minutes=91))
    for _ in range(2):
        await service_desk.clock().run()
    assert service_desk.told.events == [("DUE_SOON", 1)]
    await service_desk.time_passes(HOUR)
    for _ in range(2):
        await service_desk.clock().run()
    assert service_desk.told.events == [("DUE_SOON", 1), ("BREACHED", 1)]
    assert await service_desk.kinds(ticket) == ["OPENED", "ASSIGNED", "DUE_SOON", "BREACHED"]
    seen = await service_desk.read(ticket)
    assert seen["breachedAt"] == seen["dueAt"]
    assert -1_920 < seen["remaining"] <= -1_860
    # Customers never learn that staff were warned.
    mine = (await ticket["me"].run(HISTORY, id=ticket["id"]))["ticket"]
    assert [(step["number"], step["kind"]) for step in mine["history"]] == [
        (1, "OPENED"),
        (2, "ASSIGNED"),
        (3, "BREACHED"),
    ]


async def test_the_trail_tells_of_both_as_what_the_bank_did(service_desk: Desk) -> None:
    ticket = await service_desk.open()
    await service_desk.time_passes(timedelta(minutes=91))
    await service_desk.clock().run()
    await service_desk.time_passes(HOUR)
    await service_desk.clock().run()
    rows = await service_desk.owner.fetch(
        "select record.event, record.actor_id, record.command from audit_record as record"
        " join ticket_event as step on step.record_id = record.id"
        " where record.customer_id = $1 and command = 'watchTickets' order by step.number",
        ticket["owner"],
    )
    assert [tuple(row) for row in rows] == [
        ("ticket.due_soon", None, "watchTickets"),
        ("ticket.breached", None, "watchTickets"),
    ]


async def test_each_milestone_can_be_late_by_itself(service_desk: Desk) -> None:
    agent = service_desk.as_agent(await service_desk.agent())
    ticket = await service_desk.open()
    await service_desk.time_passes(3 * HOUR)
    await service_desk.clock().run()
    await send(agent, "replyToTicket", ticketId=ticket["id"], text="Sorry for the wait.")
    first = (await service_desk.read(ticket))["breachedAt"]
    await service_desk.time_passes(6 * HOUR)
    await service_desk.clock().run()
    kinds = await service_desk.kinds(ticket)
    assert kinds == ["OPENED", "ASSIGNED", "BREACHED", "REPLIED", "BREACHED"]
    assert (await service_desk.read(ticket))["breachedAt"] == first


async def test_an_answer_that_comes_late_does_not_hide_that_it_was(service_desk: Desk) -> None:
    agent = service_desk.as_agent(await service_desk.agent())
    ticket = await service_desk.open()
    await service_desk.time_passes(3 * HOUR)
    await send(agent, "resolveTicket", **ANSWER, **version_of(await service_desk.read(ticket)))
    assert await service_desk.kinds(ticket) == ["OPENED", "ASSIGNED", "RESOLVED", "BREACHED"]
    await service_desk.clock().run()
    assert service_desk.told.events == []
    seen = await service_desk.read(ticket)
    assert seen["breachedAt"] is not None
    assert seen["remaining"] is None


async def test_a_reopened_ticket_goes_on_where_it_was(service_desk: Desk) -> None:
    agent = service_desk.as_agent(await service_desk.agent())
    ticket = await service_desk.open()
    await service_desk.time_passes(HOUR)
    read = await service_desk.read(ticket)
    await send(agent, "resolveTicket", **ANSWER, **version_of(read))
    await service_desk.time_passes(100 * HOUR)
    read = await service_desk.read(ticket)
    await send(ticket["me"], "reopenTicket", text="Nothing came.", **version_of(read))
    seen = await service_desk.read(ticket)
    assert seen["dueFor"] == "SOLUTION"
    assert 25_100 < seen["remaining"] <= 25_200


async def test_clocks_that_watch_at_once_tell_each_ticket_once(service_desk: Desk) -> None:
    tickets = [await service_desk.open() for _ in range(7)]
    await service_desk.time_passes(3 * HOUR)
    await asyncio.gather(*(service_desk.clock(batch=2).run() for _ in range(3)))
    assert sum(count for _, count in service_desk.told.events) == len(tickets)
    for ticket in tickets:
        assert await service_desk.kinds(ticket) == ["OPENED", "BREACHED"]


async def test_queues_are_listed_by_urgency(service_desk: Desk) -> None:
    agent = await service_desk.agent(capacity=1)
    await service_desk.owner.execute(
        "update service_target set answer_minutes = 30 where tier = 'PLATINUM'"
    )
    normal = await service_desk.open(tier="NORMAL")
    platinum = await service_desk.open(tier="PLATINUM")
    waiting = await service_desk.open(tier="PLATINUM")
    somebody = service_desk.as_agent(agent)
    asked = {"ticketId": waiting["id"], "text": "Which sister?", "waitForCustomer": True}
    await send(somebody, "replyToTicket", **asked)
    query = """
      query ($queue: String!) {
        tickets(filter: { queue: { eq: $queue } }, sort: URGENCY, first: 2) {
          nodes { id } pageInfo { endCursor hasNextPage }
        }
      }
    """
    page = (await somebody.run(query, queue=service_desk.queue))["tickets"]
    assert [node["id"] for node in page["nodes"]] == [platinum["id"], normal["id"]]
    after = query.replace("first: 2", f'first: 2, after: "{page["pageInfo"]["endCursor"]}"')
    rest = (await somebody.run(after, queue=service_desk.queue))["tickets"]
    assert [node["id"] for node in rest["nodes"]] == [waiting["id"]]


async def test_reasons_are_for_the_desk_alone(service_desk: Desk) -> None:
    ticket = await service_desk.open()
    _, denied = await ticket["me"].denied(READ, id=ticket["id"])
    assert denied == ["ticket.whyAssigned"]


async def test_without_a_calendar_nothing_is_promised(service_desk: Desk) -> None:
    await service_desk.owner.execute("delete from service_queue")
    seen = await service_desk.read(await service_desk.open())
    assert (seen["dueAt"], seen["dueFor"], seen["remaining"]) == (None, None, None)
    assert seen["assignee"] is None


async def test_who_is_chosen_is_explained(service_desk: Desk) -> None:
    plain = await service_desk.agent()
    expert = await service_desk.agent(level=3)
    ticket = await service_desk.open(language="zh")
    seen = await service_desk.read(ticket, service_desk.as_agent(plain))
    assert seen["assignee"] == {"id": staff_id(expert)}
    assert seen["whyAssigned"]["considered"] == 2
    reasons = {reason["criterion"]: reason for reason in seen["whyAssigned"]["reasons"]}
    assert [name for name, reason in reasons.items() if reason["isDecisive"]] == ["SKILL"]
    assert not reasons["BRANCH"]["isMet"]
