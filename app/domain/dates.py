"""Calendar arithmetic that banks share."""

from calendar import monthrange
from datetime import date
from typing import Final

_DAYS_OF_EVERY_MONTH: Final = 28


def add_months(start: date, months: int) -> date:
    """Give the same day ``months`` later, or the month's last day where there is none."""
    year, month_index = divmod(start.year * 12 + start.month - 1 + months, 12)
    month = month_index + 1
    if start.day <= _DAYS_OF_EVERY_MONTH:
        return date(year, month, start.day)
    return date(year, month, min(start.day, monthrange(year, month)[1]))
