"""Inventing how tickets go: when their steps are, and how they stand to what was promised."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from app.db.seed.ledger import DAY_SECONDS
from app.db.seed.people import Member, Person, choose
from app.db.seed.plan import HISTORY_DAYS, Plan
from app.db.service_desk import calendar_of
from app.domain import service_level
from app.domain.service import TicketEventKind, TicketPriority, TicketStatus
from app.domain.service_level import NEVER, TARGETS, Due, Milestone, ServiceClock

_STATUSES: Final = (
    (0.66, TicketStatus.CLOSED),
    (0.80, TicketStatus.RESOLVED),
    (0.88, TicketStatus.IN_PROGRESS),
    (0.94, TicketStatus.WAITING_FOR_CUSTOMER),
    (1.0, TicketStatus.OPEN),
)
_ENDED: Final = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
_RATED: Final = 0.5
# Between the answer, the end and the customer's rating.
_CLOSING: Final = timedelta(minutes=20)
# Running tickets are young: what nobody has looked at is of the last day.
_DAYS_MAX: Final = {
    TicketStatus.OPEN: 1,
    TicketStatus.IN_PROGRESS: 8,
    TicketStatus.WAITING_FOR_CUSTOMER: 20,
}
_OPENED_DAY_SECONDS: Final = 36_000
_OPENS_AT: Final = 8 * 3_600
_SECOND: Final = timedelta(seconds=1)

# When, what, by whom, and the status reached.
Step = tuple[datetime, TicketEventKind, UUID | None, TicketStatus | None]


@dataclass(frozen=True, slots=True)
class Course:
    """How a ticket goes: when its steps are, in the order in which they are taken.

    ``due_at`` is when what it owed was due: of one that is nobody's yet the first answer, else the
    solution. ``due`` is what is due by the end of the history.
    """

    status: TicketStatus
    opened_at: datetime
    assigned_at: datetime
    answered_at: datetime
    ended_at: datetime
    due_at: datetime
    now: datetime
    csat: int | None
    clock: ServiceClock
    due: Due

    @property
    def is_ended(self) -> bool:
        """Whether the customer has the answer."""
        return self.status in _ENDED

    @property
    def is_answered(self) -> bool:
        """Whether staff have written to the customer."""
        return self.status is not TicketStatus.OPEN

    @property
    def rated_at(self) -> datetime | None:
        """When the customer rated the service, which only closed tickets are."""
        if self.closed_at is None or self.csat is None:
            return None
        return self.closed_at + _CLOSING

    @property
    def closed_at(self) -> datetime | None:
        """When the ticket was closed, if it is."""
        return self.ended_at + _CLOSING if self.status is TicketStatus.CLOSED else None

    @property
    def is_late(self) -> bool:
        """Whether the answer came, or is still to come, after it was due."""
        if self.status is TicketStatus.WAITING_FOR_CUSTOMER:
            return False
        return self.due_at < (self.ended_at if self.is_ended else self.now)

    @property
    def shown_due_at(self) -> datetime | None:
        """What the ticket shows to be due; nothing while it waits for the customer."""
        return None if self.status is TicketStatus.WAITING_FOR_CUSTOMER else self.due_at

    def times(self) -> tuple[object, ...]:
        """Give what the ticket's row has of it, from ``worked`` on."""
        told_at = self.due_at if self.is_late else None
        return (
            self.clock.worked,
            self.clock.running_since,
            self.due.milestone,
            self.due.left // _SECOND,
            self.due.soon_at,
            told_at,
            told_at,
            self.due.at or NEVER,
        )

    def steps(self, agent: UUID | None) -> Iterator[Step]:
        """Give what happened, not yet in the order of time."""
        yield self.opened_at, TicketEventKind.OPENED, None, TicketStatus.OPEN
        if agent is not None:
            yield self.assigned_at, TicketEventKind.ASSIGNED, agent, TicketStatus.IN_PROGRESS
        if self.is_answered:
            yield self.answered_at, TicketEventKind.REPLIED, agent, None
        if self.status is TicketStatus.WAITING_FOR_CUSTOMER:
            yield self.answered_at, TicketEventKind.STATUS_CHANGED, agent, self.status
        if self.is_late:
            yield self.due_at, TicketEventKind.BREACHED, None, None
        if self.is_ended:
            yield self.ended_at, TicketEventKind.RESOLVED, agent, TicketStatus.RESOLVED
        if self.closed_at is not None:
            yield self.closed_at, TicketEventKind.CLOSED, agent, TicketStatus.CLOSED
        if self.rated_at is not None:
            yield self.rated_at, TicketEventKind.RATED, None, None


def moment(plan: Plan, person: Person, rng: Random, days_max: int = HISTORY_DAYS) -> datetime:
    """Give a moment in the bank's day, since the customer came and before the business date."""
    known = (plan.business_date - person.since).days
    days = HISTORY_DAYS - 1 - int(rng.random() * (min(days_max, known) - 1))
    return plan.moment(days * DAY_SECONDS + _OPENS_AT + int(rng.random() * _OPENED_DAY_SECONDS))


def make_course(plan: Plan, member: Member, priority: TicketPriority, queue: str) -> Course:
    """Invent how a ticket of a queue goes, on the calendar and with the target that it has."""
    person, rng = member.person, member.rng
    status = choose(_STATUSES, rng.random())
    opened_at = moment(plan, person, rng, _DAYS_MAX.get(status, HISTORY_DAYS))
    now = plan.moment(HISTORY_DAYS * DAY_SECONDS)
    calendar, target = calendar_of(queue), TARGETS[person.tier, priority]
    milestone = Milestone.ANSWER if status is TicketStatus.OPEN else Milestone.SOLUTION
    due_at = calendar.add_working_time(opened_at, target.of(milestone))
    # Steps take shares of what is left, so that none comes after the history's end.
    spent = min((due_at - opened_at) * (0.2 + 1.0 * rng.random()), (now - opened_at) * 0.85)
    assigned_at = opened_at + _whole_seconds(spent * (0.05 + 0.1 * rng.random()))
    answered_at = opened_at + _whole_seconds(spent * (0.3 + 0.3 * rng.random()))
    ended_at = opened_at + _whole_seconds(spent)
    clock = service_level.opened(opened_at)
    if milestone is Milestone.SOLUTION:
        clock = service_level.answered(clock)
    stops_at = ended_at if status in _ENDED else answered_at
    clock = service_level.moved(clock, calendar, calendar, status, stops_at)
    return Course(
        status=status,
        opened_at=opened_at,
        assigned_at=assigned_at,
        answered_at=answered_at,
        ended_at=ended_at,
        due_at=due_at,
        now=now,
        csat=1 + int(rng.random() ** 0.4 * 5) if rng.random() < _RATED else None,
        clock=clock,
        due=service_level.due(clock, target, calendar),
    )


def _whole_seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=int(span.total_seconds()))
