"""What one seed run knows before it makes anybody: arguments, calendar, branches, products."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from app.db.ids import derived_id
from app.db.keys import Keys
from app.db.loading import Posts, midnight
from app.db.seed.places import City
from app.db.seed.pools import Pool
from app.domain.account import InternalPurpose
from app.domain.dates import add_months
from app.domain.money import Currency
from app.domain.wealth import RiskLevel

HISTORY_DAYS: Final = 365
_CENT_PLACES: Final = -2


def money(cents: int) -> Decimal:
    """Give an amount from minor units; all currencies of the invented bank have two places."""
    return Decimal(cents).scaleb(_CENT_PLACES)


def happens(rng: Random, share: float) -> bool:
    """Decide whether something happens that happens in a share of all cases."""
    return rng.random() < share


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of the invented bank."""

    id: UUID
    code: str
    name: str
    city: City


@dataclass(frozen=True, slots=True)
class Fund:
    """A fund with its price on each weekday of the history, in the order of the days."""

    id: UUID
    code: str
    name: str
    risk: RiskLevel
    currency: Currency
    days: tuple[date, ...]
    prices: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month that the history meets: where it begins, in days from the beginning."""

    begins: int
    number: int


@dataclass(frozen=True)
class Plan:
    """What every customer of one run is made from. Nothing in it depends on other customers."""

    seed: int
    customers: int
    business_date: date
    keys: Keys
    pools: Mapping[str, Pool]
    branches: Mapping[str, list[Branch]]
    posts: Posts
    funds: Mapping[Currency, list[Fund]]
    bank_id: UUID
    internal: Mapping[Currency, Mapping[InternalPurpose, UUID]]
    # What the ids of this run have in common: another run meets none of them.
    run: str = field(init=False)
    # The first day of the history; the last is the day before the business date.
    begins_on: date = field(init=False)
    begins_at: datetime = field(init=False)
    months: tuple[Month, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work out what is needed again for every customer."""
        begins_on = self.business_date - timedelta(days=HISTORY_DAYS)
        starts = (add_months(begins_on.replace(day=1), number) for number in range(14))
        months = tuple(
            Month((start - begins_on).days, start.month)
            for start in starts
            if start < self.business_date
        )
        run = run_name(self.seed, self.customers, self.business_date)
        # The way in which a frozen dataclass sets what it works out itself.
        object.__setattr__(self, "run", run)
        object.__setattr__(self, "begins_on", begins_on)
        object.__setattr__(self, "begins_at", midnight(begins_on))
        object.__setattr__(self, "months", months)

    def rng(self, *parts: object) -> Random:
        """Give the random numbers of one customer or household."""
        # Random numbers for invented people, not for secrets.
        return Random(":".join(map(str, (self.seed, *parts))))  # noqa: S311

    def id(self, at: datetime, kind: str, *parts: str) -> UUID:
        """Give the id of a record of this run."""
        return derived_id(at, "seed", self.run, kind, *parts)

    def customer_id(self, n: int) -> UUID:
        """Give the id of customer ``n``; it depends on nothing else of the customer."""
        return derived_id(self.made_at(n), "seed", self.run, "customer", str(n))

    def made_at(self, n: int) -> datetime:
        """Give the moment that the ids of customer ``n`` and of its ledger entries carry.

        It rises with ``n``, so that ids rise in the order in which rows are stored, as ids do
        that are made when something happens. Keys of customers in no order would have every
        chunk write to all pages of every index.
        """
        return _IDS_FROM + timedelta(milliseconds=n)

    def moment(self, second: int) -> datetime:
        """Give a moment of the history from its seconds since the history's beginning."""
        return self.begins_at + timedelta(seconds=second)


_IDS_FROM: Final = datetime(2000, 1, 1, tzinfo=UTC)


def run_name(seed: int, customers: int, business_date: date) -> str:
    """Name a run by its arguments."""
    return f"{seed}:{customers}:{business_date}"


def reference_id(run: str, kind: str, *parts: str) -> UUID:
    """Give the id of a branch, a person of the staff, a product or a segment of a run."""
    return derived_id(_IDS_FROM, "seed", run, kind, *parts)
