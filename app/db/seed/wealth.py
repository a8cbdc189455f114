"""Funds whose prices walk at random, and what customers hold of them."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import exp
from random import Random
from typing import Final

from app.db.seed import ledger
from app.db.seed.ledger import DAY_SECONDS, Account
from app.db.seed.people import Member
from app.db.seed.plan import HISTORY_DAYS, Fund, reference_id
from app.db.seed.rows import Chunk, Row
from app.domain.customer import RiskAppetite, Tier
from app.domain.money import Currency, rounded
from app.domain.wealth import ProductKind, RiskLevel

# Mean and standard deviation of the daily logarithmic returns of five exchange-traded funds,
# adjusted close, 2014-01-02 to 2022-12-28 (2,263 returns): skfolio's factors_dataset.
_MTUM: Final = (0.000443, 0.012768)
_QUAL: Final = (0.000371, 0.011536)
_SIZE: Final = (0.000362, 0.011702)
_USMV: Final = (0.000391, 0.009532)
_VLUE: Final = (0.000279, 0.012472)
# What the share outside the market earns on a weekday: 2 % a year.
_CASH_RETURN: Final = 0.02 / 261

_PRICE_UNIT: Final = Decimal("0.000001")
_UNITS_UNIT: Final = Decimal("0.01")
_WEEKEND: Final = 5
_INVESTORS: Final = {
    Tier.NORMAL: 0.1, Tier.SILVER: 0.35, Tier.GOLD: 0.6, Tier.PLATINUM: 0.85,
}  # fmt: skip
_BUYING_HOUR: Final = 15 * 3_600
_FUNDS_MAX: Final = 3
_LOTS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """A fund of the bank: ``share`` of it moves with the market whose returns are given."""

    code: str
    name: str
    risk: RiskLevel
    currency: Currency
    returns: tuple[float, float]
    share: float


OFFERS: Final = (
    Offer("CNY-CASH", "现金增利货币基金", RiskLevel.R1, Currency.CNY, _USMV, 0.02),
    Offer("CNY-BOND", "稳健债券基金", RiskLevel.R2, Currency.CNY, _USMV, 0.2),
    Offer("CNY-MIX", "均衡配置混合基金", RiskLevel.R3, Currency.CNY, _USMV, 0.6),
    Offer("CNY-QUALITY", "优质企业股票基金", RiskLevel.R4, Currency.CNY, _QUAL, 1.0),
    Offer("CNY-SMALL", "中小盘股票基金", RiskLevel.R4, Currency.CNY, _SIZE, 1.0),
    Offer("CNY-GROWTH", "成长动量股票基金", RiskLevel.R5, Currency.CNY, _MTUM, 1.5),
    Offer("USD-CASH", "Dollar Cash Fund", RiskLevel.R1, Currency.USD, _USMV, 0.02),
    Offer("USD-BOND", "Steady Bond Fund", RiskLevel.R2, Currency.USD, _USMV, 0.2),
    Offer("USD-MIX", "Balanced Mix Fund", RiskLevel.R3, Currency.USD, _QUAL, 0.6),
    Offer("USD-VALUE", "Value Shares Fund", RiskLevel.R4, Currency.USD, _VLUE, 1.0),
    Offer("USD-QUALITY", "Quality Shares Fund", RiskLevel.R4, Currency.USD, _QUAL, 1.0),
    Offer("USD-GROWTH", "Momentum Growth Fund", RiskLevel.R5, Currency.USD, _MTUM, 1.5),
)


def _prices(offer: Offer, days: tuple[date, ...], rng: Random) -> Iterator[Decimal]:
    """Walk at random; the price begins between 0.8 and 3 and has six places."""
    mean, deviation = offer.returns
    rest = (1 - offer.share) * _CASH_RETURN
    price = Decimal(800_000 + int(rng.random() * 2_200_000)).scaleb(-6)
    for _ in days:
        growth = exp(offer.share * rng.gauss(mean, deviation) + rest)
        # The walk is random, not money: what follows from its prices is exact.
        price = (price * Decimal(f"{growth:.9f}")).quantize(_PRICE_UNIT)
        yield price


def make_funds(seed: int, run: str, business_date: date) -> dict[Currency, list[Fund]]:
    """Invent the funds with a price on each weekday of the year up to the business date."""
    begins_on = business_date - timedelta(days=HISTORY_DAYS)
    every_day = (begins_on + timedelta(days=number) for number in range(HISTORY_DAYS + 1))
    days = tuple(day for day in every_day if day.weekday() < _WEEKEND)
    funds: dict[Currency, list[Fund]] = {}
    for offer in OFFERS:
        rng = Random(f"{seed}:fund:{offer.code}")  # noqa: S311 - invented prices, not secrets.
        prices = tuple(_prices(offer, days, rng))
        fund = Fund(
            reference_id(run, "product", offer.code),
            offer.code,
            offer.name,
            offer.risk,
            offer.currency,
            days,
            prices,
        )
        funds.setdefault(offer.currency, []).append(fund)
    return funds


def product_rows(
    funds: Mapping[Currency, list[Fund]],
) -> tuple[list[Row], list[Row]]:
    """Give the rows of the products and of their prices."""
    every = [fund for of_currency in funds.values() for fund in of_currency]
    products: list[Row] = [
        (fund.id, fund.code, fund.name, ProductKind.FUND, fund.risk, fund.currency)
        for fund in every
    ]
    prices: list[Row] = [
        (fund.id, day, price)
        for fund in every
        for day, price in zip(fund.days, fund.prices, strict=True)
    ]
    return products, prices


def add_holdings(chunk: Chunk, member: Member, account: Account) -> None:
    """Give some customers units of funds that suit their appetite, paid from ``account``."""
    person, rng = member.person, member.rng
    if rng.random() >= _INVESTORS[person.tier] or not person.does_business:
        return
    boldness = list(RiskAppetite).index(person.risk)
    levels = list(RiskLevel)[: boldness + 1]
    funds = [fund for fund in chunk.plan.funds[person.currency] if fund.risk in levels]
    count = min(1 + int(rng.random() * _FUNDS_MAX), len(funds))
    for fund in rng.sample(funds, count):
        _add_holding(chunk, member, account, fund)


def _add_holding(chunk: Chunk, member: Member, account: Account, fund: Fund) -> None:
    plan, person, rng = chunk.plan, member.person, member.rng
    # Nobody buys on the first day, nor on the business date, which the history does not reach.
    first = bisect_left(fund.days, person.since + timedelta(days=1))
    last = bisect_left(fund.days, plan.business_date)
    if first >= last:
        return
    holding_id = plan.id(plan.begins_at, "holding", person.number, str(fund.id))
    units_held, cost_in_all = Decimal(0), Decimal(0)
    lots = []
    for number in range(1 + int(rng.random() * _LOTS_MAX)):
        place = first + int(rng.random() * (last - first))
        day, price = fund.days[place], fund.prices[place]
        cents = max(int(person.wealth * (0.01 + 0.08 * rng.random())), 20_000)
        units = (Decimal(cents).scaleb(-2) / price).quantize(_UNITS_UNIT)
        cost = rounded(units * price, fund.currency)
        second = (day - plan.begins_on).days * DAY_SECONDS + _BUYING_HOUR
        account.event(second, ledger.FUND_BOUGHT, -int(cost.scaleb(2)))
        lot_id = plan.id(plan.moment(second), "lot", str(holding_id), str(number))
        lots.append((person.id, lot_id, holding_id, day, units, cost))
        units_held += units
        cost_in_all += cost
    chunk.add("holding", person.id, holding_id, fund.id, units_held, cost_in_all, fund.currency)
    chunk.of["holding_lot"].extend(lots)
