"""Booking an account's year: balanced entries, a chain of balances that never falls below zero."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Final, NamedTuple
from uuid import UUID

from app.db.account_products import product_id
from app.db.ids import derived_ids
from app.db.seed.people import Member
from app.db.seed.plan import money
from app.db.seed.rows import Chunk
from app.domain.account import (
    AccountKind,
    AccountStatus,
    InternalPurpose,
    StatementFrequency,
    TransactionKind,
)
from app.domain.customer import CustomerStatus, DataSource
from app.domain.interest import AutoRenewal
from app.domain.money import Currency, rounded
from app.domain.service import Channel

DAY_SECONDS: Final = 86_400
_QUARTERS: Final = 4
_NUMBER_PLACE: Final = "account.number_ciphertext"
_COUNTERPARTY_PLACE: Final = "posting.counterparty_account_ciphertext"


class Booking(NamedTuple):
    """How a kind of business is booked; what is ``due`` is paid whatever the balance."""

    kind: TransactionKind
    against: InternalPurpose
    channel: Channel | None = None
    due: bool = False


_IN: Final = InternalPurpose.CLEARING
SALARY: Final = Booking(TransactionKind.TRANSFER_IN, _IN)
PENSION: Final = Booking(TransactionKind.PENSION, _IN)
RECEIVED: Final = Booking(TransactionKind.TRANSFER_IN, _IN)
HOUSEHOLD: Final = Booking(TransactionKind.HOUSEHOLD_PAYMENT, _IN)
INSURANCE: Final = Booking(TransactionKind.INSURANCE_PAYMENT, _IN)
# The ledger has no kind of its own for purchases by card: they pay for the household.
CARD_PAYMENT: Final = Booking(TransactionKind.HOUSEHOLD_PAYMENT, InternalPurpose.CARD_SETTLEMENT)
CARD_CASH: Final = Booking(TransactionKind.CARD_WITHDRAWAL, InternalPurpose.CARD_SETTLEMENT)
CASH_OUT: Final = Booking(TransactionKind.CASH_WITHDRAWAL, InternalPurpose.CASH, Channel.BRANCH)
CASH_IN: Final = Booking(TransactionKind.CASH_DEPOSIT, InternalPurpose.CASH, Channel.BRANCH)
SENT: Final = {
    channel: Booking(TransactionKind.TRANSFER_OUT, InternalPurpose.CLEARING, channel)
    for channel in Channel
}
FUND_BOUGHT: Final = Booking(
    TransactionKind.TRANSFER_OUT, InternalPurpose.CLEARING, Channel.MOBILE, due=True
)
LOAN_PAID_OUT: Final = Booking(TransactionKind.LOAN_DISBURSEMENT, InternalPurpose.LOAN_SETTLEMENT)
LOAN_SPENT: Final = Booking(
    TransactionKind.TRANSFER_OUT, InternalPurpose.CLEARING, Channel.BRANCH, due=True
)
LOAN_REPAID: Final = Booking(
    TransactionKind.LOAN_PAYMENT, InternalPurpose.LOAN_SETTLEMENT, due=True
)
FEE: Final = Booking(TransactionKind.FEE, InternalPurpose.FEE_INCOME)
# Two bookings whose amount follows from the balance: a quarter's interest, and all there is.
INTEREST: Final = Booking(TransactionKind.INTEREST_CREDITED, InternalPurpose.INTEREST_EXPENSE)
CLOSING: Final = Booking(TransactionKind.TRANSFER_OUT, InternalPurpose.CLEARING, Channel.BRANCH)

# Second of the history, booking, cents (negative where money leaves), bank and account that
# the money comes from or goes to.
Event = tuple[int, Booking, int, str | None, str | None]


@dataclass(frozen=True, slots=True)
class FixedPayment:
    """A bill paid on the same day of every month; ``cents`` is above zero."""

    day: int
    booking: Booking
    cents: int
    bank: str
    account: str


@dataclass(slots=True)
class Account:
    """An account of an invented customer, with the events of its year in any order."""

    id: UUID
    place: int
    number: str
    kind: AccountKind
    currency: Currency
    opened_on: date
    rate: Decimal
    term_months: int | None = None
    matures_on: date | None = None
    closed_on: date | None = None
    settlement_id: UUID | None = None
    events: list[Event] = field(default_factory=list)
    fixed: list[FixedPayment] = field(default_factory=list)

    def event(
        self,
        second: int,
        booking: Booking,
        cents: int,
        bank: str | None = None,
        account: str | None = None,
    ) -> None:
        """Plan an event."""
        self.events.append((second, booking, cents, bank, account))


def book(chunk: Chunk, member: Member, account: Account) -> None:
    """Book the events of an account in their order, and add the account with its balance.

    What is not due and not covered is left out; what is due and not covered is preceded by money
    that comes in.
    """
    chain = _Chain(chunk, member, account)
    account.events.sort(key=itemgetter(0))
    for second, booking, planned, bank, number in account.events:
        cents = planned
        if booking is INTEREST:
            cents = _quarter_interest(chain.cents, account)
        elif booking is CLOSING:
            cents = -chain.cents
        elif cents < 0 and chain.cents + cents < 0:
            if not booking.due:
                continue
            chain.post(second, RECEIVED, -(chain.cents + cents))
        if cents:
            chain.post(second, booking, cents, bank, number)
    _add_account(chunk, member, account, money(chain.cents))


def _quarter_interest(cents: int, account: Account) -> int:
    interest = rounded(money(cents) * account.rate / _QUARTERS, account.currency)
    return int(interest.scaleb(2))


class _Chain:
    """Posts to one account, moment after moment."""

    def __init__(self, chunk: Chunk, member: Member, account: Account) -> None:
        plan = chunk.plan
        self.cents = 0
        self._entries = chunk.of["journal_entry"]
        self._postings = chunk.of["posting"]
        self._internal_postings = chunk.internal
        self._begin = plan.begins_at
        self._run = plan.run
        self._made_at = plan.made_at(member.person.n)
        self._owner = member.person.id
        self._bank = plan.bank_id
        self._internal = plan.internal[account.currency]
        self._cipher = member.cipher
        self._account = account
        self._currency = account.currency.value
        self._last: int | None = None
        self._count = 0

    def post(
        self,
        second: int,
        booking: Booking,
        cents: int,
        bank: str | None = None,
        number: str | None = None,
    ) -> None:
        """Add one entry with its two postings; no two of an account have the same moment."""
        if self._last is not None and second <= self._last:
            second = self._last + 1
        self._last = second
        self._count += 1
        self.cents += cents
        account = self._account
        at = self._begin + timedelta(seconds=second)
        day = at.date()
        place = str(self._count)
        run, name, owner, bank_id = self._run, account.number, self._owner, self._bank
        entry_id, posting_id, against_id = derived_ids(self._made_at, run, "entry", name, place)
        kind, against, channel, _ = booking
        amount = money(cents)
        sealed = (
            None
            if number is None
            else self._cipher.encrypt(_COUNTERPARTY_PLACE, posting_id, number)
        )
        self._entries.append((owner, entry_id, kind, at, day, _SOURCE))
        self._postings.append(
            (
                owner, posting_id, account.id, owner, entry_id, kind, channel, amount,
                self._currency, money(self.cents), at, day, bank, sealed,
            )
        )  # fmt: skip
        self._internal_postings.append(
            (
                bank_id, against_id, self._internal[against], owner, entry_id, kind, channel,
                -amount, self._currency, None, at, day, None, None,
            )
        )  # fmt: skip


_SOURCE: Final = DataSource.SEED


def _renewal(account: Account) -> AutoRenewal:
    """Deal the ways of renewal to time deposits, by their numbers."""
    if account.term_months is None:
        return AutoRenewal.NONE
    ways = list(AutoRenewal)
    return ways[int(account.number) // 100 % len(ways)]


def _add_account(chunk: Chunk, member: Member, account: Account, balance: Decimal) -> None:
    person = member.person
    status = AccountStatus.OPEN
    if account.closed_on is not None:
        status = AccountStatus.CLOSED
    elif person.status is CustomerStatus.BLOCKED:
        status = AccountStatus.FROZEN
    is_first = account.place == 1
    chunk.add(
        "account",
        person.id,
        account.id,
        account.kind,
        account.currency,
        balance,
        status,
        member.cipher.encrypt(_NUMBER_PLACE, account.id, account.number),
        person.branch.id,
        StatementFrequency.MONTHLY if is_first else StatementFrequency.NONE,
        account.opened_on,
        account.closed_on,
        account.rate,
        account.term_months,
        account.matures_on,
        _SOURCE,
        product_id(account.currency, account.term_months),
        # What was earned before the history's end was credited there.
        chunk.plan.business_date,
        _renewal(account),
        account.settlement_id,
        None if account.term_months is None else account.opened_on,
    )
    digest = chunk.plan.keys.index.account_number(account.number)
    chunk.add("account_number_index", digest, person.id, account.id)
