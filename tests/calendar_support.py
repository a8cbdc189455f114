"""The calendar that due times are worked by hand on: that of docs/service-levels.md."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.domain.bank_calendar import BankCalendar, SpecialDay, SpecialDayKind, read_hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
DESK_HOURS = read_hours("08:30-12:00 13:00-17:30 18:00-20:00")
ROUND_THE_CLOCK = read_hours("00:00-08:00 08:00-16:00 16:00-00:00")
TYPHOON = date(2026, 9, 16)
INVENTORY = date(2026, 3, 31)
OPEN_SUNDAY = date(2026, 3, 15)
DESK = BankCalendar(
    SHANGHAI,
    dict.fromkeys(range(1, 6), DESK_HOURS),
    "CN",
    {
        TYPHOON: SpecialDay(SpecialDayKind.CLOSING, hours=read_hours("08:30-12:00")),
        INVENTORY: SpecialDay(SpecialDayKind.CLOSING),
        OPEN_SUNDAY: SpecialDay(SpecialDayKind.OPENING, follows=5),
    },
)
HOTLINE = BankCalendar(SHANGHAI, dict.fromkeys(range(1, 8), ROUND_THE_CLOCK))
NIGHT = BankCalendar(NEW_YORK, dict.fromkeys(range(1, 8), read_hours("22:00-06:00")))


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """Read a wall-clock time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def worked(text: str) -> timedelta:
    """Read hours and minutes of working time."""
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
