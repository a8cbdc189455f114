"""Money, ages, months and closed sets."""

from datetime import date
from decimal import Decimal

import pytest

from app.domain.customer import Tier, age_in_years
from app.domain.dates import add_months
from app.domain.money import Currency, minor_unit, rounded


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.125", Currency.USD, "0.12"),
        ("0.135", Currency.USD, "0.14"),
        ("-0.125", Currency.USD, "-0.12"),
        ("2.5", Currency.JPY, "2"),
        ("700", Currency.USD, "700.00"),
    ],
)
def test_amounts_round_half_even(amount: str, currency: Currency, expected: str) -> None:
    assert str(rounded(Decimal(amount), currency)) == expected


def test_minor_units() -> None:
    assert minor_unit(Currency.CNY) == Decimal("0.01")
    assert minor_unit(Currency.JPY) == Decimal(1)


@pytest.mark.parametrize(
    ("born_on", "at", "age"),
    [
        (date(1990, 12, 13), date(2018, 12, 12), 27),
        (date(1990, 12, 13), date(2018, 12, 13), 28),
        (date(2000, 2, 29), date(2001, 2, 28), 0),
        (date(2000, 2, 29), date(2001, 3, 1), 1),
    ],
)
def test_age_is_in_completed_years(born_on: date, at: date, age: int) -> None:
    assert age_in_years(born_on, at) == age


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2020, 1, 31), 1, date(2020, 2, 29)),
        (date(2019, 1, 31), 1, date(2019, 2, 28)),
        (date(2019, 12, 15), 1, date(2020, 1, 15)),
        (date(2019, 3, 31), -1, date(2019, 2, 28)),
    ],
)
def test_months_end_on_their_last_day(start: date, months: int, expected: date) -> None:
    assert add_months(start, months) == expected


def test_members_of_closed_sets_are_their_stored_text() -> None:
    assert Tier["GOLD"] is Tier.GOLD
    assert f"{Tier.GOLD}" == Tier.GOLD == "GOLD"
    assert Tier.GOLD.description == "High-value customers."
