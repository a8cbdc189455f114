"""Statements of service levels: a ticket's clock, what is due, and what is told of it once.

The ticket's row is locked in all of them. docs/service-levels.md explains them.
"""

from datetime import timedelta
from typing import Any, Final

from app.db.service_calendars import read_calendar
from app.db.ticket_events import LockedTicket, Telling, note_event
from app.domain import service_level
from app.domain.service import TicketEventKind
from app.domain.service_level import NEVER, Milestone, ServiceClock, Target
from app.domain.ticket import ENDED, Step, TicketState

# The calendar is that of the queue which the ticket was in ($3) and of the one it is in.
_READ: Final = """
select ticket.worked, ticket.running_since, ticket.due_for, ticket.due_at, target.answer_minutes,
    target.solution_minutes, calendar_of_queue($3) as was_on, calendar_of_queue(queue) as is_on
from ticket
join customer on customer.id = ticket.customer_id
left join service_target as target
    on target.tier = customer.tier and target.priority = ticket.priority
where ticket.customer_id = $1 and ticket.id = $2
"""
# What was told of one milestone is not told of it again, whatever happens to the clock.
_SAVE: Final = """
update ticket set worked = $3, running_since = $4, due_for = $5, left_seconds = $6, due_at = $7,
    due_soon_at = $8, urgent_at = $9,
    due_soon_told_at = case when $10 then null else due_soon_told_at end,
    breach_told_at = case when $10 then null else breach_told_at end
where customer_id = $1 and id = $2
"""
_TELL_BREACH: Final = """
update ticket set breach_told_at = $3, breached_at = coalesce(breached_at, due_at),
    due_soon_told_at = coalesce(due_soon_told_at, $3)
where customer_id = $1 and id = $2
    and running_since is not null and breach_told_at is null and due_at <= $3
"""
_TELL_DUE_SOON: Final = """
update ticket set due_soon_told_at = $3
where customer_id = $1 and id = $2
    and running_since is not null and due_soon_told_at is null and due_soon_at <= $3
    and due_at > $3
"""
_BEGINS: Final = frozenset({TicketEventKind.OPENED, TicketEventKind.REOPENED})


def concerns(step: Step, before: TicketState) -> bool:
    """Tell whether a step changes what a ticket's time is counted by."""
    after = step.after
    return step.kind in _BEGINS or (
        (before.status, before.priority, before.queue, before.first_answered_at)
        != (after.status, after.priority, after.queue, after.first_answered_at)
    )


async def set_due(
    telling: Telling, ticket: LockedTicket, kind: TicketEventKind, before: TicketState
) -> None:
    """Let a ticket's clock run or stand still after a step, and set what is due next.

    A queue without a calendar and a tier without a target have no service level; nor has a ticket
    that was stored before its bank had any, until it is reopened.
    """
    row = await telling.connection.fetchrow(_READ, ticket.owner, ticket.id, before.queue)
    assert row is not None
    is_begun = kind in _BEGINS or row["due_for"] is not None
    if not is_begun or row["is_on"] is None or row["answer_minutes"] is None:
        return
    await _save(telling, ticket, kind, row)


async def _save(telling: Telling, ticket: LockedTicket, kind: TicketEventKind, row: Any) -> None:
    is_on = read_calendar(row["is_on"])
    was_on = is_on if row["was_on"] is None else read_calendar(row["was_on"])
    target = Target(
        timedelta(minutes=row["answer_minutes"]), timedelta(minutes=row["solution_minutes"])
    )
    answered = row["due_for"] == Milestone.SOLUTION
    clock = ServiceClock(row["worked"], row["running_since"], answered)
    if kind is TicketEventKind.REOPENED:
        clock = service_level.reopened(clock, target, telling.at)
    else:
        clock = service_level.moved(clock, was_on, is_on, ticket.state.status, telling.at)
    if ticket.state.first_answered_at is not None:
        clock = service_level.answered(clock)
    due = service_level.due(clock, target, is_on)
    # An ended ticket goes on showing when it was due.
    due_at = row["due_at"] if ticket.state.status in ENDED else due.at
    is_new = due.milestone != row["due_for"] or kind is TicketEventKind.REOPENED
    await telling.connection.execute(
        _SAVE,
        ticket.owner,
        ticket.id,
        clock.worked,
        clock.running_since,
        due.milestone,
        due.left // timedelta(seconds=1),
        due_at,
        due.soon_at,
        due.at or NEVER,
        is_new,
    )


async def tell_breach(telling: Telling, ticket: LockedTicket) -> bool:
    """Tell that a ticket's due time passed, where it did and was not told; gives whether it was.

    The worker's clock does so within a minute. A command that comes before it does so first, so
    that an answer given late does not hide that it was.
    """
    told = await telling.connection.execute(_TELL_BREACH, ticket.owner, ticket.id, telling.at)
    if told != "UPDATE 1":
        return False
    await note_event(telling, ticket, Step(ticket.state, TicketEventKind.BREACHED))
    return True


async def tell_due_soon(telling: Telling, ticket: LockedTicket) -> bool:
    """Tell staff that little time is left, where that holds and was not told."""
    told = await telling.connection.execute(_TELL_DUE_SOON, ticket.owner, ticket.id, telling.at)
    if told != "UPDATE 1":
        return False
    step = Step(ticket.state, TicketEventKind.DUE_SOON, internal=True)
    await note_event(telling, ticket, step)
    return True
