"""Transactions become balanced journal entries whose balances are the file's."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.db.bank_itself import Bank
from app.db.crypto import CustomerCipher
from app.db.loading import midnight
from app.db.retail_bank import codes, sources
from app.db.retail_bank.accounts import ERASED
from app.db.retail_bank.chain import ROUNDING_MAX, difference, in_chain_order
from app.db.retail_bank.files import CURRENCY, BadLine, Row
from app.db.retail_bank.store import Store, StoredAccount, batches, source_id_at
from app.domain.account import InternalPurpose, TransactionKind
from app.domain.customer import DataSource

_TRANSACTION: Final = re.compile(r"[0-9]{1,9}")
_DAY: Final = re.compile(r"[0-9]{6}")
# The file has years of the twentieth century in two digits; its dates moved on by 20 years. The
# shift keeps every 29 February, being a multiple of four years.
_CENTURY: Final = 1900
_YEARS_ON: Final = 20
# How the file writes that a transaction has no account on its other side.
_NO_ACCOUNT: Final = "0"
# Accounts whose postings are inserted by one statement.
_BATCH_ACCOUNTS: Final = 200
_MILLISECOND: Final = timedelta(milliseconds=1)
_ROUNDING: Final = codes.Booking(
    TransactionKind.ROUNDING_DIFFERENCE, InternalPurpose.ROUNDING_DIFFERENCE
)
_UNEXPLAINED: Final = codes.Booking(
    TransactionKind.UNEXPLAINED_DIFFERENCE, InternalPurpose.UNEXPLAINED_DIFFERENCE
)
_TRANSACTION_ITSELF: Final = "transaction"
_ENTRY_COLUMNS: Final = (
    "customer_id",
    "id",
    "kind",
    "booked_at",
    "value_on",
    "source",
    "source_ref",
)
_POSTING_COLUMNS: Final = (
    "customer_id",
    "id",
    "account_id",
    "entry_customer_id",
    "entry_id",
    "kind",
    "channel",
    "amount",
    "currency",
    "balance_after",
    "booked_at",
    "value_on",
    "counterparty_bank",
    "counterparty_account_ciphertext",
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One line of the transactions' file; ``amount`` is negative where money leaves."""

    line: int
    number: str
    day: date
    amount: Decimal
    balance: Decimal
    booking: codes.Booking
    bank: str | None
    account: str | None


@dataclass(slots=True)
class _Entries:
    """Rows of one batch: entries, and their postings on both sides."""

    entries: list[tuple[object, ...]] = field(default_factory=list)
    postings: list[tuple[object, ...]] = field(default_factory=list)


def transaction_day(row: Row) -> date:
    """Read ``date``, YYMMDD of the twentieth century, moved on by 20 years."""
    digits = row.matching("date", _DAY, "a date such as 930101")
    try:
        year = _CENTURY + _YEARS_ON + int(digits[:2])
        return date(year, int(digits[2:4]), int(digits[4:]))
    except ValueError:
        message = f"date: {digits!r} is not a date"
        raise BadLine(message) from None


def _parse(store: Store, row: Row, seen: set[str]) -> tuple[str, Transaction]:
    number = row.matching("trans_id", _TRANSACTION, "a transaction number")
    seen.add(row.once("trans_id", number, seen))
    account_number = f"A{row.whole('account_id'):08d}"
    account = store.accounts.get(account_number)
    if account is None:
        row.leads_nowhere("account_id", "an account")
    direction = row.code("type", codes.DIRECTIONS)
    words = tuple(row.optional(column) or "" for column in ("type", "operation", "k_symbol"))
    booking = codes.BOOKINGS.get((words[0], words[1], words[2]))
    if booking is None:
        message = f"type, operation and k_symbol: {' / '.join(words)} is not a known combination"
        raise BadLine(message)
    amount = row.money("amount")
    if amount <= 0:
        message = f"amount: {amount} is not above zero"
        raise BadLine(message)
    day = transaction_day(row)
    if day < account.opened_on:
        message = f"date: {day} is before the account was opened, on {account.opened_on}"
        raise BadLine(message)
    other = row.optional("account")
    transaction = Transaction(
        row.line,
        number,
        day,
        direction * amount,
        row.money("balance"),
        booking,
        row.optional("bank"),
        None if other == _NO_ACCOUNT else other,
    )
    return account_number, transaction


