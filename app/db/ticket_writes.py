"""Statements by which the unit of work opens tickets, locks them, and lets things happen to them.

A command locks the customer first, then the ticket.
"""

from dataclasses import dataclass
from secrets import randbelow
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.auth.permissions import Role
from app.db import routing, service_levels
from app.db.commands import Change
from app.db.ids import new_id
from app.db.ticket_events import LockedTicket, change_of, note_event
from app.db.unit_of_work import Unit
from app.domain import ticket as tickets
from app.domain.customer import DataSource
from app.domain.problem import Problem, ProblemCode
from app.domain.service import (
    QUEUES,
    Channel,
    TicketCategory,
    TicketEventKind,
    TicketPriority,
    TicketTopic,
)
from app.domain.ticket import Step
from app.domain.ticket_number import NUMBERS, ticket_number

_PLACE: Final = "ticketId"
# After these a ticket that is nobody's goes to an agent, where one is on shift.
_ROUTED: Final = frozenset(
    {TicketEventKind.OPENED, TicketEventKind.REOPENED, TicketEventKind.ESCALATED}
)
_BODY: Final = "ticket_comment.body_ciphertext"
# With a hundred million tickets, one in ten to the tenth is told to try again.
_DRAWS_MAX: Final = 5

# Locked, so that nobody is given a ticket who leaves the bank or the queue at this moment.
_AGENT: Final = """
select from staff
where id = $1 and active
    and exists (select from staff_role where staff_id = $1 and role = $3)
    and exists (select from staff_queue where staff_id = $1 and queue = $2)
for share of staff
"""
_WORKS_ON: Final = "select from staff_queue where staff_id = $1 and queue = $2"
_QUEUE: Final = "select from staff_queue where queue = $1 limit 1"


class TicketKey(NamedTuple):
    """A ticket by the two parts of its key."""

    owner: UUID
    id: UUID


@dataclass(frozen=True)
class NewTicket:
    """What a ticket is about, and how it arrived."""

    customer: UUID
    category: TicketCategory
    topic: TicketTopic
    priority: TicketPriority
    channel: Channel
    account: UUID | None = None


@dataclass(frozen=True)
class Comment:
    """What somebody writes; ``internal`` for staff only."""

    text: str
    internal: bool = False


async def lock(unit: Unit, key: TicketKey, expected_version: int | None = None) -> LockedTicket:
    """Lock a ticket of a customer whom the viewer sees; refuses staff who are the customer.

    ``expected_version`` is the one that was read, of a command that rests upon it.
    """
    await lock_customer(unit, key.owner, _PLACE)
    rows = await unit.fetch(
        "select * from ticket where customer_id = $1 and id = $2 for no key update", *key
    )
    if not rows:
        raise Problem(ProblemCode.NOT_FOUND, _PLACE)
    if expected_version is not None:
        unit.check_version(rows[0], expected_version)
    return LockedTicket.of_row(rows[0])


async def lock_customer(unit: Unit, customer: UUID, field: str) -> None:
    """Lock a customer whom the viewer sees.

    Refuses staff who are the customer themselves, and one who is erased: nothing can be written to
    whom there is no key for.
    """
    try:
        await unit.lock_customer(customer)
    except Problem as problem:
        raise Problem(problem.code, field) from problem
    if customer not in unit.ciphers:
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE, field)
    if unit.viewer.staff_id is not None and customer == unit.viewer.own_customer_id:
        raise Problem(ProblemCode.CUSTOMER_IS_ONESELF)


async def check_in_own_queue(unit: Unit, ticket: LockedTicket) -> None:
    """Refuse agents of the service desk a ticket that waits in nobody's queue of theirs."""
    if unit.viewer.role is not Role.SERVICE_AGENT:
        return
    if not await unit.fetch(_WORKS_ON, unit.viewer.staff_id, ticket.state.queue):
        raise Problem(ProblemCode.TICKET_NOT_IN_QUEUE)


