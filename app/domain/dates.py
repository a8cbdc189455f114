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


def months_between(start: date, end: date) -> int:
    """Count the whole months from ``start`` to ``end``, which is not before it.

    A month is whole on the same day of the next one, or on its last day where there is none:
    the largest n with ``add_months(start, n) <= end``.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if add_months(start, months) <= end else months - 1
