"""Interest against examples worked by hand in docs/interest.md."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dates import add_months, months_between
from app.domain.interest import (
    AutoRenewal,
    DayCount,
    Maturity,
    Term,
    days,
    demand_interest,
    early_withdrawal,
    mature,
    matures_on,
    next_maturity,
    term_interest,
    term_starts_on,
)
from app.domain.money import Currency, rounded

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 12, 31))


def _yuan(amount: Decimal) -> Decimal:
    return rounded(amount, Currency.CNY)


def _term(**changes: object) -> Term:
    terms = {
        "principal": Decimal(50_000),
        "currency": Currency.CNY,
        "annual_rate": Decimal("0.0175"),
        "starts_on": date(2026, 1, 10),
        "ends_on": date(2027, 1, 10),
        "day_count": DayCount.MONTHS_360,
    }
    return Term(**(terms | changes))  # type: ignore[arg-type]  # The names are those of Term.


@pytest.mark.parametrize(
    ("start", "end", "day_count", "expected"),
    [
        (date(2024, 1, 31), date(2024, 3, 1), DayCount.ACT_360, 30),
        (date(2023, 1, 31), date(2023, 3, 1), DayCount.ACT_365, 29),
        (date(2023, 1, 31), date(2023, 3, 1), DayCount.THIRTY_360, 31),
        (date(2023, 1, 31), date(2023, 2, 28), DayCount.THIRTY_360, 28),
        (date(2023, 1, 30), date(2023, 1, 31), DayCount.THIRTY_360, 0),
        (date(2023, 2, 28), date(2023, 3, 1), DayCount.THIRTY_360, 3),
        (date(2023, 1, 31), date(2023, 2, 28), DayCount.MONTHS_360, 30),
        (date(2023, 1, 31), date(2023, 3, 1), DayCount.MONTHS_360, 31),
        (date(2023, 1, 15), date(2023, 4, 25), DayCount.MONTHS_360, 100),
        (date(2023, 1, 15), date(2024, 1, 15), DayCount.MONTHS_360, 360),
        (date(2023, 5, 5), date(2023, 5, 5), DayCount.MONTHS_360, 0),
    ],
)
def test_days_of_a_period(start: date, end: date, day_count: DayCount, expected: int) -> None:
    assert days(start, end, day_count) == expected


def test_a_period_runs_forward() -> None:
    with pytest.raises(ValueError, match="2023-05-04 is before 2023-05-05"):
        days(date(2023, 5, 5), date(2023, 5, 4), DayCount.ACT_360)


def test_demand_interest_by_accumulated_balance_days() -> None:
    # A quarter from 21 December to 20 March: 10,000 for 40 days, 15,000 for 30, 5,000 for 20.
    accumulated = Decimal(10_000) * 40 + Decimal(15_000) * 30 + Decimal(5_000) * 20
    assert accumulated == 950_000
    exact = demand_interest(accumulated, Decimal("0.0035"), DayCount.ACT_360)
    assert exact == Decimal("9.2361111111")
    assert _yuan(exact) == Decimal("9.24")


def test_a_day_count_of_365_pays_less() -> None:
    exact = demand_interest(Decimal(950_000), Decimal("0.0035"), DayCount.ACT_365)
    assert _yuan(exact) == Decimal("9.11")


def test_whole_months_and_days_beyond_them() -> None:
    start = date(2026, 1, 15)
    rate = Decimal("0.011")
    whole = term_interest(Decimal(10_000), rate, start, date(2026, 4, 15), DayCount.MONTHS_360)
    assert _yuan(whole) == Decimal("27.50")
    beyond = term_interest(Decimal(10_000), rate, start, date(2026, 4, 25), DayCount.MONTHS_360)
    assert _yuan(beyond) == Decimal("30.56")


def test_a_year_of_actual_days_over_360_pays_five_days_more() -> None:
    interest = term_interest(
        Decimal(10_000),
        Decimal("0.015"),
        date(2026, 1, 15),
        date(2027, 1, 15),
        DayCount.ACT_360,
    )
    assert _yuan(interest) == Decimal("152.08")


def test_yen_interest_has_no_fraction() -> None:
    yen = _term(currency=Currency.JPY, principal=Decimal(1_000_000), annual_rate=Decimal("0.00025"))
    assert yen.interest == Decimal(250)


def test_part_of_a_deposit_broken_off() -> None:
    broken = early_withdrawal(
        _term(), Decimal(20_000), date(2026, 4, 20), demand_rate=Decimal("0.002")
    )
    assert broken.interest == Decimal("11.11")
    assert broken.remaining == Decimal(30_000)
    rest = mature(_term(principal=broken.remaining), AutoRenewal.NONE)
    assert rest.interest == Decimal("525.00")


def test_all_of_a_deposit_broken_off_on_its_first_day_earns_nothing() -> None:
    broken = early_withdrawal(
        _term(), Decimal(50_000), date(2026, 1, 10), demand_rate=Decimal("0.002")
    )
    assert (broken.interest, broken.remaining) == (Decimal("0.00"), Decimal(0))


@pytest.mark.parametrize("amount", ["0", "-1", "50000.01"])
def test_only_what_is_there_is_broken_off(amount: str) -> None:
    with pytest.raises(ValueError, match="cannot be taken out of 50000"):
        early_withdrawal(_term(), Decimal(amount), date(2026, 4, 20), demand_rate=Decimal(0))


@pytest.mark.parametrize("on", [date(2026, 1, 9), date(2027, 1, 10)])
def test_only_within_the_term_is_a_withdrawal_early(on: date) -> None:
    with pytest.raises(ValueError, match=f"{on} is not within the term"):
        early_withdrawal(_term(), Decimal(1), on, demand_rate=Decimal(0))


@pytest.mark.parametrize(
    ("renewal", "paid_out", "principal"),
    [
        (AutoRenewal.NONE, "50875.00", "0"),
        (AutoRenewal.PRINCIPAL, "875.00", "50000"),
        (AutoRenewal.PRINCIPAL_AND_INTEREST, "0", "50875.00"),
    ],
)
def test_maturity(renewal: AutoRenewal, paid_out: str, principal: str) -> None:
    settled = mature(_term(), renewal)
    assert settled == Maturity(Decimal("875.00"), Decimal(paid_out), Decimal(principal))


def test_a_deposit_of_a_month_end_matures_at_month_ends() -> None:
    opened = date(2026, 1, 31)
    first = matures_on(opened, 1)
    assert first == date(2026, 2, 28)
    second = next_maturity(opened, first, 1)
    assert second == date(2026, 3, 31)
    third = next_maturity(opened, second, 1)
    assert third == date(2026, 4, 30)
    assert term_starts_on(opened, first, 1) == opened
    assert term_starts_on(opened, third, 1) == second
    assert days(first, second, DayCount.MONTHS_360) == 33


@given(opened=DAYS, months=st.integers(1, 60), terms=st.integers(1, 20))
def test_terms_follow_each_other(opened: date, months: int, terms: int) -> None:
    end = matures_on(opened, months)
    for number in range(1, terms + 1):
        assert end == add_months(opened, number * months)
        later = next_maturity(opened, end, months)
        assert term_starts_on(opened, later, months) == end
        end = later


@given(start=DAYS, length=st.integers(0, 5000))
def test_whole_months_are_the_most_that_fit(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    months = months_between(start, end)
    assert add_months(start, months) <= end < add_months(start, months + 1)


@given(
    start=DAYS,
    lengths=st.lists(st.integers(0, 400), min_size=1, max_size=5),
    day_count=st.sampled_from([DayCount.ACT_360, DayCount.ACT_365, DayCount.THIRTY_360]),
)
def test_day_counts_of_demand_deposits_add_up(
    start: date, lengths: list[int], day_count: DayCount
) -> None:
    ends = [start]
    for length in lengths:
        ends.append(ends[-1] + timedelta(days=length))
    parts = [days(a, b, day_count) for a, b in pairwise(ends)]
    assert sum(parts) == days(start, ends[-1], day_count)
