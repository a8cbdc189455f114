"""What accounts and their money must do, in memory and as simply as it can be said."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.auth.limits import customer_limit, post_limit
from app.auth.permissions import Role
from app.domain.customer import Tier
from app.domain.money import Currency, minor_unit
from app.domain.problem import ProblemCode as Code

MOST: Final = Decimal(10) ** 15
# An internal account by its purpose and currency.
Internal = tuple[str, Currency]


class Refused(Exception):  # noqa: N818  # The bank's own word.
    """An order is refused with a code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


# What the decision on an order rests upon beside the order itself.
Base = tuple[object, ...]


class Waits(Exception):  # noqa: N818  # What becomes of the order.
    """A second person must agree to an order before anything of it happens."""

    def __init__(self, base: Base) -> None:
        super().__init__(base)
        self.base = base


class Stale(Exception):  # noqa: N818  # What a request is then.
    """What a second person agreed to rested upon something else."""


@dataclass(eq=False)
class ModelCustomer:
    """A customer, who orders as one of a tier, and what the customer ordered today."""

    id: UUID
    tier: Tier
    name: str
    spent: Counter[Currency] = field(default_factory=Counter)


@dataclass(eq=False)
class ModelAccount:
    """A demand account."""

    id: UUID
    owner: ModelCustomer
    currency: Currency
    fee: Decimal
    number: str
    balance: Decimal = Decimal(0)
    holds: dict[UUID, Decimal] = field(default_factory=dict)
    status: str = "OPEN"
    version: int = 1
    # Kind, amount, and the balance after it.
    postings: list[tuple[str, Decimal, Decimal]] = field(default_factory=list)

    @property
    def held(self) -> Decimal:
        return sum(self.holds.values(), Decimal(0))

    @property
    def available(self) -> Decimal:
        return self.balance - self.held


@dataclass(eq=False)
class ModelEntry:
    """A booking: what it moved on accounts, and on the bank's own."""

    kind: str
    moved: list[tuple[ModelAccount | Internal, Decimal]]
    is_reversed: bool = False


@dataclass
class ModelBank:
    """The bank: its own accounts are sums.

    Orders that may need a second person take the ``agreed`` base of who agreed, None before.
    """

    internal: Counter[Internal] = field(default_factory=Counter)

    def pay_in(self, account: ModelAccount, amount: Decimal, currency: Currency) -> ModelEntry:
        _check_cash(account, amount, currency)
        return self._book("CASH_DEPOSIT", (account, amount), (("CASH", currency), -amount))

    def take_out(
        self,
        account: ModelAccount,
        amount: Decimal,
        currency: Currency,
        agreed: Base | None = None,
    ) -> ModelEntry:
        _check_cash(account, amount, currency)
        _check_leaving(account, amount)
        _check_post(Role.TELLER, amount, currency, agreed)
        return self._book("CASH_WITHDRAWAL", (account, -amount), (("CASH", currency), amount))

    def transfer(
        self,
        role: Role,
        payer: ModelAccount,
        payee: ModelAccount,
        amount: Decimal,
        *,
        named: bool,
        agreed: Base | None = None,
    ) -> ModelEntry:
        """Move money inside the bank; the payee is ``named`` by its id, or found by number."""
        if payee.status == "CLOSED":
            raise Refused(Code.ACCOUNT_CLOSED if named else Code.PAYEE_UNKNOWN)
        if payer is payee:
            raise Refused(Code.SAME_ACCOUNT)
        currency = payer.currency
        _check_cash(payer, amount, currency)
        if payee.currency is not currency:
            raise Refused(Code.CURRENCY_NOT_MATCHING)
        _check_leaving(payer, amount)
        _check_post(role, amount, currency, agreed)
        if role is Role.CUSTOMER and payer.owner is not payee.owner:
            _spend(payer.owner, amount, currency)
        entry = self._book("TRANSFER_OUT", (payer, -amount))
        return self._book("TRANSFER_IN", (payee, amount), into=entry)

    def send(self, payer: ModelAccount, amount: Decimal) -> ModelEntry:
        """Let the owner pay somebody at another bank."""
        currency = payer.currency
        _check_cash(payer, amount, currency)
        _check_leaving(payer, amount + payer.fee)
        _spend(payer.owner, amount, currency)
        entry = self._book("TRANSFER_OUT", (payer, -amount), (("CLEARING", currency), amount))
        if payer.fee:
            income = ("FEE_INCOME", currency)
            self._book("FEE", (payer, -payer.fee), (income, payer.fee), into=entry)
        return entry

    def reverse(self, entry: ModelEntry, agreed: Base | None = None) -> ModelEntry:
        if entry.is_reversed:
            raise Refused(Code.ALREADY_REVERSED)
        if entry.kind == "REVERSAL":
            raise Refused(Code.NOT_REVERSIBLE)
        gains: Counter[ModelAccount] = Counter()
        for place, amount in entry.moved:
            if isinstance(place, ModelAccount):
                gains[place] += amount  # type: ignore[assignment]
        for each in sorted(gains, key=lambda account: (account.owner.id, account.id)):
            _check_taken(each, Decimal(gains[each]))
        _agree(agreed)
        entry.is_reversed = True
        made = ModelEntry("REVERSAL", [])
        for place, amount in sorted(entry.moved, key=lambda moved: moved[1]):
            self._book("REVERSAL", (place, -amount), into=made)
        return made

    def hold(
        self, account: ModelAccount, amount: Decimal, version: int, agreed: Base | None = None
    ) -> None:
        """Hold an amount; the hold itself is put in by whoever knows its id."""
        _check_version(account, version, agreed)
        _check_amount(amount, account.currency)
        _agree(agreed, account.version)
        account.version += 1

    def lift(
        self, account: ModelAccount, hold: UUID, version: int, agreed: Base | None = None
    ) -> None:
        _check_version(account, version, agreed)
        if hold not in account.holds:
            raise Refused(Code.NOT_FOUND)
        _agree(agreed, account.version)
        del account.holds[hold]
        account.version += 1

    def freeze(self, account: ModelAccount, version: int, agreed: Base | None = None) -> None:
        _check_version(account, version, agreed)
        if account.status == "FROZEN":
            raise Refused(Code.NOTHING_TO_CHANGE)
        _agree(agreed, account.version)
        account.status = "FROZEN"
        account.version += 1

    def thaw(self, account: ModelAccount, version: int, agreed: Base | None = None) -> None:
        _check_version(account, version, agreed)
        if account.status != "FROZEN":
            raise Refused(Code.NOTHING_TO_CHANGE)
        _agree(agreed, account.version)
        account.status = "OPEN"
        account.version += 1

    def close(
        self,
        account: ModelAccount,
        to: ModelAccount | None,
        version: int,
        agreed: Base | None = None,
    ) -> None:
        if account.status == "CLOSED":
            raise Refused(Code.ACCOUNT_CLOSED)
        if to is not None:
            _check_target(account, to)
        _check_version(account, version, agreed)
        if account.status == "FROZEN":
            raise Refused(Code.ACCOUNT_FROZEN)
        if account.holds:
            raise Refused(Code.ACCOUNT_IN_USE)
        if account.balance and to is None:
            raise Refused(Code.BALANCE_LEFT)
        amount = account.balance
        base = (account.version, amount)
        _check_post(Role.TELLER, amount, account.currency, agreed, *base)
        if amount and to is not None:
            self._book("TRANSFER_OUT", (account, -amount))
            self._book("TRANSFER_IN", (to, amount))
        account.status = "CLOSED"
        account.version += 1

    def _book(
        self,
        kind: str,
        *moved: tuple[ModelAccount | Internal, Decimal],
        into: ModelEntry | None = None,
    ) -> ModelEntry:
        entry = into or ModelEntry(kind, [])
        for place, amount in moved:
            entry.moved.append((place, amount))
            if isinstance(place, ModelAccount):
                place.balance += amount
                place.postings.append((kind, amount, place.balance))
            else:
                self.internal[place] += amount  # type: ignore[assignment]
        return entry


