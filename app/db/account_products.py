"""The account products that a bank begins with, whether seeded or imported.

Their rates are invented: those of demand and time deposits in yuan are of the order of what the big
Chinese banks have published since 2022, the others of what their branches abroad pay.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Final
from uuid import UUID

import asyncpg

from app.db.ids import derived_id
from app.domain.account import AccountKind, InterestPosting
from app.domain.interest import DayCount
from app.domain.money import Currency

DEMAND_RATES: Final = {
    Currency.CNY: Decimal("0.002000"),
    Currency.USD: Decimal("0.010000"),
    Currency.EUR: Decimal("0.005000"),
    Currency.HKD: Decimal("0.001500"),
}
# Terms of time deposits in months, with the rate of each.
TERM_RATES: Final = (
    (3, Decimal("0.011500")),
    (6, Decimal("0.013500")),
    (12, Decimal("0.016500")),
    (24, Decimal("0.019500")),
    (36, Decimal("0.023500")),
)
_SOURCE: Final = "Invented for this bank; no bank's published rate."
_TRANSFER_FEES: Final = {Currency.USD: Decimal("3.00"), Currency.HKD: Decimal("20.00")}
_NO_FEE: Final = Decimal("0.00")
_MINIMUM: Final = Decimal("50.00")
# Sterling and Hong Kong dollars count 365 days to the year, the other currencies 360; terms in yuan
# are counted in months (docs/interest.md).
_DEMAND_DAYS: Final = {Currency.HKD: DayCount.ACT_365}
_TERM_DAYS: Final = {Currency.CNY: DayCount.MONTHS_360, Currency.HKD: DayCount.ACT_365}
# Any fixed moment: the ids must be the same in every database.
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

_STORE: Final = """
insert into account_product (id, code, name, name_zh, kind, currency, annual_rate, day_count,
    interest_posting, term_months, minimum, transfer_fee, offered, rate_source)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, true, $13) on conflict do nothing
"""


@cache
def product_id(currency: Currency, term_months: int | None = None) -> UUID:
    """Give the id of the product for a currency and, of time deposits, a term."""
    return derived_id(_EPOCH, "bank360", "account_product", _code(currency, term_months))


async def ensure_products(connection: asyncpg.Connection, *currencies: Currency) -> None:
    """Store the products of some currencies where they are missing."""
    rows = []
    for currency in currencies:
        rows.append(_row(currency, None, DEMAND_RATES[currency]))
        rows.extend(_row(currency, months, rate) for months, rate in TERM_RATES)
    await connection.executemany(_STORE, rows)


def _code(currency: Currency, term_months: int | None) -> str:
    return f"{currency}-DEMAND" if term_months is None else f"{currency}-{term_months:02d}M"


def _row(currency: Currency, months: int | None, rate: Decimal) -> tuple[object, ...]:
    demand = months is None
    by_default = DayCount.ACT_360
    return (
        product_id(currency, months),
        _code(currency, months),
        "Demand deposit" if demand else f"Time deposit, {months} months",
        "活期存款" if demand else f"定期存款{months}个月",
        AccountKind.DEMAND if demand else AccountKind.TIME_DEPOSIT,
        currency,
        rate,
        (_DEMAND_DAYS if demand else _TERM_DAYS).get(currency, by_default),
        InterestPosting.QUARTERLY if demand else InterestPosting.AT_MATURITY,
        months,
        _NO_FEE if demand else _MINIMUM,
        _TRANSFER_FEES.get(currency, _NO_FEE) if demand else _NO_FEE,
        _SOURCE,
    )
