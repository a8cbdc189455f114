"""How long the bank must keep what it knows of a customer."""

from datetime import date
from typing import Final

# Anti-Money-Laundering Law of the People's Republic of China (as revised in 2024), article 34:
# identity data for ten years after the relation ended, transactions for ten years after each.
RETENTION_YEARS: Final = 10


def is_kept_by_law(last_business_on: date | None, today: date) -> bool:
    """Tell whether data must be kept; somebody who never did business has no such data."""
    if last_business_on is None:
        return False
    # A 29 February ten years on lasts until the end of that month.
    last_day = (last_business_on.year + RETENTION_YEARS, *last_business_on.timetuple()[1:3])
    return (today.year, today.month, today.day) <= last_day
