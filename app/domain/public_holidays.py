"""Public holidays of a country, with the weekend days that are worked in their place.

From the `holidays` library, whose entry for China cites the General Office of the State Council's
notice of each year. A year whose arrangement is not published yet has its statutory days only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

import holidays


@dataclass(frozen=True, slots=True)
class PublicYear:
    """One country's year: days off by name, and weekend days that are worked (tiao xiu)."""

    days_off: Mapping[date, str]
    worked: frozenset[date]


def is_known(country: str) -> bool:
    """Tell whether the library has a country, by its two letters (ISO 3166-1)."""
    return country in holidays.list_supported_countries(include_aliases=False)


@cache
def public_year(country: str, year: int) -> PublicYear:
    """Give the public holidays of a year. Raises NotImplementedError for an unknown country."""
    found = holidays.country_holidays(country, years=year)
    # A day that is worked for a holiday in January may lie in December of the year before.
    following = holidays.country_holidays(country, years=year + 1)
    worked = {
        day for day in found.weekend_workdays | following.weekend_workdays if day.year == year
    }
    days_off = {day: str(name) for day, name in found.items() if day not in worked}
    return PublicYear(MappingProxyType(days_off), frozenset(worked))
