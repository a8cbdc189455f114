"""Standing orders that are due: paid, or tried again on the next business day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from app.db.audit import Record
from app.db.business_day import Batch, Connection, Key, Turn
from app.db.crypto import CustomerCipher
from app.db.day_records import book_all, internal_leg, record, record_all
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.ledger import lock_accounts
from app.domain.account import (
    AccountStatus,
    InternalPurpose,
    OrderFrequency,
    OrderPurpose,
    TransactionKind,
)
from app.domain.business_day import ORDER_ATTEMPTS_MAX, OrderOutcome, next_due
from app.domain.ledger import Entry, Leg
from app.domain.money import Currency

# Nothing is locked yet: accounts are locked before orders, as by who cancels one.
_DUE: Final = """
select standing_order.*, customer_key.wrapped_key, customer.name_ciphertext
from standing_order
join customer on customer.id = standing_order.customer_id
left join customer_key on customer_key.customer_id = standing_order.customer_id
where standing_order.status = 'ACTIVE' and standing_order.next_on <= $3
    and (standing_order.customer_id, standing_order.id) > ($1, $2)
order by standing_order.customer_id, standing_order.id limit $4
"""
_LOCK: Final = """
select id from standing_order
join unnest($1::uuid[], $2::uuid[]) as wanted (customer_id, id) using (customer_id, id)
where status = 'ACTIVE' and next_on <= $3
order by customer_id, id for no key update of standing_order
"""
_TRIED: Final = """
select order_id, attempts, tried_on
from unnest($1::uuid[], $2::uuid[], $3::date[]) as wanted (customer_id, order_id, due_on)
join order_payment using (customer_id, order_id, due_on)
"""
_PAYEES: Final = """
select digest, customer_id, account_id from account_number_index where digest = any($1::bytea[])
"""
_PAYMENTS: Final = """
insert into order_payment (customer_id, order_id, due_on, outcome, tried_on, entry_id)
select owner, order_id, due_on, outcome, $6, entry_id
from unnest($1::uuid[], $2::uuid[], $3::date[], $4::text[], $5::uuid[]) as given
    (owner, order_id, due_on, outcome, entry_id)
on conflict (customer_id, order_id, due_on) do update set outcome = excluded.outcome,
    attempts = order_payment.attempts + 1, tried_on = excluded.tried_on,
    entry_id = excluded.entry_id
