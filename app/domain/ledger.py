"""The double-entry book: entries whose legs sum to zero in every currency."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.domain.account import TransactionKind
from app.domain.money import Currency
from app.domain.service import Channel


class UnbalancedError(Exception):
    """An entry creates or destroys money: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an entry on one account: the posting ``id``.

    ``amount`` is positive where the account gains, negative where it loses. What is encrypted is
    encrypted with the key of ``owner``, who owns the account.
    """

    id: UUID
    owner: UUID
    account: UUID
    amount: Decimal
    currency: Currency
    kind: TransactionKind
    counterparty_bank: str | None = None
    counterparty_account: bytes | None = None
    counterparty_name: bytes | None = None
    text: bytes | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable entry, booked on behalf of ``customer_id``.

    ``booked_at`` None is the moment of the booking by the database's clock: read once the
    accounts are locked, so that an account's bookings are in the order of their balances.
    """

    id: UUID
    customer_id: UUID
    kind: TransactionKind
    value_on: date
    legs: Sequence[Leg]
    booked_at: datetime | None = None
    channel: Channel | None = None
    reverses_id: UUID | None = None

    def __post_init__(self) -> None:
        """Refuse legs that do not sum to zero per currency, or that move nothing."""
        sums: defaultdict[Currency, Decimal] = defaultdict(Decimal)
        for leg in self.legs:
            if not leg.amount:
                message = f"entry {self.id}: a leg moves nothing"
                raise UnbalancedError(message)
            sums[leg.currency] += leg.amount
        if not self.legs or any(sums.values()):
            message = f"entry {self.id} does not sum to zero: {dict(sums)}"
            raise UnbalancedError(message)


def accounts_of(entries: Iterable[Entry]) -> set[tuple[UUID, UUID]]:
    """Give owner and id of every account that entries touch."""
    return {(leg.owner, leg.account) for entry in entries for leg in entry.legs}