async def check_agent(unit: Unit, staff: UUID, queue: str) -> None:
    """Refuse somebody who does not work on a queue of the service desk."""
    if not await unit.fetch(_AGENT, staff, queue, Role.SERVICE_AGENT):
        raise Problem(ProblemCode.STAFF_NOT_FITTING, "assigneeId")


async def check_queue(unit: Unit, queue: str) -> None:
    """Refuse a queue that nobody works on."""
    if not await unit.fetch(_QUEUE, queue):
        raise Problem(ProblemCode.NOT_FOUND, "queue")


async def check_account(unit: Unit, customer: UUID, account: UUID) -> None:
    """Refuse an account that is not the customer's own."""
    sql = "select from account where customer_id = $1 and id = $2"
    if not await unit.fetch(sql, customer, account):
        raise Problem(ProblemCode.NOT_FOUND, "accountId")


async def open_ticket(
    unit: Unit, new: NewTicket, comment: Comment | None = None, *, by_bank: bool = False
) -> Change:
    """Open a ticket in the queue of its category; see `take_step`."""
    row, queue = new_id(), QUEUES[new.category]
    number = await _draw_number(unit, new.customer, row)
    step = tickets.opened(new.priority, queue)
    values: dict[str, Any] = {
        "customer_id": new.customer,
        "id": row,
        "number": number,
        "category": new.category,
        "topic": new.topic,
        "subject": new.topic.description,
        "status": step.after.status,
        "priority": new.priority,
        "channel": new.channel,
        "queue": queue,
        "opened_at": unit.at,
        "account_id": new.account,
        # The opening is the first step, and makes both one.
        "event_count": 0,
        "version": 0,
        "source": DataSource.BANK360,
    }
    await unit.insert("ticket", **values)
    ticket = LockedTicket(new.customer, row, step.after, 0, values)
    return await take_step(unit, ticket, step, comment, by_bank=by_bank)


async def take_step(
    unit: Unit,
    ticket: LockedTicket,
    step: Step,
    comment: Comment | None = None,
    *,
    by_bank: bool = False,
) -> Change:
    """Let a step happen to a locked ticket, with what was written to it; gives the change.

    It is told by the command's own record; of what the bank does by itself (``by_bank``), in a
    command that is about something else, by another. What is due follows, and who works on it.
    """
    change, before = change_of(ticket, step), ticket.state
    comment_id = None if comment is None else await _write(unit, ticket, comment)
    await note_event(
        unit,
        ticket,
        step,
        None if by_bank else unit.record_id,
        staff_id=None if by_bank else unit.viewer.staff_id,
        comment_id=comment_id,
    )
    if service_levels.concerns(step, before):
        await service_levels.tell_breach(unit, ticket)
        await service_levels.set_due(unit, ticket, step.kind, before)
    if step.kind in _ROUTED and ticket.state.assignee_id is None:
        await routing.route(unit, ticket)
    return change


async def _write(unit: Unit, ticket: LockedTicket, comment: Comment) -> UUID:
    row = new_id()
    await unit.insert(
        "ticket_comment",
        customer_id=ticket.owner,
        id=row,
        ticket_id=ticket.id,
        staff_id=unit.viewer.staff_id,
        internal=comment.internal,
        body_ciphertext=unit.encrypt(ticket.owner, _BODY, row, comment.text),
        written_at=unit.at,
    )
    return row


async def _draw_number(unit: Unit, customer: UUID, ticket: UUID) -> str:
    # Drawn, not counted: a number must not tell how many tickets there are.
    for _ in range(_DRAWS_MAX):
        number = ticket_number(randbelow(NUMBERS))
        if await unit.fetch(
            "insert into ticket_number (number, customer_id, ticket_id) values ($1, $2, $3)"
            " on conflict do nothing returning number",
            number,
            customer,
            ticket,
        ):
            return number
    raise Problem(ProblemCode.TRY_AGAIN)
