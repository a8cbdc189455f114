"""Tickets from their opening to their rating, as customers and agents see them."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from client import Client
from factories import Factory, Made
from ticket_support import (
    ANSWER,
    ServiceDesk,
    asked,
    make_desk,
    mutation,
    read,
    send,
    version_of,
)
from writing_support import detail_of, state

from app.auth.permissions import Role
from app.db.ids import new_id
from app.db.keys import Keys
from app.domain.ticket import RATING, REOPENING


@pytest.fixture
async def desk(client: Client, factory: Factory) -> ServiceDesk:
    return await make_desk(client, factory)


def steps(ticket: Any) -> list[tuple[int, str, str | None]]:
    return [(each["number"], each["kind"], each["status"]) for each in ticket["history"]]


async def back_by(owner: asyncpg.Connection, ticket: Any, span: timedelta) -> None:
    """Let a ticket have been answered so much earlier."""
    sql = "update ticket set resolved_at = resolved_at - $2::interval where number = $1"
    assert await owner.execute(sql, ticket["number"], span) == "UPDATE 1"


async def test_a_ticket_from_its_opening_to_its_rating(desk: ServiceDesk) -> None:
    ticket = await desk.opened()
    assert ticket["number"].startswith("T")
    assert len(ticket["number"]) == len("T12345678901")
    assert (ticket["subject"], ticket["priority"], ticket["queue"], ticket["version"]) == (
        "A payment has not arrived",
        "NORMAL",
        "PAYMENTS",
        1,
    )
    ticket = await send(
        desk.agent, "assignTicket", assigneeId=desk.agent_global, **version_of(ticket)
    )
    assert (ticket["status"], ticket["assignee"]) == ("IN_PROGRESS", {"id": desk.agent_global})
    here = {"ticketId": ticket["id"]}
    ticket = await send(
        desk.agent, "replyToTicket", **here, text="To which bank?", waitForCustomer=True
    )
    assert ticket["status"] == "WAITING_FOR_CUSTOMER"
    assert ticket["firstAnsweredAt"] is not None
    ticket = await send(desk.me, "replyToTicket", **here, text="To hers.")
    assert ticket["status"] == "IN_PROGRESS"
    ticket = await send(desk.agent, "resolveTicket", **ANSWER, **version_of(ticket))
    assert (ticket["status"], ticket["resolution"]) == ("RESOLVED", "EXPLAINED")
    ticket = await send(desk.me, "rateTicket", csat=4, **version_of(ticket))
    assert (ticket["csat"], ticket["ratedAt"] is None) == (4, False)
    ticket = await send(desk.agent, "changeTicketStatus", status="CLOSED", **version_of(ticket))
    assert (ticket["status"], ticket["closedAt"] is None) == ("CLOSED", False)
    assert steps(ticket) == [
        (1, "OPENED", "OPEN"),
        (2, "ASSIGNED", "IN_PROGRESS"),
        (3, "REPLIED", "WAITING_FOR_CUSTOMER"),
        (4, "REPLIED", "IN_PROGRESS"),
        (5, "RESOLVED", "RESOLVED"),
        (6, "RATED", None),
        (7, "CLOSED", "CLOSED"),
    ]
    assert [each["comment"] and each["comment"]["body"] for each in ticket["history"]] == [
        "Where is the money that I sent to my sister?",
        None,
        "To which bank?",
        "To hers.",
        "It arrives tomorrow.",
        None,
        None,
    ]


async def test_customers_never_learn_of_what_is_internal(
    desk: ServiceDesk, client: Client, owner: asyncpg.Connection
) -> None:
    before = await desk.opened()
    here = {"ticketId": before["id"]}
    await send(desk.agent, "replyToTicket", **here, text="Asks every week.", internal=True)
    assert await read(desk.me, before["id"]) == before
    # The version is still the one that the customer read.
    ticket = await send(
        desk.agent, "escalateTicket", reason="His third call.", **version_of(before)
    )
    assert steps(ticket) == [
        (1, "OPENED", "OPEN"),
        (2, "COMMENTED", None),
        (3, "ESCALATED", None),
    ]
    assert [each["comment"]["body"] for each in ticket["history"]][1:] == [
        "Asks every week.",
        "His third call.",
    ]
    seen = await read(desk.me, before["id"])
    assert steps(seen) == [(1, "OPENED", "OPEN"), (2, "ESCALATED", None)]
    assert [each["comment"] for each in seen["history"]][1:] == [None]
    assert [each["internal"] for each in seen["comments"] + seen["history"]] == [False] * 3
    export = """
      mutation ($input: ExportCustomerDataInput!) {
        exportCustomerData(input: $input) {
          ... on ExportCustomerDataPayload { export { document } } } }
    """
    given = {"idempotencyKey": "mine", "id": desk.customer.global_id}
    strong = client.as_(Role.CUSTOMER, desk.customer.id, strong=True)
    document = (await strong.run(export, input=given))["exportCustomerData"]["export"]["document"]
    assert "Where is the money" in document
    for told in ("every week", "third call", "COMMENTED", "internalEvent", "internalBefore"):
        assert told not in document
    assert '"eventCount"' not in document
    (counted,) = await owner.fetch(
        "select event_count, internal_event_count from ticket where number = $1", before["number"]
    )
    assert tuple(counted) == (3, 1)


async def test_each_step_is_told_by_one_record(
    desk: ServiceDesk, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    await factory.agent("CARDS")
    ticket = await desk.opened()
    ticket = await send(
        desk.agent, "assignTicket", assigneeId=desk.colleague_global, **version_of(ticket)
    )
    ticket = await send(
        desk.agent, "escalateTicket", reason="A card.", queue="CARDS", **version_of(ticket)
    )
    # It has left the agent's queue, and its customer the agent's sight.
    assert ticket is None
    rows = await owner.fetch(
        "select event.*, record.id as told_by, record.event, record.actor_id, record.command,"
        " record.fields, record.detail_ciphertext"
        " from ticket_event as event join audit_record as record"
        " on record.customer_id = event.customer_id and record.subject_id = event.ticket_id"
        " and record.id = event.record_id and record.subject_prefix = 'tkt'"
        " where event.customer_id = $1 order by number",
        desk.customer.id,
    )
    assert [(row["number"], row["event"], row["actor_id"], row["command"]) for row in rows] == [
        (1, "ticket.opened", desk.customer.id, "openTicket"),
        (2, "ticket.assigned", desk.agent_id, "assignTicket"),
        (3, "ticket.escalated", desk.agent_id, "escalateTicket"),
    ]
    assert [
        (row["queue"], row["assignee_id"], row["left_queue"], row["left_assignee_id"])
        for row in rows
    ] == [
        ("PAYMENTS", None, None, None),
        ("PAYMENTS", desk.colleague_id, None, None),
        ("CARDS", None, "PAYMENTS", desk.colleague_id),
    ]
    assert rows[1]["fields"] == ["assignee_id", "status"]
    (record,) = await owner.fetch("select * from audit_record where id = $1", rows[1]["record_id"])
    assert '"before":"OPEN","after":"IN_PROGRESS"' in await detail_of(owner, keys, record)


async def test_what_is_written_is_encrypted(desk: ServiceDesk, owner: asyncpg.Connection) -> None:
    ticket = await desk.opened(text="My phone is 139 1234 5678.")
    await send(desk.agent, "resolveTicket", **ANSWER, **version_of(ticket))
    stored = repr(await state(owner))
    assert ticket["number"] in stored
    assert "139 1234" not in stored
    assert "arrives tomorrow" not in stored


async def test_an_answer_that_settled_nothing_is_reopened_in_time(
    desk: ServiceDesk, owner: asyncpg.Connection
) -> None:
    ticket = await desk.opened()
    ticket = await send(
        desk.agent, "assignTicket", assigneeId=desk.agent_global, **version_of(ticket)
    )
    early = await send(desk.me, "reopenTicket", text="?", **version_of(ticket))
    assert early["code"] == "TICKET_NOT_ENDED"
    ticket = await send(desk.agent, "resolveTicket", **ANSWER, **version_of(ticket))
    ticket = await send(desk.me, "rateTicket", csat=1, **version_of(ticket))
    twice = await send(desk.me, "rateTicket", csat=5, **version_of(ticket))
    assert twice["code"] == "ALREADY_RATED"
    ticket = await send(desk.me, "reopenTicket", text="It did not.", **version_of(ticket))
    assert (ticket["status"], ticket["resolution"], ticket["resolvedAt"], ticket["csat"]) == (
        "IN_PROGRESS",
        None,
        None,
        1,
    )
    assert ticket["assignee"] is None  # Customers see of staff only who is in charge of them.
    seen = await read(desk.agent, ticket["id"])
    assert seen["assignee"] == {"id": desk.agent_global}
    ticket = await send(desk.agent, "resolveTicket", **ANSWER, **version_of(ticket))
    ticket = await send(desk.me, "rateTicket", csat=5, **version_of(ticket))
    assert ticket["csat"] == 5
    await back_by(owner, ticket, REOPENING + timedelta(minutes=1))
    late = await send(desk.me, "reopenTicket", text="Again!", **version_of(ticket))
    assert late["code"] == "TICKET_TIME_OVER"


async def test_a_rating_has_its_time(desk: ServiceDesk, owner: asyncpg.Connection) -> None:
    ticket = await desk.resolved()
    await back_by(owner, ticket, RATING - timedelta(minutes=1))
    ticket = await send(desk.me, "rateTicket", csat=3, **version_of(ticket))
    assert ticket["csat"] == 3
    ticket = await desk.resolved()
    await back_by(owner, ticket, RATING + timedelta(minutes=1))
    before = await state(owner)
    late = await send(desk.me, "rateTicket", csat=3, **version_of(ticket))
    assert late["code"] == "TICKET_TIME_OVER"
    assert await state(owner) == before
    query = mutation("rateTicket")
    given = version_of(ticket) | {"idempotencyKey": "six", "csat": 6}
    error = await desk.me.error(query, input=given)
    assert (error["extensions"]["code"], error["message"]) == ("BAD_USER_INPUT", "csat: 1 to 5")


# The command, what customers do not say in it, and the field that is to blame.
OF_STAFF: list[tuple[str, dict[str, Any], str]] = [
    ("replyToTicket", {"text": "Psst.", "internal": True}, "internal"),
    ("replyToTicket", {"text": "?", "waitForCustomer": True}, "waitForCustomer"),
    ("openTicket", {"priority": "URGENT"}, "priority"),
    ("openTicket", {"channel": "BRANCH"}, "channel"),
]


@pytest.mark.parametrize(("name", "given", "field"), OF_STAFF)
async def test_what_only_staff_say(
    desk: ServiceDesk, owner: asyncpg.Connection, name: str, given: dict[str, Any], field: str
) -> None:
    ticket = await desk.opened()
    about = asked(desk.customer) if name == "openTicket" else {"ticketId": ticket["id"]}
    before = await state(owner)
    refused = await send(desk.me, name, **about | given)
    assert (refused["code"], refused["field"]) == ("ONLY_STAFF_MAY", field)
    assert await state(owner) == before


async def test_what_cannot_happen_to_a_ticket_is_refused(
    desk: ServiceDesk, factory: Factory, owner: asyncpg.Connection
) -> None:
    ticket = await desk.opened()
    stranger = Made("sta", *[await factory.agent("CARDS")] * 2).global_id
    retired = Made("sta", *[await factory.agent("PAYMENTS")] * 2)
    await owner.execute("update staff set active = false where id = $1", retired.id)
    urgent = await desk.opened(topic="CARD_LOST")
    assert urgent["priority"] == "URGENT"
    done = await desk.resolved()
    before = await state(owner)
    for name, given, code, field in (
        ("assignTicket", version_of(ticket), "NOTHING_TO_CHANGE", None),
        (
            "assignTicket",
            version_of(ticket) | {"assigneeId": stranger},
            "STAFF_NOT_FITTING",
            "assigneeId",
        ),
        (
            "assignTicket",
            version_of(ticket) | {"assigneeId": retired.global_id},
            "STAFF_NOT_FITTING",
            "assigneeId",
        ),
        (
            "assignTicket",
            version_of(ticket) | {"assigneeId": desk.agent_global, "expectedVersion": 7},
            "STALE_VERSION",
            "expectedVersion",
        ),
        ("changeTicketStatus", version_of(ticket) | {"status": "OPEN"}, "NOTHING_TO_CHANGE", None),
        (
            "changeTicketStatus",
            version_of(ticket) | {"status": "CLOSED"},
            "STATUS_NOT_FITTING",
            "status",
        ),
        (
            "changeTicketStatus",
            version_of(done) | {"status": "IN_PROGRESS"},
            "STATUS_NOT_FITTING",
            "status",
        ),
        ("escalateTicket", version_of(urgent) | {"reason": "Now!"}, "NOTHING_TO_CHANGE", None),
        (
            "escalateTicket",
            version_of(ticket) | {"reason": "There.", "queue": "NOWHERE"},
            "NOT_FOUND",
            "queue",
        ),
        ("resolveTicket", version_of(done) | ANSWER, "TICKET_ENDED", None),
        ("replyToTicket", {"ticketId": done["id"], "text": "And?"}, "TICKET_ENDED", None),
        (
            "replyToTicket",
            {"ticketId": ticket["id"].replace("tkt_", "tkt_0"), "text": "?"},
            None,
            None,
        ),
    ):
        if code is None:
            error = await desk.agent.error(
                mutation(name), input=given | {"idempotencyKey": "malformed"}
            )
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            continue
        refused = await send(desk.agent, name, **given)
        assert (refused["code"], refused["field"]) == (code, field), name
    assert await state(owner) == before


async def test_a_ticket_is_given_back_to_its_queue(desk: ServiceDesk) -> None:
    ticket = await desk.opened()
    ticket = await send(
        desk.agent, "assignTicket", assigneeId=desk.colleague_global, **version_of(ticket)
    )
    ticket = await send(desk.agent, "assignTicket", **version_of(ticket))
    assert (ticket["status"], ticket["assignee"]) == ("OPEN", None)
    assert [each["assignee"] for each in ticket["history"]] == [
        None,
        {"id": desk.colleague_global},
        None,
    ]


async def test_a_ticket_may_be_about_an_account(desk: ServiceDesk, factory: Factory) -> None:
    account = await factory.account(desk.customer)
    ticket = await desk.opened(accountId=account.global_id)
    assert ticket["account"] == {"id": account.global_id}
    none = Made("acc", desk.customer.id, new_id()).global_id
    refused = await desk.opened(accountId=none)
    assert (refused["code"], refused["field"]) == ("NOT_FOUND", "accountId")


async def test_empty_and_overlong_letters_are_bad_input(desk: ServiceDesk) -> None:
    for text in (" \n", "x" * 4_001, "a\x00b"):
        given = asked(desk.customer, text=text) | {"idempotencyKey": "odd"}
        error = await desk.me.error(mutation("openTicket"), input=given)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"].startswith("text: ")


async def test_nothing_is_written_to_whom_there_is_no_key_for(
    desk: ServiceDesk, owner: asyncpg.Connection
) -> None:
    ticket = await desk.opened()
    await owner.execute("delete from customer_key where customer_id = $1", desk.customer.id)
    before = await state(owner)
    text = {"text": "Was erased.", "internal": True}
    refused = await send(desk.agent, "replyToTicket", ticketId=ticket["id"], **text)
    assert (refused["code"], refused["field"]) == ("CUSTOMER_NOT_ACTIVE", "ticketId")
    assert await state(owner) == before
