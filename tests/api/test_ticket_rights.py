"""Who may do what with tickets, in which queues, and of whom."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from client import Client
from factories import Factory, Made
from issuer import Issuer
from ticket_support import (
    ANSWER,
    PERMISSIONS,
    ServiceDesk,
    asked,
    make_desk,
    mutation,
    send,
    version_of,
)
from writing_support import state

from app.auth.permissions import MATRIX, TICKET_ACTIONS, Role

BUTTONS = "query ($id: ID!) { ticket(id: $id) { viewerCan { action allowed problem } } }"


@pytest.fixture
async def desk(client: Client, factory: Factory) -> ServiceDesk:
    return await make_desk(client, factory)


async def buttons(person: Client, ticket: Any) -> dict[str, str | None]:
    """What somebody's post may do with a ticket, and why not as it stands."""
    told = (await person.run(BUTTONS, id=ticket["id"]))["ticket"]["viewerCan"]
    assert [each["action"] for each in told] == [action.value for action in TICKET_ACTIONS]
    return {each["action"]: each["problem"] for each in told if each["allowed"] or each["problem"]}


async def test_agents_work_in_their_own_queues(
    desk: ServiceDesk, client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    """Who sees a customer for one ticket sees the others, too, and may write to them."""
    ticket = await desk.opened()
    await desk.opened(category="CREDIT_CARD", topic="CARD_LOST")
    other = client.as_(Role.SERVICE_AGENT, await factory.agent("CARDS"))
    before = await state(owner)
    for name, given in (
        ("assignTicket", {}),
        ("changeTicketStatus", {"status": "IN_PROGRESS"}),
        ("escalateTicket", {"reason": "Mine!"}),
        ("resolveTicket", ANSWER),
    ):
        refused = await send(other, name, **version_of(ticket), **given)
        assert refused["code"] == "TICKET_NOT_IN_QUEUE", name
    assert await state(owner) == before
    seen = await send(other, "replyToTicket", ticketId=ticket["id"], text="He called.")
    assert seen["status"] == "IN_PROGRESS"


async def test_a_ticket_of_somebody_else_does_not_exist(
    desk: ServiceDesk, client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    ticket = await desk.resolved()
    account = await factory.account(await factory.customer())
    stranger = client.as_(Role.CUSTOMER, (await factory.customer()).id)
    elsewhere = client.as_(Role.SERVICE_AGENT, await factory.agent("LOANS"))
    before = await state(owner)
    for person in (stranger, elsewhere):
        refused = await send(person, "replyToTicket", ticketId=ticket["id"], text="Hello?")
        assert (refused["code"], refused["field"]) == ("NOT_FOUND", "ticketId")
        refused = await send(person, "openTicket", **asked(desk.customer))
        assert (refused["code"], refused["field"]) == ("NOT_FOUND", "customerId")
    gone = ticket["id"][:-2] + ("aa" if ticket["id"][-2:] != "aa" else "ba")
    refused = await send(desk.me, "replyToTicket", ticketId=gone, text="Hello?")
    assert refused["code"] == "NOT_FOUND"
    refused = await send(desk.me, "openTicket", **asked(desk.customer, accountId=account.global_id))
    assert (refused["code"], refused["field"]) == ("NOT_FOUND", "accountId")
    assert await state(owner) == before


async def test_nobody_serves_oneself(
    desk: ServiceDesk, issuer: Issuer, client_of_issuer: Client, owner: asyncpg.Connection
) -> None:
    ticket = await desk.opened()
    token = issuer.token(
        customer_id=str(desk.customer.id),
        staff_id=str(desk.agent_id),
        roles=["SERVICE_AGENT", "CUSTOMER"],
        role="SERVICE_AGENT",
    )
    oneself = client_of_issuer
    oneself.headers["authorization"] = f"Bearer {token}"
    told = await buttons(oneself, ticket)
    assert set(told.values()) == {"CUSTOMER_IS_ONESELF"}
    before = await state(owner)
    for name, given in (
        ("openTicket", asked(desk.customer)),
        ("replyToTicket", {"ticketId": ticket["id"], "text": "I answer myself."}),
        ("resolveTicket", version_of(ticket) | ANSWER),
    ):
        assert (await send(oneself, name, **given))["code"] == "CUSTOMER_IS_ONESELF"
    assert await state(owner) == before


async def test_buttons_say_what_commands_would(
    desk: ServiceDesk, owner: asyncpg.Connection
) -> None:
    ticket = await desk.opened()
    assert await buttons(desk.agent, ticket) == {
        "REPLY_TO_TICKET": None,
        "ASSIGN_TICKET": None,
        "CHANGE_TICKET_STATUS": None,
        "ESCALATE_TICKET": None,
        "RESOLVE_TICKET": None,
        "REOPEN_TICKET": "TICKET_NOT_ENDED",
    }
    assert await buttons(desk.me, ticket) == {
        "REPLY_TO_TICKET": None,
        "REOPEN_TICKET": "TICKET_NOT_ENDED",
        "RATE_TICKET": "TICKET_NOT_ENDED",
    }
    ticket = await send(desk.agent, "resolveTicket", **ANSWER, **version_of(ticket))
    assert await buttons(desk.me, ticket) == {
        "REPLY_TO_TICKET": "TICKET_ENDED",
        "REOPEN_TICKET": None,
        "RATE_TICKET": None,
    }
    ticket = await send(desk.me, "rateTicket", csat=5, **version_of(ticket))
    assert (await buttons(desk.me, ticket))["RATE_TICKET"] == "ALREADY_RATED"
    ticket = await send(desk.agent, "changeTicketStatus", status="CLOSED", **version_of(ticket))
    assert (await buttons(desk.agent, ticket))["CHANGE_TICKET_STATUS"] == "STATUS_NOT_FITTING"
    sql = "update ticket set resolved_at = resolved_at - interval '15 days' where number = $1"
    await owner.execute(sql, ticket["number"])
    assert (await buttons(desk.me, ticket))["REOPEN_TICKET"] == "TICKET_TIME_OVER"
    assert await owner.execute(
        "update ticket set resolved_at = null, closed_at = null, rated_at = null, csat = null"
        " where number = $1",
        ticket["number"],
    )
    assert (await buttons(desk.me, ticket))["RATE_TICKET"] == "TICKET_TIME_OVER"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", list(PERMISSIONS))
async def test_who_may_do_what(
    client: Client, factory: Factory, owner: asyncpg.Connection, name: str, role: Role
) -> None:
    customer = await factory.customer()
    who = await factory.somebody(role, customer)
    queue = f"Q{who.hex[-6:]}"
    ended: dict[str, Any] = {}
    if name in {"reopenTicket", "rateTicket"}:
        ended = {"status": "RESOLVED", "resolution": "EXPLAINED", "resolved_at": datetime.now(UTC)}
    ticket = await factory.ticket(customer, queue=queue, **ended)
    person = client.as_(role, who)
    agent = await factory.agent(queue)
    given = {"idempotencyKey": "once"} | _sensible(name, customer, ticket, agent, role)
    before = await state(owner)
    if role in MATRIX[PERMISSIONS[name]].clear:
        body = (await person.send(mutation(name), input=given)).json()
        assert "ticket" in body["data"][name], body
        after = await state(owner)
        assert after != before
        again = (await person.send(mutation(name), input=given)).json()
        assert again["data"] == body["data"]
        assert await state(owner) == after
        return
    data, denied = await person.denied(mutation(name), input=given)
    assert (data, denied) == ({name: None}, [name])
    assert await state(owner) == before


def _sensible(name: str, customer: Made, ticket: Made, agent: UUID, role: Role) -> dict[str, Any]:
    """An input that is carried out."""
    if name == "openTicket":
        return asked(customer, channel="WEB" if role is Role.CUSTOMER else "PHONE")
    if name == "replyToTicket":
        return {"ticketId": ticket.global_id, "text": "Hello."}
    values: dict[str, dict[str, Any]] = {
        "reopenTicket": {"text": "It is not settled."},
        "rateTicket": {"csat": 5},
        "assignTicket": {"assigneeId": Made("sta", agent, agent).global_id},
        "changeTicketStatus": {"status": "WAITING_FOR_CUSTOMER"},
        "escalateTicket": {"reason": "He is leaving tomorrow."},
        "resolveTicket": ANSWER,
    }
    return {"ticketId": ticket.global_id, "expectedVersion": 1} | values[name]