class _Book:
    """Turns one account's transactions, in their order, into entries and postings."""

    def __init__(
        self, bank: Bank, account: StoredAccount, cipher: CustomerCipher, rows: _Entries
    ) -> None:
        self._bank = bank
        self._account = account
        self._cipher = cipher
        self._rows = rows
        self._day: datetime | None = None
        self._place = 0
        self.balance = Decimal("0.00")

    def add(self, transaction: Transaction) -> None:
        """Book a transaction, and before it the difference to the file's balance, if any."""
        day = midnight(transaction.day)
        self._place = self._place if day == self._day else 0
        self._day = day
        gap = difference(self.balance, transaction)
        if gap:
            booking = _ROUNDING if abs(gap) <= ROUNDING_MAX else _UNEXPLAINED
            self._post(transaction, booking, gap, booking.kind.value)
        self._post(transaction, transaction.booking, transaction.amount, _TRANSACTION_ITSELF)

    def _post(
        self, transaction: Transaction, booking: codes.Booking, amount: Decimal, what: str
    ) -> None:
        assert self._day is not None
        # All of a day is booked at midnight: the file has no time of day. The order inside the
        # day is carried by the ids, whose time part counts it in milliseconds.
        at = self._day + self._place * _MILLISECOND
        self._place += 1
        self.balance += amount
        owner_id, bank_id = self._account.owner_id, self._bank.customer_id
        entry_id = source_id_at(at, "entry", what, transaction.number)
        posting_id = source_id_at(at, "posting", what, transaction.number)
        against_id = source_id_at(at, "posting against", what, transaction.number)
        kind, moments = booking.kind, (self._day, transaction.day)
        self._rows.entries.append(
            (owner_id, entry_id, kind, *moments, DataSource.RETAIL_BANK, transaction.number)
        )
        bank_code = other_account = None
        if what == _TRANSACTION_ITSELF:
            bank_code = transaction.bank
            other_account = self._encrypted(posting_id, transaction.account)
        entry = (owner_id, entry_id, kind, booking.channel)
        mine = (amount, CURRENCY, self.balance, *moments, bank_code, other_account)
        its = (-amount, CURRENCY, None, *moments, None, None)
        against = self._bank.accounts[booking.against]
        self._rows.postings.append((owner_id, posting_id, self._account.id, *entry, *mine))
        self._rows.postings.append((bank_id, against_id, against, *entry, *its))

    def _encrypted(self, posting_id: UUID, account: str | None) -> bytes | None:
        if account is None:
            return None
        place = "posting.counterparty_account_ciphertext"
        return self._cipher.encrypt(place, posting_id, account)


def _days(transactions: list[Transaction]) -> Iterator[list[Transaction]]:
    days: defaultdict[date, list[Transaction]] = defaultdict(list)
    for transaction in transactions:
        days[transaction.day].append(transaction)
    for day in sorted(days):
        yield days[day]


async def _with_history(store: Store, numbers: list[str]) -> set[UUID]:
    """Give those of the accounts that have postings; all are locked until the import ends."""
    accounts = [store.accounts[number] for number in numbers]
    found = await store.connection.fetch(
        """
        select account.id, exists (
            select from posting
            where posting.customer_id = account.customer_id and posting.account_id = account.id
        ) as has_history
        from account
        join unnest($1::uuid[], $2::uuid[]) as wanted (customer_id, id) using (customer_id, id)
        for update of account
        """,
        [account.owner_id for account in accounts],
        [account.id for account in accounts],
    )
    return {row["id"] for row in found if row["has_history"]}


async def _stored_numbers(store: Store) -> set[str]:
    found = await store.connection.fetch(
        "select source_ref from journal_entry where source = $1 and source_ref is not null",
        DataSource.RETAIL_BANK,
    )
    return {row[0] for row in found}


async def import_transactions(store: Store) -> None:
    """Book the history of every account that has none yet."""
    file = store.files[sources.TRANSACTIONS]
    seen: set[str] = set()
    stored = await _stored_numbers(store)
    histories: defaultdict[str, list[Transaction]] = defaultdict(list)
    for number, transaction in file.parsed(lambda row: _parse(store, row, seen)):
        if transaction.number in stored:
            file.count.already_there += 1
        else:
            histories[number].append(transaction)
    with_history = await _with_history(store, list(histories))
    for batch in batches(histories.items(), _BATCH_ACCOUNTS):
        rows = _Entries()
        balances: list[tuple[StoredAccount, Decimal]] = []
        for number, transactions in batch:
            account = store.accounts[number]
            cipher = store.cipher(account.owner_id)
            if account.id in with_history or cipher is None:
                history = f"account {number} already has its history"
                for transaction in transactions:
                    file.refuse(transaction.line, ERASED if cipher is None else history)
                continue
            book = _Book(store.bank, account, cipher, rows)
            for transaction in in_chain_order(_days(transactions)):
                book.add(transaction)
            balances.append((account, book.balance))
            file.count.stored += len(transactions)
        await _copy(store, rows, balances)
        store.advance(file)


async def _copy(
    store: Store, rows: _Entries, balances: list[tuple[StoredAccount, Decimal]]
) -> None:
    await store.copy("journal_entry", _ENTRY_COLUMNS, rows.entries)
    # One statement for all postings of an entry: the database checks that they sum to zero.
    await store.copy("posting", _POSTING_COLUMNS, rows.postings)
    await store.connection.execute(
        """
        update account set balance = new.balance, version = version + new.known::int
        from unnest($1::uuid[], $2::uuid[], $3::numeric[], $4::boolean[])
            as new (customer_id, id, balance, known)
        where account.customer_id = new.customer_id and account.id = new.id
        """,
        [account.owner_id for account, _ in balances],
        [account.id for account, _ in balances],
        [balance for _, balance in balances],
        [account.known for account, _ in balances],
    )
