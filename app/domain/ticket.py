"""Tickets of the service desk: what may happen to one, and what stays of it in its history.

Each function takes a ticket as it stands, and gives it as it is then with the step of its history,
or refuses. docs/tickets.md shows the states as a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from app.domain.problem import Problem, ProblemCode
from app.domain.service import (
    TicketEventKind,
    TicketPriority,
    TicketResolution,
    TicketStatus,
    TicketTopic,
)

# So long after the answer a customer may say that it settled nothing, and how the service was.
REOPENING: Final = timedelta(days=14)
RATING: Final = timedelta(days=30)
STARS_MAX: Final = 5

ENDED: Final = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
# What may be said of a ticket; an answer, a rating and a reopening are mutations of their own.
_NEXT: Final[Mapping[TicketStatus, frozenset[TicketStatus]]] = MappingProxyType(
    {
        TicketStatus.OPEN: frozenset({TicketStatus.IN_PROGRESS, TicketStatus.WAITING_FOR_CUSTOMER}),
        TicketStatus.IN_PROGRESS: frozenset({TicketStatus.WAITING_FOR_CUSTOMER}),
        TicketStatus.WAITING_FOR_CUSTOMER: frozenset({TicketStatus.IN_PROGRESS}),
        TicketStatus.RESOLVED: frozenset({TicketStatus.CLOSED}),
        TicketStatus.CLOSED: frozenset(),
    }
)
_PRIORITIES: Final = tuple(TicketPriority)
# Where hours count: money may be leaving, or none can.
_PRESSING: Final = MappingProxyType(
    {
        TicketTopic.CARD_LOST: TicketPriority.URGENT,
        TicketTopic.PAYMENT_UNKNOWN: TicketPriority.HIGH,
        TicketTopic.ACCOUNT_FROZEN: TicketPriority.HIGH,
        TicketTopic.TRANSFER_UNUSUAL: TicketPriority.HIGH,
    }
)


@dataclass(frozen=True)
class TicketState:
    """A ticket as it stands: what its steps change, and what they depend on."""

    status: TicketStatus
    priority: TicketPriority
    queue: str
    assignee_id: UUID | None = None
    resolution: TicketResolution | None = None
    first_answered_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    rated_at: datetime | None = None
    csat: int | None = None

    @property
    def ended_at(self) -> datetime | None:
        """When it was answered for good; None where it was not, or nobody knows when."""
        return self.resolved_at or self.closed_at


@dataclass(frozen=True)
class Step:
    """What happened to a ticket, and how it stands then; ``internal`` is for staff only."""

    after: TicketState
    kind: TicketEventKind
    internal: bool = False


def priority_of(topic: TicketTopic) -> TicketPriority:
    """Say how urgent a ticket is that nobody has looked at."""
    return _PRESSING.get(topic, TicketPriority.NORMAL)


def opened(priority: TicketPriority, queue: str) -> Step:
    """Open a ticket."""
    return Step(TicketState(TicketStatus.OPEN, priority, queue), TicketEventKind.OPENED)


def answered_by_customer(ticket: TicketState) -> Step:
    """Add what the customer writes; whoever waited for it goes on."""
    _check_running(ticket)
    status = ticket.status
    if status is TicketStatus.WAITING_FOR_CUSTOMER:
        status = _taken_up(ticket.assignee_id)
    return Step(replace(ticket, status=status), TicketEventKind.REPLIED)


def answered_by_staff(ticket: TicketState, at: datetime, *, waits: bool) -> Step:
    """Add what staff write to the customer, and let the ticket wait for an answer or not."""
    _check_running(ticket)
    waits = waits or ticket.status is TicketStatus.WAITING_FOR_CUSTOMER
    status = TicketStatus.WAITING_FOR_CUSTOMER if waits else TicketStatus.IN_PROGRESS
    after = replace(ticket, status=status, first_answered_at=ticket.first_answered_at or at)
    return Step(after, TicketEventKind.REPLIED)


def commented(ticket: TicketState) -> Step:
    """Add what staff write to each other, at any time."""
    return Step(ticket, TicketEventKind.COMMENTED, internal=True)


def assigned(ticket: TicketState, agent: UUID | None) -> Step:
    """Give a ticket to somebody, or back to its queue (None)."""
    _check_running(ticket)
    if agent == ticket.assignee_id:
        raise Problem(ProblemCode.NOTHING_TO_CHANGE)
    status = ticket.status
    if status is not TicketStatus.WAITING_FOR_CUSTOMER:
        status = _taken_up(agent)
    return Step(replace(ticket, assignee_id=agent, status=status), TicketEventKind.ASSIGNED)


def status_changed(ticket: TicketState, status: TicketStatus, at: datetime) -> Step:
    """Say how far a ticket has come; one that is answered may be closed."""
    if status is ticket.status:
        raise Problem(ProblemCode.NOTHING_TO_CHANGE)
    if status not in _NEXT[ticket.status]:
        raise Problem(ProblemCode.STATUS_NOT_FITTING, "status")
    if status is TicketStatus.CLOSED:
        return Step(replace(ticket, status=status, closed_at=at), TicketEventKind.CLOSED)
    return Step(replace(ticket, status=status), TicketEventKind.STATUS_CHANGED)


def escalated(ticket: TicketState, queue: str | None) -> Step:
    """Make a ticket more urgent by one step, and move it to another queue where one is named.

    Whoever had it does not work in the other queue: it is nobody's there at first.
    """
    _check_running(ticket)
    place = _PRIORITIES.index(ticket.priority) + 1
    priority = _PRIORITIES[min(place, len(_PRIORITIES) - 1)]
    after = replace(ticket, priority=priority)
    if queue is not None and queue != ticket.queue:
        status = ticket.status
        if status is not TicketStatus.WAITING_FOR_CUSTOMER:
            status = TicketStatus.OPEN
        after = replace(after, queue=queue, assignee_id=None, status=status)
    if after == ticket:
        raise Problem(ProblemCode.NOTHING_TO_CHANGE)
    return Step(after, TicketEventKind.ESCALATED)


def resolved(ticket: TicketState, resolution: TicketResolution, at: datetime) -> Step:
    """Answer a ticket for good, as far as the bank is concerned."""
    _check_running(ticket)
    after = replace(
        ticket,
        status=TicketStatus.RESOLVED,
        resolution=resolution,
        first_answered_at=ticket.first_answered_at or at,
        resolved_at=at,
    )
    return Step(after, TicketEventKind.RESOLVED)


def reopened(ticket: TicketState, at: datetime) -> Step:
    """Take up again what was not settled; whoever had it has it again."""
    _check_ended_within(ticket, REOPENING, at)
    after = replace(
        ticket,
        status=_taken_up(ticket.assignee_id),
        resolution=None,
        resolved_at=None,
        closed_at=None,
        rated_at=None,
    )
    return Step(after, TicketEventKind.REOPENED)


def rated(ticket: TicketState, stars: int, at: datetime) -> Step:
    """Say how the service was: once for each time that the ticket was answered."""
    _check_ended_within(ticket, RATING, at)
    if ticket.rated_at is not None:
        raise Problem(ProblemCode.ALREADY_RATED)
    return Step(replace(ticket, csat=stars, rated_at=at), TicketEventKind.RATED)


def _taken_up(assignee: UUID | None) -> TicketStatus:
    return TicketStatus.OPEN if assignee is None else TicketStatus.IN_PROGRESS


def _check_running(ticket: TicketState) -> None:
    if ticket.status in ENDED:
        raise Problem(ProblemCode.TICKET_ENDED)


def _check_ended_within(ticket: TicketState, span: timedelta, at: datetime) -> None:
    if ticket.status not in ENDED:
        raise Problem(ProblemCode.TICKET_NOT_ENDED)
    if ticket.ended_at is None or at > ticket.ended_at + span:
        raise Problem(ProblemCode.TICKET_TIME_OVER)
