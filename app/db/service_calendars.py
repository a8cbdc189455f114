"""Calendars of the service desk, as the database's function ``calendar_of_queue`` writes them."""

from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from app.domain.bank_calendar import BankCalendar, SpecialDay, SpecialDayKind, read_hours
from app.domain.public_holidays import is_known

# A bank has a handful; one that is changed is another text.
_CALENDARS_MAX: Final = 64


class CalendarError(Exception):
    """A calendar that was stored cannot be read: the message says what is wrong with it."""


@lru_cache(_CALENDARS_MAX)
def read_calendar(text: str) -> BankCalendar:
    """Read a calendar. Raises CalendarError for a time zone or country that nobody knows."""
    stored = orjson.loads(text)
    try:
        zone = ZoneInfo(stored["zone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"service_calendar: there is no time zone {stored['zone']!r}"
        raise CalendarError(message) from error
    if stored["country"] is not None and not is_known(stored["country"]):
        message = f"service_calendar: no public holidays are known of {stored['country']!r}"
        raise CalendarError(message)
    week = {int(weekday): read_hours(hours) for weekday, hours in (stored["week"] or {}).items()}
    special = {
        date.fromisoformat(day): SpecialDay(
            SpecialDayKind[kind], follows, None if hours is None else read_hours(hours)
        )
        for day, kind, follows, hours in stored["special"] or ()
    }
    return BankCalendar(zone, MappingProxyType(week), stored["country"], MappingProxyType(special))
