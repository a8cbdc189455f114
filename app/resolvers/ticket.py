"""Requests to the service desk: opening one, writing to it, reopening and rating it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.auth.permissions import Role
from app.db import ticket_writes
from app.db.commands import Change, Command, Done
from app.db.ticket_writes import Comment, NewTicket, TicketKey
from app.db.unit_of_work import Unit
from app.domain import ticket as tickets
from app.domain.problem import Problem, ProblemCode
from app.domain.service import Channel, TicketCategory, TicketPriority, TicketTopic
from app.resolvers.context import Context, carry_out

# How customers come to the bank by themselves; the rest is what staff say of them.
_ONLINE: Final = frozenset({Channel.WEB, Channel.MOBILE})


@dataclass(frozen=True)
class OpenTicket:
    """What a customer asks for; ``priority`` None is that of the topic."""

    customer: UUID
    category: TicketCategory
    topic: TicketTopic
    text: str
    channel: Channel
    priority: TicketPriority | None
    account: UUID | None


@dataclass(frozen=True)
class ReplyToTicket:
    """What somebody writes, to the other side or ``internal`` to staff, and who is to act then."""

    ticket: TicketKey
    text: str
    internal: bool
    waits: bool


@dataclass(frozen=True)
class ReopenTicket:
    """Which answer settled nothing, and why."""

    ticket: TicketKey
    text: str
    expected_version: int


@dataclass(frozen=True)
class RateTicket:
    """How the service was, from 1 to 5."""

    ticket: TicketKey
    stars: int
    expected_version: int


async def open_ticket(context: Context, key: str, command: OpenTicket) -> Done | Problem:
    """Open a ticket in the queue of its category."""

    async def act(unit: Unit) -> Change:
        _check_said_by_customer(unit, command)
        await ticket_writes.lock_customer(unit, command.customer, "customerId")
        if command.account is not None:
            await ticket_writes.check_account(unit, command.customer, command.account)
        new = NewTicket(
            command.customer,
            command.category,
            command.topic,
            command.priority or tickets.priority_of(command.topic),
            command.channel,
            command.account,
        )
        return await ticket_writes.open_ticket(unit, new, Comment(command.text))

    return await carry_out(context, Command("openTicket", key, command), act)


async def reply(context: Context, key: str, command: ReplyToTicket) -> Done | Problem:
    """Write to a ticket."""

    async def act(unit: Unit) -> Change:
        of_customer = unit.viewer.role is Role.CUSTOMER
        for said, field in ((command.internal, "internal"), (command.waits, "waitForCustomer")):
            if of_customer and said:
                raise Problem(ProblemCode.ONLY_STAFF_MAY, field)
        ticket = await ticket_writes.lock(unit, command.ticket)
        if of_customer:
            step = tickets.answered_by_customer(ticket.state)
        elif command.internal:
            step = tickets.commented(ticket.state)
        else:
            step = tickets.answered_by_staff(ticket.state, unit.at, waits=command.waits)
        comment = Comment(command.text, command.internal)
        return await ticket_writes.take_step(unit, ticket, step, comment)

    return await carry_out(context, Command("replyToTicket", key, command), act)


async def reopen(context: Context, key: str, command: ReopenTicket) -> Done | Problem:
    """Reopen a ticket whose answer settled nothing."""

    async def act(unit: Unit) -> Change:
        ticket = await ticket_writes.lock(unit, command.ticket, command.expected_version)
        step = tickets.reopened(ticket.state, unit.at)
        return await ticket_writes.take_step(unit, ticket, step, Comment(command.text))

    return await carry_out(context, Command("reopenTicket", key, command), act)


async def rate(context: Context, key: str, command: RateTicket) -> Done | Problem:
    """Rate the answer to a ticket."""

    async def act(unit: Unit) -> Change:
        ticket = await ticket_writes.lock(unit, command.ticket, command.expected_version)
        step = tickets.rated(ticket.state, command.stars, unit.at)
        return await ticket_writes.take_step(unit, ticket, step)

    return await carry_out(context, Command("rateTicket", key, command), act)


def _check_said_by_customer(unit: Unit, command: OpenTicket) -> None:
    """Refuse what customers do not say of themselves."""
    if unit.viewer.role is not Role.CUSTOMER:
        return
    if command.priority is not None:
        raise Problem(ProblemCode.ONLY_STAFF_MAY, "priority")
    if command.channel not in _ONLINE:
        raise Problem(ProblemCode.ONLY_STAFF_MAY, "channel")
