"""Calendar arithmetic that banks share."""

from calendar import monthrange
from datetime import date


def add_months(start: date, months: int) -> date:
    """Give the same day ``months`` later, or the month's last day where there is none."""
    year, month_index = divmod(start.year * 12 + start.month - 1 + months, 12)
    month = month_index + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))
