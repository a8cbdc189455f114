"""Loans: schedules against hand-worked figures, and the five grades."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.loan import Classification, annuity_payment, classify, schedule
from app.domain.money import Currency


def test_an_interest_free_loan_is_split_evenly() -> None:
    lines = list(schedule(Decimal(4980), Decimal(0), 12, date(2014, 7, 5), Currency.USD))
    assert {line.principal for line in lines} == {Decimal("415.00")}
    assert {line.interest for line in lines} == {Decimal("0.00")}
    assert (lines[0].due_on, lines[-1].due_on) == (date(2014, 8, 5), date(2015, 7, 5))


def test_an_annuity_against_the_formula() -> None:
    # 100,000 at 6 % over 360 months: the textbook payment is 599.55.
    assert annuity_payment(Decimal(100_000), Decimal("0.06"), 360, Currency.USD) == Decimal(
        "599.55"
    )


def test_the_first_lines_of_an_annuity() -> None:
    first, second, *_ = schedule(
        Decimal(100_000), Decimal("0.06"), 360, date(2020, 1, 31), Currency.USD
    )
    assert (first.interest, first.principal) == (Decimal("500.00"), Decimal("99.55"))
    assert (second.interest, second.principal) == (Decimal("499.50"), Decimal("100.05"))
    # 31 January plus one month is the last day of February.
    assert first.due_on == date(2020, 2, 29)


def test_yen_have_no_minor_unit() -> None:
    lines = list(schedule(Decimal(100_000), Decimal("0.03"), 7, date(2020, 1, 1), Currency.JPY))
    assert all(line.principal == line.principal.to_integral() for line in lines)


def test_a_loan_runs_at_least_a_month() -> None:
    with pytest.raises(ValueError, match="not 0"):
        next(schedule(Decimal(1), Decimal(0), 0, date(2020, 1, 1), Currency.USD))


@given(
    principal=st.decimals(min_value="0.01", max_value="9999999.99", places=2),
    rate=st.decimals(min_value=0, max_value="0.36", places=5),
    months=st.integers(min_value=1, max_value=480),
)
def test_principal_parts_sum_to_the_principal(
    principal: Decimal, rate: Decimal, months: int
) -> None:
    lines = list(schedule(principal, rate, months, date(2020, 2, 29), Currency.USD))
    assert sum(line.principal for line in lines) == principal
    assert [line.number for line in lines] == list(range(1, months + 1))
    assert all(line.interest >= 0 for line in lines)
    assert all(earlier.due_on < later.due_on for earlier, later in pairwise(lines))


@pytest.mark.parametrize(
    ("days", "grade"),
    [
        (0, Classification.NORMAL),
        (1, Classification.SPECIAL_MENTION),
        (90, Classification.SPECIAL_MENTION),
        (91, Classification.SUBSTANDARD),
        (270, Classification.SUBSTANDARD),
        (271, Classification.DOUBTFUL),
        (360, Classification.DOUBTFUL),
        (361, Classification.LOSS),
        (5000, Classification.LOSS),
    ],
)
def test_grades_begin_above_their_days(days: int, grade: Classification) -> None:
    assert classify(days) is grade
