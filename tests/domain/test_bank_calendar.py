"""Due times worked by hand, on the calendar of docs/service-levels.md."""

from datetime import UTC, date, datetime, timedelta

import pytest
from calendar_support import (
    DESK,
    HOTLINE,
    INVENTORY,
    NEW_YORK,
    NIGHT,
    OPEN_SUNDAY,
    SHANGHAI,
    TYPHOON,
    at,
    worked,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.bank_calendar import BankCalendar, read_hours
from app.domain.public_holidays import is_known, public_year

# From, working time, due: worked by hand, step by step in docs/service-levels.md.
CASES = [
    ("within one shift", "2026-03-02 09:00", "1:00", "2026-03-02 10:00"),
    ("over noon", "2026-03-02 11:45", "0:30", "2026-03-02 13:15"),
    ("asked at noon", "2026-03-02 12:15", "0:30", "2026-03-02 13:30"),
    ("into the evening shift", "2026-03-02 17:15", "0:30", "2026-03-02 18:15"),
    ("over a weekend", "2026-03-06 21:00", "0:15", "2026-03-09 08:45"),
    ("up when the shift ends", "2026-02-28 18:00", "2:00", "2026-02-28 20:00"),
    ("a minute more", "2026-02-28 18:00", "2:01", "2026-03-02 08:31"),
    ("make-up Saturday before Spring Festival", "2026-02-13 19:30", "1:00", "2026-02-14 09:00"),
    ("over Spring Festival", "2026-02-14 19:30", "1:00", "2026-02-24 09:00"),
    ("asked in Spring Festival", "2026-02-15 10:00", "4:00", "2026-02-24 13:30"),
    ("make-up Saturday after Spring Festival", "2026-02-27 17:00", "3:00", "2026-02-28 09:00"),
    ("a long target over Spring Festival", "2026-02-11 11:30", "40:00", "2026-02-24 11:30"),
    ("over New Year to a make-up Sunday", "2025-12-31 19:00", "2:00", "2026-01-04 09:30"),
    ("on a make-up Sunday in September", "2026-09-20 09:00", "10:00", "2026-09-21 09:00"),
    ("over Mid-Autumn", "2026-09-24 19:30", "1:00", "2026-09-28 09:00"),
    ("over National Day", "2026-09-30 19:00", "11:00", "2026-10-08 20:00"),
    ("make-up Saturday after National Day", "2026-10-09 19:30", "1:00", "2026-10-10 09:00"),
    ("the bank closes early", "2026-09-16 11:00", "2:00", "2026-09-17 09:30"),
    ("the bank is closed", "2026-03-30 19:00", "2:00", "2026-04-01 09:30"),
    ("the bank opens on a Sunday", "2026-03-13 19:00", "2:00", "2026-03-15 09:30"),
]


@pytest.mark.parametrize(("case", "start", "duration", "due"), CASES, ids=[c[0] for c in CASES])
def test_due_times_worked_by_hand(case: str, start: str, duration: str, due: str) -> None:
    found = DESK.add_working_time(at(start), worked(duration))
    assert found == at(due), case
    assert found.tzinfo is UTC
    assert DESK.working_time_between(at(start), at(due)) == worked(duration)


def test_the_days_of_2026_are_those_of_the_notice() -> None:
    """Notice of the General Office of the State Council on the holidays of 2026."""
    festival = {date(2026, 2, day) for day in range(15, 24)}
    national_day = {date(2026, 10, day) for day in range(1, 8)}
    others = {date(2026, 1, 2), date(2026, 4, 6), date(2026, 5, 5), date(2026, 6, 19)}
    assert not any(DESK.weekday(day) for day in festival | national_day | others)
    assert public_year("CN", 2026).worked == {
        date(2026, 1, 4),
        date(2026, 2, 14),
        date(2026, 2, 28),
        date(2026, 5, 9),
        date(2026, 9, 20),
        date(2026, 10, 10),
    }


def test_make_up_days_before_new_year_belong_to_the_year_before() -> None:
    assert date(2011, 12, 31) in public_year("CN", 2011).worked
    assert date(2011, 12, 31) not in public_year("CN", 2012).worked


def test_countries_are_named_by_two_letters() -> None:
    assert is_known("CN")
    assert not is_known("XX")


def test_round_the_clock_knows_no_holiday() -> None:
    start = at("2026-02-16 23:30")
    assert HOTLINE.add_working_time(start, worked("9:00")) == at("2026-02-17 08:30")
    assert HOTLINE.is_open(start)


def test_a_night_when_the_clocks_go_forward_is_an_hour_shorter() -> None:
    evening = at("2026-03-07 22:00", NEW_YORK)
    assert NIGHT.add_working_time(evening, worked("7:00")) == at("2026-03-08 06:00", NEW_YORK)
    assert NIGHT.add_working_time(evening, worked("8:00")) == at("2026-03-08 23:00", NEW_YORK)


def test_a_night_when_the_clocks_go_back_is_an_hour_longer() -> None:
    evening = at("2026-10-31 22:00", NEW_YORK)
    assert NIGHT.add_working_time(evening, worked("9:00")) == at("2026-11-01 06:00", NEW_YORK)


def test_a_night_belongs_to_the_evening_on_which_it_began() -> None:
    friday = BankCalendar(NEW_YORK, {5: read_hours("22:00-06:00")})
    saturday = at("2026-03-14 02:00", NEW_YORK)
    assert friday.is_open(saturday)
    assert friday.add_working_time(saturday, worked("5:00")) == at("2026-03-20 23:00", NEW_YORK)


def test_hours_that_overlap_count_once() -> None:
    doubled = BankCalendar(SHANGHAI, {1: read_hours("08:00-14:00 12:00-18:00")})
    monday = at("2026-03-02 08:00")
    assert doubled.working_time_between(monday, monday + timedelta(days=1)) == worked("10:00")
    assert doubled.add_working_time(monday, worked("9:30")) == at("2026-03-02 17:30")


def test_a_shift_ends_before_its_last_moment() -> None:
    assert DESK.is_open(at("2026-03-02 08:30"))
    assert not DESK.is_open(at("2026-03-02 12:00"))
    assert not DESK.is_open(at("2026-03-01 09:00"))


def test_a_day_worked_instead_of_another_is_worked_as_its_weekday() -> None:
    assert DESK.weekday(OPEN_SUNDAY) == 5
    assert DESK.weekday(date(2026, 2, 14)) == 1
    assert DESK.weekday(TYPHOON) == 3
    assert DESK.weekday(INVENTORY) is None


def test_time_runs_backwards_as_it_runs_forwards() -> None:
    start, end = at("2026-02-13 10:00"), at("2026-02-24 10:00")
    assert DESK.working_time_between(end, start) == -DESK.working_time_between(start, end)


def test_no_time_is_over_at_once() -> None:
    assert DESK.add_working_time(at("2026-02-16 10:00"), worked("0:00")) == at("2026-02-16 10:00")


@pytest.mark.parametrize(
    ("calendar", "duration"),
    [(DESK, timedelta(seconds=-1)), (BankCalendar(SHANGHAI, {}), timedelta(seconds=1))],
)
def test_what_never_comes_is_refused(calendar: BankCalendar, duration: timedelta) -> None:
    with pytest.raises(ValueError, match=r"working time|does not work"):
        calendar.add_working_time(at("2026-03-02 09:00"), duration)


@pytest.mark.parametrize("text", ["8:30-12:00", "08:30", "08:30-24:00", "09:60-10:00"])
def test_hours_are_read_strictly(text: str) -> None:
    with pytest.raises(ValueError, match="not a shift"):
        read_hours(text)


_MOMENTS = st.datetimes(datetime(2025, 12, 1), datetime(2026, 12, 1)).map(  # noqa: DTZ001
    lambda found: found.replace(second=0, microsecond=0, tzinfo=UTC)
)
_CALENDARS = st.sampled_from([DESK, HOTLINE, NIGHT])


@settings(max_examples=60, deadline=None)
@given(_CALENDARS, _MOMENTS, st.integers(0, 6_000))
def test_adding_is_what_lies_between(calendar: BankCalendar, start: datetime, minutes: int) -> None:
    duration = timedelta(minutes=minutes)
    end = calendar.add_working_time(start, duration)
    assert calendar.working_time_between(start, end) == duration
    earlier = end - timedelta(minutes=1)
    assert not minutes or calendar.working_time_between(start, earlier) < duration


@settings(max_examples=30, deadline=None)
@given(_CALENDARS, _MOMENTS, st.integers(0, 4_000))
def test_time_is_what_counting_minutes_gives(
    calendar: BankCalendar, start: datetime, minutes: int
) -> None:
    counted = sum(calendar.is_open(start + timedelta(minutes=n)) for n in range(minutes))
    end = start + timedelta(minutes=minutes)
    assert calendar.working_time_between(start, end) == timedelta(minutes=counted)
