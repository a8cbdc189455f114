"""Time deposits that end, against examples worked by hand."""

from datetime import date
from decimal import Decimal

import pytest

from app.domain.deposit import DemandTerms, interest_of
from app.domain.interest import DayCount, Term
from app.domain.money import Currency

TERM = Term(
    Decimal("50000.00"),
    Currency.CNY,
    Decimal("0.0175"),
    date(2026, 1, 10),
    date(2027, 1, 10),
    DayCount.MONTHS_360,
)
DEMAND = DemandTerms(Decimal("0.002"), DayCount.ACT_360)


@pytest.mark.parametrize(
    ("withdrawn", "on", "interest"),
    [
        # 20,000 x 0.2 % x 100 / 360.
        ("20000.00", date(2026, 4, 20), "11.11"),
        # 50,000 x 0.2 % x 364 / 360: the day before the end is still early.
        ("50000.00", date(2027, 1, 9), "101.11"),
        ("50000.00", date(2026, 1, 10), "0.00"),
        # 50,000 x 1.75 % x 360 / 360.
        ("50000.00", date(2027, 1, 10), "875.00"),
        # and 50,000 x 0.2 % x 36 / 360 after the end.
        ("50000.00", date(2027, 2, 15), "885.00"),
    ],
)
def test_interest_follows_the_day_of_the_withdrawal(
    withdrawn: str, on: date, interest: str
) -> None:
    assert interest_of(TERM, Decimal(withdrawn), on, DEMAND) == Decimal(interest)
