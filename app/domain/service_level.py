"""How long a ticket may take: targets in working time, the clock that counts it, what is due.

One clock counts the time worked on a ticket since it was opened. It stands still while the bank
waits for the customer, and once the ticket is resolved. The first answer is due when it reaches
one target, the solution when it reaches the other (docs/service-levels.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from app.domain.bank_calendar import NOTHING, BankCalendar
from app.domain.closed_set import ClosedSet
from app.domain.customer import Tier
from app.domain.service import TicketPriority, TicketStatus

# When a ticket is urgent that owes nothing: after all others.
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
# The last part of a target in which it counts as due soon.
_SOON_PARTS: Final = 4


class Milestone(ClosedSet):
    """What a ticket owes the customer next."""

    ANSWER = "ANSWER", "A first answer."
    SOLUTION = "SOLUTION", "The solution."


@dataclass(frozen=True, slots=True)
class Target:
    """Working time from opening to the first answer and to the solution, which is not earlier."""

    answer: timedelta
    solution: timedelta

    def of(self, milestone: Milestone) -> timedelta:
        """Give the target of one milestone."""
        return self.answer if milestone is Milestone.ANSWER else self.solution


def _hours(answer: str, solution: int) -> Target:
    hours, minutes = answer.split(":")
    return Target(timedelta(hours=int(hours), minutes=int(minutes)), timedelta(hours=solution))


_P, _T = TicketPriority, Tier
# What a bank begins with; afterwards the table service_target holds.
TARGETS: Final[Mapping[tuple[Tier, TicketPriority], Target]] = MappingProxyType(
    {
        (_T.PLATINUM, _P.URGENT): _hours("0:15", 2),
        (_T.PLATINUM, _P.HIGH): _hours("0:30", 6),
        (_T.PLATINUM, _P.NORMAL): _hours("2:00", 16),
        (_T.PLATINUM, _P.LOW): _hours("4:00", 32),
        (_T.GOLD, _P.URGENT): _hours("0:20", 3),
        (_T.GOLD, _P.HIGH): _hours("0:45", 8),
        (_T.GOLD, _P.NORMAL): _hours("3:00", 24),
        (_T.GOLD, _P.LOW): _hours("6:00", 40),
        (_T.SILVER, _P.URGENT): _hours("0:30", 4),
        (_T.SILVER, _P.HIGH): _hours("1:00", 12),
        (_T.SILVER, _P.NORMAL): _hours("4:00", 32),
        (_T.SILVER, _P.LOW): _hours("8:00", 64),
        (_T.NORMAL, _P.URGENT): _hours("0:30", 4),
        (_T.NORMAL, _P.HIGH): _hours("1:30", 16),
        (_T.NORMAL, _P.NORMAL): _hours("6:00", 40),
        (_T.NORMAL, _P.LOW): _hours("8:00", 80),
    }
)
# In these the bank owes nothing: the customer is asked, or has the answer.
STANDING_STILL: Final = frozenset(
    {TicketStatus.WAITING_FOR_CUSTOMER, TicketStatus.RESOLVED, TicketStatus.CLOSED}
)


@dataclass(frozen=True, slots=True)
class ServiceClock:
    """The time worked on a ticket: ``worked`` up to ``running_since``, None while it stands still.

    ``answered`` once the customer had a first answer.
    """

    worked: timedelta
    running_since: datetime | None
    answered: bool = False

    @property
    def milestone(self) -> Milestone:
        """What is owed next."""
        return Milestone.SOLUTION if self.answered else Milestone.ANSWER


@dataclass(frozen=True, slots=True)
class Due:
    """What is due next, and when: moments in UTC, None while the clock stands still.

    ``left`` is the working time up to it as of the clock's last change, negative where it is
    past.
    """

    milestone: Milestone
    left: timedelta
    at: datetime | None
    soon_at: datetime | None


def opened(at: datetime) -> ServiceClock:
    """Start the clock of a new ticket."""
    return ServiceClock(NOTHING, at)


def stopped(clock: ServiceClock, calendar: BankCalendar, at: datetime) -> ServiceClock:
    """Let the clock stand still from a moment on; one that does stays as it is."""
    if clock.running_since is None:
        return clock
    passed = calendar.working_time_between(clock.running_since, max(at, clock.running_since))
    return replace(clock, worked=clock.worked + passed, running_since=None)


def started(clock: ServiceClock, at: datetime) -> ServiceClock:
    """Let the clock run again; one that runs stays as it is."""
    return clock if clock.running_since is not None else replace(clock, running_since=at)


def answered(clock: ServiceClock) -> ServiceClock:
    """Note the first answer: the solution is owed next."""
    return replace(clock, answered=True)


def reopened(clock: ServiceClock, target: Target, at: datetime) -> ServiceClock:
    """Let the clock of a resolved ticket run again.

    Resolving too early gains no time: what was worked counts. But at least the time of a first
    answer is left, because nobody could work on it meanwhile.
    """
    worked = min(clock.worked, max(target.solution - target.answer, NOTHING))
    return started(replace(clock, worked=worked, answered=True), at)


def moved(
    clock: ServiceClock,
    was_on: BankCalendar,
    is_on: BankCalendar,
    status: TicketStatus,
    at: datetime,
) -> ServiceClock:
    """Let the clock run or stand still as a ticket's new status says.

    What was worked until now was so on the calendar ``was_on``: another queue may have another.
    """
    if status in STANDING_STILL:
        return stopped(clock, was_on, at)
    if was_on != is_on:
        clock = stopped(clock, was_on, at)
    return started(clock, at)


def due(clock: ServiceClock, target: Target, calendar: BankCalendar) -> Due:
    """Say what is due next under a target, which may have changed since the ticket was opened.

    A target that was reached before it was set is due at once. Due soon is the last quarter of
    the target.
    """
    milestone = clock.milestone
    whole = target.of(milestone)
    left = whole - clock.worked
    if clock.running_since is None:
        return Due(milestone, left, None, None)
    at = calendar.add_working_time(clock.running_since, max(left, NOTHING))
    soon = max(left - whole / _SOON_PARTS, NOTHING)
    return Due(milestone, left, at, calendar.add_working_time(clock.running_since, soon))


def remaining(
    due_at: datetime | None, left: timedelta, calendar: BankCalendar, at: datetime
) -> timedelta:
    """Give the working time that is left at a moment, negative once it is past.

    While the clock stands still (``due_at`` is None) it is what was left when it stopped.
    """
    return left if due_at is None else calendar.working_time_between(at, due_at)
