"""How much a post, or a customer, may move by themselves: all limits on one screen.

A post's limit is for one order; above it a second person is needed. A customer's are for payments
to others, by tier: for one order and for all of a business date, in each currency. Above them the
customer comes to a branch. Payments between one's own accounts have none. Up to `EASE` customers
pay without more than being signed in (app.domain.requirement).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.auth.permissions import Role
from app.domain.customer import Tier
from app.domain.money import Currency
from app.domain.requirement import Ease


@dataclass(frozen=True)
class CustomerLimit:
    """What a customer may pay to others, in yuan: with one order, and on one business date."""

    order: Decimal
    day: Decimal


# In yuan; `_UNITS` says what stands for one yuan in other currencies.
POST_LIMITS: Final[Mapping[Role, Decimal]] = {
    Role.TELLER: Decimal(50_000),
    Role.BRANCH_MANAGER: Decimal(1_000_000),
}
CUSTOMER_LIMITS: Final[Mapping[Tier, CustomerLimit]] = {
    Tier.NORMAL: CustomerLimit(Decimal(50_000), Decimal(200_000)),
    Tier.SILVER: CustomerLimit(Decimal(200_000), Decimal(500_000)),
    Tier.GOLD: CustomerLimit(Decimal(500_000), Decimal(1_000_000)),
    Tier.PLATINUM: CustomerLimit(Decimal(1_000_000), Decimal(5_000_000)),
}
EASE: Final[Mapping[Tier, Ease]] = {
    Tier.NORMAL: Ease(small=Decimal(1_000), often=Decimal(10_000), new=Decimal(10_000)),
    Tier.SILVER: Ease(small=Decimal(2_000), often=Decimal(50_000), new=Decimal(50_000)),
    Tier.GOLD: Ease(small=Decimal(5_000), often=Decimal(200_000), new=Decimal(200_000)),
    Tier.PLATINUM: Ease(small=Decimal(10_000), often=Decimal(500_000), new=Decimal(500_000)),
}
# Who may decide, beside the one who asks, on what is above a post's limit.
SECOND_PERSONS: Final[Mapping[Role, frozenset[Role]]] = {
    Role.TELLER: frozenset({Role.BRANCH_MANAGER}),
    Role.BRANCH_MANAGER: frozenset({Role.BRANCH_MANAGER, Role.RISK_OFFICER}),
}
# Round figures so that limits read well in every currency; not rates at which money is exchanged.
_UNITS: Final[Mapping[Currency, Decimal]] = {
    Currency.CNY: Decimal(1),
    Currency.CZK: Decimal(3),
    Currency.EUR: Decimal("0.125"),
    Currency.GBP: Decimal("0.1"),
    Currency.HKD: Decimal(1),
    Currency.JPY: Decimal(20),
    Currency.USD: Decimal("0.14"),
}


def post_limit(role: Role, currency: Currency) -> Decimal | None:
    """Give how much a post may move with one order; None where posts have no limit of theirs."""
    limit = POST_LIMITS.get(role)
    return None if limit is None else limit * _UNITS[currency]


def customer_limit(tier: Tier, currency: Currency) -> CustomerLimit:
    """Give how much a customer may pay to others, in a currency."""
    limit, unit = CUSTOMER_LIMITS[tier], _UNITS[currency]
    return CustomerLimit(limit.order * unit, limit.day * unit)


def ease(tier: Tier, currency: Currency) -> Ease:
    """Give what a customer may pay to others without more, in a currency."""
    yuan, unit = EASE[tier], _UNITS[currency]
    return Ease(yuan.small * unit, yuan.often * unit, yuan.new * unit)


def needs_second(role: Role, amount: Decimal, currency: Currency) -> frozenset[Role]:
    """Give the posts of which a second person must agree; none within the post's limit."""
    limit = post_limit(role, currency)
    return frozenset() if limit is None or amount <= limit else SECOND_PERSONS[role]