"""
_NEXT: Final = """
update standing_order set next_on = given.next_on
from unnest($1::uuid[], $2::uuid[], $3::date[]) as given (owner, order_id, next_on)
where standing_order.customer_id = given.owner and standing_order.id = given.order_id
"""
_KINDS: Final[Mapping[str, TransactionKind]] = MappingProxyType(
    {
        OrderPurpose.HOUSEHOLD: TransactionKind.HOUSEHOLD_PAYMENT,
        OrderPurpose.LOAN: TransactionKind.LOAN_PAYMENT,
        OrderPurpose.INSURANCE: TransactionKind.INSURANCE_PAYMENT,
        OrderPurpose.LEASING: TransactionKind.LEASING_PAYMENT,
        OrderPurpose.OTHER: TransactionKind.TRANSFER_OUT,
    }
)

Place = tuple[UUID, UUID]


@dataclass(frozen=True)
class _Order:
    """An order and what is encrypted of it, in clear; null where the customer was erased."""

    row: Any
    number: str | None
    payee_name: str | None
    text: str | None
    payer_name: str | None


@dataclass(frozen=True)
class _Told:
    """What one side of a payment is told of the other."""

    number: str | None
    name: str | None
    text: str | None


@dataclass
class _Work:
    """What a batch comes to; ``spent`` is what earlier orders of the batch took or brought."""

    turn: Turn
    accounts: dict[Place, Any]
    spent: dict[Place, Decimal] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    payments: list[tuple[UUID, UUID, date, str, UUID | None]] = field(default_factory=list)
    following: list[tuple[UUID, UUID, date | None]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


@dataclass(frozen=True)
class StandingOrders:
    """The step that pays standing orders; ``size`` of them to a transaction."""

    keys: Keys
    size: int

    async def pay(self, connection: Connection, turn: Turn) -> Batch:
        """Pay what is due on the day after the one that ended, or was not paid before."""
        on = turn.day.next_on
        found = await connection.fetch(_DUE, turn.after.owner, turn.after.id, on, self.size)
        orders = {row["id"]: self._order(row) for row in found}
        payees = await self._find(connection, orders)
        sources = {(row["customer_id"], row["account_id"]) for row in found}
        accounts = await lock_accounts(connection, sources | set(payees.values()))
        owners, due = [row["customer_id"] for row in found], [row["next_on"] for row in found]
        still = {row["id"] for row in await connection.fetch(_LOCK, owners, list(orders), on)}
        tried = {
            id_: (attempts, tried_on)
            for id_, attempts, tried_on in await connection.fetch(_TRIED, owners, list(orders), due)
        }
        work = _Work(turn, accounts)
        for id_, order in orders.items():
            attempts, tried_on = tried.get(id_, (0, None))
            if id_ in still and tried_on != on:
                self._try(work, order, payees.get(id_), attempts)
        await book_all(connection, work.entries, [InternalPurpose.CLEARING])
        if work.payments:
            await connection.execute(_PAYMENTS, *_columns(work.payments), on)
        if work.following:
            await connection.execute(_NEXT, *_columns(work.following))
        await record_all(connection, self.keys.audit, work.records)
        if len(found) < self.size:
            return Batch(None, len(work.entries))
        return Batch(Key(found[-1]["customer_id"], found[-1]["id"]), len(work.entries))

    def _cipher(self, row: Any) -> CustomerCipher | None:
        wrapped = row["wrapped_key"]
        return None if wrapped is None else self.keys.ring.cipher(row["customer_id"], wrapped)

    def _order(self, row: Any) -> _Order:
        """Open what is encrypted of an order; nothing of it where the customer was erased."""
        cipher = self._cipher(row)

        def opened(column: str, id_: UUID, table: str = "standing_order") -> str | None:
            sealed = row[column]
            if cipher is None or sealed is None:
                return None
            return cipher.decrypt(f"{table}.{column}", id_, sealed)

        return _Order(
            row,
            opened("payee_account_ciphertext", row["id"]),
            opened("payee_name_ciphertext", row["id"]),
            opened("text_ciphertext", row["id"]),
            opened("name_ciphertext", row["customer_id"], "customer"),
        )

    async def _find(self, connection: Connection, orders: dict[UUID, _Order]) -> dict[UUID, Place]:
        """Find the accounts of this bank that orders pay to, by order."""
        digests = {
            id_: self.keys.index.account_number(order.number)
            for id_, order in orders.items()
            if order.row["payee_bank"] is None and order.number
        }
        rows = await connection.fetch(_PAYEES, list(set(digests.values())))
        places = {digest: (owner, account) for digest, owner, account in rows}
        return {id_: places[digest] for id_, digest in digests.items() if digest in places}

    def _try(self, work: _Work, order: _Order, payee: Place | None, attempts: int) -> None:
        """Pay one order, or note why it cannot be paid."""
        row = order.row
        owner, id_, due = row["customer_id"], row["id"], row["next_on"]
        source = (owner, row["account_id"])
        outcome = _outcome(work, order, source, payee)
        entry = None
        if outcome is OrderOutcome.PAID:
            entry = self._entry(work, order, payee)
            work.entries.append(entry)
            work.spent[source] = work.spent.get(source, Decimal(0)) + row["amount"]
            if payee is not None:
                work.spent[payee] = work.spent.get(payee, Decimal(0)) - row["amount"]
        work.payments.append((owner, id_, due, outcome.value, entry.id if entry else None))
        if entry or attempts + 1 >= ORDER_ATTEMPTS_MAX:
            later = next_due(OrderFrequency[row["frequency"]], row["first_on"], due)
            ends_on = row["ends_on"]
            work.following.append((owner, id_, later if not ends_on or later <= ends_on else None))
        event = "standing_order.paid" if entry else "standing_order.refused"
        work.records.append(record(work.turn.at, owner, "sto", id_, event, "nextOn"))

    def _entry(self, work: _Work, order: _Order, payee: Place | None) -> Entry:
        row, on = order.row, work.turn.day.next_on
        source = work.accounts[row["customer_id"], row["account_id"]]
        amount, kind = row["amount"], _KINDS[row["purpose"]]
        to = _Told(order.number, order.payee_name, order.text)
        ours = self._leg(source, -amount, kind, to, row["payee_bank"])
        if payee is None:
            theirs = internal_leg(InternalPurpose.CLEARING, ours.currency, kind, ours)
        else:
            sender = _Told(self._number(source), order.payer_name, order.text)
            into = TransactionKind.TRANSFER_IN
            theirs = self._leg(work.accounts[payee], amount, into, sender, None)
        return Entry(new_id(), row["customer_id"], kind, on, (ours, theirs))

    def _number(self, account: Any) -> str | None:
        cipher, sealed = self._cipher(account), account["number_ciphertext"]
        if cipher is None or sealed is None:
            return None
        return cipher.decrypt("account.number_ciphertext", account["id"], sealed)

    def _leg(
        self, account: Any, amount: Decimal, kind: TransactionKind, told: _Told, bank: str | None
    ) -> Leg:
        id_, cipher = new_id(), self._cipher(account)

        def sealed(column: str, clear: str | None) -> bytes | None:
            if cipher is None or clear is None:
                return None
            return cipher.encrypt(f"posting.{column}", id_, clear)

        return Leg(
            id_,
            account["customer_id"],
            account["id"],
            amount,
            Currency[account["currency"]],
            kind,
            bank,
            sealed("counterparty_account_ciphertext", told.number),
            sealed("counterparty_name_ciphertext", told.name),
            sealed("text_ciphertext", told.text),
        )


def _outcome(work: _Work, order: _Order, source: Place, payee: Place | None) -> OrderOutcome:
    account, row = work.accounts[source], order.row
    if account["status"] == AccountStatus.CLOSED:
        return OrderOutcome.ACCOUNT_CLOSED
    if account["status"] == AccountStatus.FROZEN:
        return OrderOutcome.ACCOUNT_FROZEN
    if account["currency"] != row["currency"]:
        return OrderOutcome.WRONG_CURRENCY
    of_payee = _refused_by_payee(work, order, source, payee)
    if of_payee is not None:
        return of_payee
    spent = work.spent.get(source, Decimal(0))
    available = account["balance"] - spent - account["held"] + account["overdraft_limit"]
    return OrderOutcome.PAID if available >= row["amount"] else OrderOutcome.INSUFFICIENT_FUNDS


def _refused_by_payee(
    work: _Work, order: _Order, source: Place, payee: Place | None
) -> OrderOutcome | None:
    if order.number is None:
        return OrderOutcome.PAYEE_NOT_FOUND
    if order.row["payee_bank"] is not None:
        return None
    target = work.accounts.get(payee) if payee is not None else None
    if target is None or payee == source:
        return OrderOutcome.PAYEE_NOT_FOUND
    if target["status"] == AccountStatus.CLOSED:
        return OrderOutcome.PAYEE_CLOSED
    is_fitting = target["currency"] == order.row["currency"]
    return None if is_fitting else OrderOutcome.WRONG_CURRENCY


def _columns(rows: list[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
