"""The service desk's work on tickets: who has one, how far it has come, and its answer."""

from dataclasses import dataclass
from uuid import UUID

from app.db import ticket_writes
from app.db.commands import Change, Command, Done
from app.db.ticket_events import LockedTicket
from app.db.ticket_writes import Comment, TicketKey
from app.db.unit_of_work import Unit
from app.domain import ticket as tickets
from app.domain.problem import Problem
from app.domain.service import TicketResolution, TicketStatus
from app.resolvers.context import Context, carry_out


@dataclass(frozen=True)
class AssignTicket:
    """Who works on a ticket from now on; None is nobody."""

    ticket: TicketKey
    assignee: UUID | None
    expected_version: int


@dataclass(frozen=True)
class ChangeTicketStatus:
    """How far a ticket has come."""

    ticket: TicketKey
    status: TicketStatus
    expected_version: int


@dataclass(frozen=True)
class EscalateTicket:
    """Why a ticket is more urgent than it seemed, and which queue it moves to, if it does."""

    ticket: TicketKey
    queue: str | None
    reason: str
    expected_version: int


@dataclass(frozen=True)
class ResolveTicket:
    """What the customer is answered, and what came of it."""

    ticket: TicketKey
    resolution: TicketResolution
    text: str
    expected_version: int


async def assign(context: Context, key: str, command: AssignTicket) -> Done | Problem:
    """Give a ticket to an agent of its queue, or back to the queue."""

    async def act(unit: Unit) -> Change:
        ticket = await _lock(unit, command.ticket, command.expected_version)
        step = tickets.assigned(ticket.state, command.assignee)
        if command.assignee is not None:
            await ticket_writes.check_agent(unit, command.assignee, ticket.state.queue)
        return await ticket_writes.take_step(unit, ticket, step)

    return await carry_out(context, Command("assignTicket", key, command), act)


async def change_status(context: Context, key: str, command: ChangeTicketStatus) -> Done | Problem:
    """Say how far a ticket has come."""

    async def act(unit: Unit) -> Change:
        ticket = await _lock(unit, command.ticket, command.expected_version)
        step = tickets.status_changed(ticket.state, command.status, unit.at)
        return await ticket_writes.take_step(unit, ticket, step)

    return await carry_out(context, Command("changeTicketStatus", key, command), act)


async def escalate(context: Context, key: str, command: EscalateTicket) -> Done | Problem:
    """Make a ticket more urgent, and move it to another queue where one is named."""

    async def act(unit: Unit) -> Change:
        ticket = await _lock(unit, command.ticket, command.expected_version)
        step = tickets.escalated(ticket.state, command.queue)
        if step.after.queue != ticket.state.queue:
            await ticket_writes.check_queue(unit, step.after.queue)
        reason = Comment(command.reason, internal=True)
        return await ticket_writes.take_step(unit, ticket, step, reason)

    return await carry_out(context, Command("escalateTicket", key, command), act)


async def resolve(context: Context, key: str, command: ResolveTicket) -> Done | Problem:
    """Answer a ticket for good."""

    async def act(unit: Unit) -> Change:
        ticket = await _lock(unit, command.ticket, command.expected_version)
        step = tickets.resolved(ticket.state, command.resolution, unit.at)
        return await ticket_writes.take_step(unit, ticket, step, Comment(command.text))

    return await carry_out(context, Command("resolveTicket", key, command), act)


async def _lock(unit: Unit, key: TicketKey, expected_version: int) -> LockedTicket:
    ticket = await ticket_writes.lock(unit, key, expected_version)
    await ticket_writes.check_in_own_queue(unit, ticket)
    return ticket
