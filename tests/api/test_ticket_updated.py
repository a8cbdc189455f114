"""Subscriptions to what happens to tickets: everybody is told what their rights allow, no more."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest
from client import Client
from factories import Factory, Made
from stream_support import TICKETS, Subscriber, following, subscribed
from ticket_support import ANSWER, ServiceDesk, make_desk, send, version_of

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.domain.service import TicketEventKind
from app.schema.ticket_updated import _KINDS


@pytest.fixture
async def desk(served: Client, factory: Factory) -> ServiceDesk:
    return await make_desk(served, factory)


def token_of(token_key: TokenKey, role: Role, person: UUID) -> str:
    return token_key.issue(role, person, strong=True)


async def kinds(stream: Subscriber, count: int) -> list[str]:
    return [(await stream.next())["__typename"] for _ in range(count)]


async def note(desk: ServiceDesk, ticket: Any) -> Any:
    """Something that staff write for each other."""
    given = {"text": "He calls every day.", "internal": True}
    return await send(desk.agent, "replyToTicket", **given, ticketId=ticket["id"])


async def test_customer_teller_and_agent_are_each_told_what_they_may_see(
    address: str, desk: ServiceDesk, factory: Factory, token_key: TokenKey
) -> None:
    ticket = await desk.opened()
    teller = await factory.responsible("TELLER", desk.customer)
    people = {
        Role.CUSTOMER: desk.customer.id,
        Role.TELLER: teller,
        Role.SERVICE_AGENT: desk.agent_id,
    }
    given = {"ticket": ticket["id"]}
    tokens = {role: token_of(token_key, role, person) for role, person in people.items()}
    async with (
        following(address, tokens[Role.CUSTOMER], TICKETS, **given) as customer,
        following(address, tokens[Role.TELLER], TICKETS, **given) as counter,
        following(address, tokens[Role.SERVICE_AGENT], TICKETS, **given) as agent,
    ):
        await note(desk, ticket)
        answer = {"text": "We look into it.", "internal": False}
        await send(desk.agent, "replyToTicket", **answer, ticketId=ticket["id"])
        told = await customer.next()
        for stream in (counter, agent):
            internal = await stream.next()
            assert internal["__typename"] == "TicketCommented"
            assert internal["event"]["comment"] == {"body": "He calls every day."}
            public = await stream.next()
            assert public["__typename"] == "TicketReplied"
            # The customer does not learn that there was anything between.
            assert (public["event"]["number"], told["event"]["number"]) == (3, 2)
    assert told["__typename"] == "TicketReplied"
    assert told["event"]["comment"] == {"body": "We look into it."}
    assert told["ticket"]["id"] == ticket["id"]


async def test_all_that_happens_to_a_ticket_of_a_customer(
    address: str, desk: ServiceDesk, token_key: TokenKey
) -> None:
    token = token_of(token_key, Role.CUSTOMER, desk.customer.id)
    async with following(address, token, TICKETS, customer=desk.customer.global_id) as stream:
        ticket = await desk.opened()
        assert await kinds(stream, 1) == ["TicketOpened"]
        ticket = await send(desk.agent, "resolveTicket", **ANSWER, **version_of(ticket))
        assert await kinds(stream, 1) == ["TicketResolved"]
        ticket = await send(desk.me, "rateTicket", csat=4, **version_of(ticket))
        assert await kinds(stream, 1) == ["TicketRated"]
        reopened = {"text": "It did not arrive."} | version_of(ticket)
        await send(desk.me, "reopenTicket", **reopened)
        assert await kinds(stream, 1) == ["TicketReopened"]


async def test_a_ticket_that_leaves_a_queue(
    address: str, desk: ServiceDesk, token_key: TokenKey, factory: Factory
) -> None:
    token = token_of(token_key, Role.SERVICE_AGENT, desk.agent_id)
    other = token_of(token_key, Role.SERVICE_AGENT, await factory.agent("COMPLAINTS"))
    async with (
        following(address, token, TICKETS, queue=desk.queue) as stream,
        following(address, other, TICKETS, queue="COMPLAINTS") as elsewhere,
    ):
        ticket = await desk.opened()
        assert await kinds(stream, 1) == ["TicketOpened"]
        given = {"queue": "COMPLAINTS", "reason": "He complains."} | version_of(ticket)
        await send(desk.agent, "escalateTicket", **given)
        left = await stream.next()
        assert (left["__typename"], left["ticketId"]) == ("TicketLeft", ticket["id"])
        came = await elsewhere.next()
        assert (came["__typename"], came["ticket"]["id"]) == ("TicketEscalated", ticket["id"])


async def test_what_one_works_on(address: str, desk: ServiceDesk, token_key: TokenKey) -> None:
    token = token_of(token_key, Role.SERVICE_AGENT, desk.agent_id)
    ticket = await desk.opened()
    async with following(address, token, TICKETS, own=True) as stream:
        for staff in (desk.agent_global, desk.colleague_global):
            given = {"assigneeId": staff} | version_of(ticket)
            ticket = await send(desk.agent, "assignTicket", **given)
        assert await kinds(stream, 2) == ["TicketAssigned", "TicketLeft"]


async def test_a_ticket_that_leaves_the_viewers_rights(
    address: str,
    desk: ServiceDesk,
    factory: Factory,
    token_key: TokenKey,
    owner: asyncpg.Connection,
) -> None:
    ticket = await desk.opened()
    manager = await factory.responsible("RELATIONSHIP_MANAGER", desk.customer)
    token = token_of(token_key, Role.RELATIONSHIP_MANAGER, manager)
    async with following(address, token, TICKETS, ticket=ticket["id"]) as stream:
        await owner.execute("delete from assignment where staff_id = $1", manager)
        await note(desk, ticket)
        assert await kinds(stream, 1) == ["TicketLeft"]
        await stream.completed()


async def test_an_agent_who_does_not_work_on_a_queue(
    address: str, factory: Factory, token_key: TokenKey
) -> None:
    token = token_of(token_key, Role.SERVICE_AGENT, await factory.agent("CARDS"))
    async with subscribed(address, token, TICKETS, queue="PAYMENTS") as stream:
        assert (await stream.refusal())["extensions"]["code"] == "FORBIDDEN"


async def test_an_agent_who_works_on_a_queue_no_more(
    address: str, desk: ServiceDesk, token_key: TokenKey, owner: asyncpg.Connection
) -> None:
    token = token_of(token_key, Role.SERVICE_AGENT, desk.agent_id)
    async with following(address, token, TICKETS, queue=desk.queue) as stream:
        await owner.execute("delete from staff_queue where staff_id = $1", desk.agent_id)
        await desk.opened()
        payload = await stream.payload()
        assert payload["data"] == {"ticketUpdated": None}
        assert payload["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        await stream.completed()


@pytest.mark.parametrize("given", [{}, {"own": False}, {"own": True, "queue": "PAYMENTS"}])
async def test_arguments_that_make_no_sense(
    address: str, desk: ServiceDesk, token_key: TokenKey, given: dict[str, Any]
) -> None:
    token = token_of(token_key, Role.SERVICE_AGENT, desk.agent_id)
    async with subscribed(address, token, TICKETS, **given) as stream:
        assert (await stream.refusal())["extensions"]["code"] == "BAD_USER_INPUT"


async def test_tickets_of_others(
    address: str, desk: ServiceDesk, factory: Factory, token_key: TokenKey
) -> None:
    ticket = await desk.opened()
    stranger = token_of(token_key, Role.CUSTOMER, (await factory.customer()).id)
    wanted: list[dict[str, Any]] = [
        {"ticket": ticket["id"]},
        {"customer": desk.customer.global_id},
        {"own": True},
        {"ticket": Made("tkt", desk.customer.id, new_id()).global_id},
    ]
    for given in wanted:
        async with subscribed(address, stranger, TICKETS, **given) as stream:
            error = await stream.refusal()
        assert error["extensions"]["code"] == "FORBIDDEN"


def test_every_step_has_a_message() -> None:
    assert set(_KINDS) == set(TicketEventKind)
