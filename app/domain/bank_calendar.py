"""The hours in which a bank works: shifts, weekends, holidays, days worked instead of others.

Time worked is what lies inside the hours of a day, in absolute seconds, so that a change of the
clocks inside a shift counts as it passes. Hours that overlap count once. Worked examples and the
sources of the days: docs/service-levels.md.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.closed_set import ClosedSet
from app.domain.public_holidays import public_year

ONE_DAY: Final = timedelta(days=1)
NOTHING: Final = timedelta(0)
WEEKDAYS: Final = range(1, 8)
# Weekday of ISO 8601 whose hours hold on a day that is worked instead of another.
MONDAY: Final = 1
# A calendar that works so little that a target is not met within so many days has no hours.
_DAYS_MAX: Final = 3_660
_TIME_FORMAT: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
# What a shift is written as, in Python's regular expressions and PostgreSQL's alike.
SHIFT_FORMAT: Final = f"{_TIME_FORMAT}-{_TIME_FORMAT}"
_SHIFT: Final = re.compile(SHIFT_FORMAT)


class SpecialDayKind(ClosedSet):
    """Why a day differs from its weekday and from the public holidays."""

    HOLIDAY = "HOLIDAY", "A holiday that the public calendar does not have."
    MAKE_UP = "MAKE_UP", "A day that is worked instead of another one (tiao xiu)."
    CLOSING = "CLOSING", "The bank is closed, or closes early, for a reason of its own."
    OPENING = "OPENING", "The bank works though the day would be off."


@dataclass(frozen=True, slots=True)
class Shift:
    """Wall-clock hours from ``begins``; ``ends`` is on the next day where it is not later."""

    begins: time
    ends: time

    def within(self, on: date, zone: ZoneInfo) -> "Span":
        """Give the shift that begins on a day."""
        until = on if self.ends > self.begins else on + ONE_DAY
        return Span(_moment(on, self.begins, zone), _moment(until, self.ends, zone))


Hours = tuple[Shift, ...]
CLOSED: Final[Hours] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment (UTC, inside) to another (outside)."""

    begins: datetime
    ends: datetime


def _moment(on: date, at: time, zone: ZoneInfo) -> datetime:
    """Give a wall-clock time in UTC; of a time that comes twice, the first one."""
    return datetime.combine(on, at, zone).astimezone(UTC)


def read_hours(text: str) -> Hours:
    """Read hours as ``08:30-12:00 13:00-17:30``; nothing means closed. Raises ValueError."""
    shifts = []
    for part in text.split():
        if _SHIFT.fullmatch(part) is None:
            message = f"{part!r} is not a shift as 08:30-12:00"
            raise ValueError(message)
        begins, ends = map(time.fromisoformat, part.split("-"))
        shifts.append(Shift(begins, ends))
    return tuple(sorted(shifts, key=lambda shift: shift.begins))


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day of the bank's own: the weekday that it is worked as, and its hours.

    Without ``hours`` those of the weekday ``follows`` hold; with neither the day is closed. Plans
    of staff, who are on for weekdays, go by ``follows``, else by the day's own weekday.
    """

    kind: SpecialDayKind
    follows: int | None = None
    hours: Hours | None = None


@dataclass(frozen=True)
class BankCalendar:
    """The hours of one place.

    ``week`` has hours by weekday (ISO 8601: Monday is 1); a weekday that is missing is off.
    ``country`` names the public holidays that are off, None for none. ``special`` days stand above
    both.
    """

    zone: ZoneInfo
    week: Mapping[int, Hours]
    country: str | None = None
    special: Mapping[date, SpecialDay] = field(default_factory=lambda: MappingProxyType({}))

    def weekday(self, on: date) -> int | None:
        """Give the weekday that a day is worked as; None where the bank is closed on it."""
        special = self.special.get(on)
        if special is not None:
            follows = special.follows or on.isoweekday()
            hours = self.week.get(follows) if special.follows else CLOSED
            return follows if (hours if special.hours is None else special.hours) else None
        if self.country is not None:
            public = public_year(self.country, on.year)
            if on in public.worked:
                return MONDAY if self.week.get(MONDAY) else None
            if on in public.days_off:
                return None
        return on.isoweekday() if self.week.get(on.isoweekday()) else None

    def hours(self, on: date) -> Hours:
        """Give the hours that begin on a day."""
        weekday = self.weekday(on)
        if weekday is None:
            return CLOSED
        special = self.special.get(on)
        if special is not None and special.hours is not None:
            return special.hours
        return self.week[weekday]

    def spans(self, start: datetime, last: date) -> Iterator[Span]:
        """Give the time worked since ``start`` in hours that begin up to a day, without overlaps.

        The last span may end later than that day, past midnight.
        """
        # What began the evening before may last past midnight.
        on = start.astimezone(self.zone).date() - ONE_DAY
        reached = start.astimezone(UTC)
        while on <= last:
            for shift in self.hours(on):
                span = shift.within(on, self.zone)
                if span.ends > reached:
                    yield Span(max(span.begins, reached), span.ends)
                    reached = span.ends
            on += ONE_DAY

    def is_open(self, at: datetime) -> bool:
        """Tell whether the bank works at a moment; not any more at the end of a shift."""
        today = at.astimezone(self.zone).date()
        return any(span.begins <= at < span.ends for span in self.spans(at, today))

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """Give the time worked from ``start`` to ``end``; negative where ``end`` comes first."""
        if end < start:
            return -self.working_time_between(end, start)
        last = end.astimezone(self.zone).date()
        return sum(
            (
                min(span.ends, end) - span.begins
                for span in self.spans(start, last)
                if span.begins < end
            ),
            NOTHING,
        )

    def add_working_time(self, start: datetime, duration: timedelta) -> datetime:
        """Give the first moment (UTC) by which ``duration`` was worked since ``start``.

        Time that is up when a shift ends is up then, not when the next one begins. Raises
        ValueError for a negative duration, and where the calendar does not work enough.
        """
        if duration < NOTHING:
            message = f"working time runs forward, not by {duration}"
            raise ValueError(message)
        if duration == NOTHING:
            return start.astimezone(UTC)
        left = duration
        for span in self.spans(start, start.astimezone(self.zone).date() + _DAYS_MAX * ONE_DAY):
            if span.begins + left <= span.ends:
                return span.begins + left
            left -= span.ends - span.begins
        message = f"the calendar does not work {duration} within {_DAYS_MAX:,} days"
        raise ValueError(message)