def _check_cash(account: ModelAccount, amount: Decimal, currency: Currency) -> None:
    if account.status == "CLOSED":
        raise Refused(Code.ACCOUNT_CLOSED)
    if account.currency is not currency:
        raise Refused(Code.CURRENCY_NOT_MATCHING)
    _check_amount(amount, currency)


def _check_amount(amount: Decimal, currency: Currency) -> None:
    if not 0 < amount <= MOST or amount % minor_unit(currency):
        raise Refused(Code.INVALID_AMOUNT)


def _check_leaving(account: ModelAccount, amount: Decimal) -> None:
    if account.status == "FROZEN":
        raise Refused(Code.ACCOUNT_FROZEN)
    if amount > account.available:
        raise Refused(Code.INSUFFICIENT_FUNDS)


def _check_post(
    role: Role, amount: Decimal, currency: Currency, agreed: Base | None, *base: object
) -> None:
    limit = post_limit(role, currency)
    if agreed is not None or (limit is not None and amount > limit):
        _agree(agreed, *base)


def _agree(agreed: Base | None, *base: object) -> None:
    """Wait for a second person, unless one agreed to just this."""
    if agreed is None:
        raise Waits(base)
    if agreed != base:
        raise Stale


def _check_version(account: ModelAccount, version: int, agreed: Base | None) -> None:
    if account.status == "CLOSED":
        raise Refused(Code.ACCOUNT_CLOSED)
    # What has changed since somebody asked is for the base to tell.
    if agreed is None and account.version != version:
        raise Refused(Code.STALE_VERSION)


def _check_target(account: ModelAccount, to: ModelAccount) -> None:
    if to is account:
        raise Refused(Code.SAME_ACCOUNT)
    if to.status == "CLOSED":
        raise Refused(Code.ACCOUNT_CLOSED)
    if to.currency is not account.currency:
        raise Refused(Code.CURRENCY_NOT_MATCHING)


def _spend(customer: ModelCustomer, amount: Decimal, currency: Currency) -> None:
    limit = customer_limit(customer.tier, currency)
    if amount > limit.order or customer.spent[currency] + amount > limit.day:
        raise Refused(Code.LIMIT_EXCEEDED)
    customer.spent[currency] += amount  # type: ignore[assignment]


def _check_taken(account: ModelAccount, gained: Decimal) -> None:
    """Check that what an account gained can be taken from it again."""
    if account.status == "CLOSED":
        raise Refused(Code.ACCOUNT_CLOSED)
    if gained > 0:
        _check_leaving(account, gained)
