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

# Nothing is locked yet: what is found here is looked at again once it is.
_DUE: Final = """
select customer_id, id from standing_order
where status = 'ACTIVE' and next_on <= $3 and (customer_id, id) > ($1, $2)
order by customer_id, id limit $4
"""
_LOCK: Final = """
select standing_order.*, coalesce(payment.attempts, 0) as attempts, payment.tried_on,
    customer_key.wrapped_key
from unnest($1::uuid[], $2::uuid[]) as wanted (owner, order_id)
join standing_order on customer_id = wanted.owner and id = wanted.order_id
left join customer_key on customer_key.customer_id = standing_order.customer_id
left join order_payment as payment on payment.customer_id = standing_order.customer_id
    and payment.order_id = standing_order.id and payment.due_on = standing_order.next_on
where standing_order.status = 'ACTIVE' and standing_order.next_on <= $3
order by standing_order.customer_id, standing_order.id
for update of standing_order
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
        owners, ids = [row["customer_id"] for row in found], [row["id"] for row in found]
        orders = [
            order
            for order in await connection.fetch(_LOCK, owners, ids, on)
            if order["tried_on"] is None or order["tried_on"] < on
        ]
        numbers = {order["id"]: self._payee(order) for order in orders}
        payees = await self._find(connection, orders, numbers)
        wanted = {(order["customer_id"], order["account_id"]) for order in orders}
        work = _Work(turn, await lock_accounts(connection, wanted | set(payees.values())))
        for order in orders:
            self._try(work, order, numbers[order["id"]], payees.get(order["id"]))
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

    def _payee(self, order: Any) -> str | None:
        """Give the number of the account to pay to; None where the customer was erased."""
        cipher, sealed = self._cipher(order), order["payee_account_ciphertext"]
        if cipher is None or sealed is None:
            return None
        return cipher.decrypt("standing_order.payee_account_ciphertext", order["id"], sealed)

    async def _find(
        self, connection: Connection, orders: list[Any], numbers: dict[UUID, str | None]
    ) -> dict[UUID, Place]:
        """Find the accounts of this bank that orders pay to, by order."""
        digests = {
            order["id"]: self.keys.index.account_number(number)
            for order in orders
            if order["payee_bank"] is None and (number := numbers[order["id"]])
        }
        rows = await connection.fetch(_PAYEES, list(set(digests.values())))
        places = {digest: (owner, account) for digest, owner, account in rows}
        return {order: places[digest] for order, digest in digests.items() if digest in places}

    def _try(self, work: _Work, order: Any, number: str | None, payee: Place | None) -> None:
        """Pay one order, or note why it cannot be paid."""
        owner, id_, due = order["customer_id"], order["id"], order["next_on"]
        source = (owner, order["account_id"])
        outcome = _outcome(work, order, source, number, payee)
        entry = None
        if outcome is OrderOutcome.PAID:
            assert number is not None
            entry = self._entry(work, order, number, payee)
            work.entries.append(entry)
            work.spent[source] = work.spent.get(source, Decimal(0)) + order["amount"]
            if payee is not None:
                work.spent[payee] = work.spent.get(payee, Decimal(0)) - order["amount"]
        work.payments.append((owner, id_, due, outcome.value, entry.id if entry else None))
        if entry or order["attempts"] + 1 >= ORDER_ATTEMPTS_MAX:
            later = next_due(OrderFrequency[order["frequency"]], order["first_on"], due)
            ends_on = order["ends_on"]
            work.following.append((owner, id_, later if not ends_on or later <= ends_on else None))
        event = "standing_order.paid" if entry else "standing_order.refused"
        work.records.append(record(work.turn.at, owner, "sto", id_, event, "nextOn"))

    def _entry(self, work: _Work, order: Any, number: str, payee: Place | None) -> Entry:
        owner, on = order["customer_id"], work.turn.day.next_on
        source = work.accounts[owner, order["account_id"]]
        currency, kind = Currency[order["currency"]], _KINDS[order["purpose"]]
        ours = self._leg(source, -order["amount"], kind, number, order["payee_bank"])
        if payee is None:
            theirs = internal_leg(InternalPurpose.CLEARING, currency, kind, ours)
        else:
            target = work.accounts[payee]
            sender = self._number(source)
            theirs = self._leg(target, order["amount"], TransactionKind.TRANSFER_IN, sender, None)
        return Entry(new_id(), owner, kind, on, (ours, theirs))

    def _number(self, account: Any) -> str | None:
        cipher, sealed = self._cipher(account), account["number_ciphertext"]
        if cipher is None or sealed is None:
            return None
        return cipher.decrypt("account.number_ciphertext", account["id"], sealed)

    def _leg(
        self, account: Any, amount: Decimal, kind: TransactionKind, other: str | None, bank: Any
    ) -> Leg:
        id_, cipher = new_id(), self._cipher(account)
        sealed = None
        if cipher is not None and other is not None:
            sealed = cipher.encrypt("posting.counterparty_account_ciphertext", id_, other)
        owner, currency = account["customer_id"], Currency[account["currency"]]
        return Leg(id_, owner, account["id"], amount, currency, kind, bank, sealed)


def _outcome(
    work: _Work, order: Any, source: Place, number: str | None, payee: Place | None
) -> OrderOutcome:
    account = work.accounts[source]
    if account["status"] == AccountStatus.CLOSED:
        return OrderOutcome.ACCOUNT_CLOSED
    if account["status"] == AccountStatus.FROZEN:
        return OrderOutcome.ACCOUNT_FROZEN
    if account["currency"] != order["currency"]:
        return OrderOutcome.WRONG_CURRENCY
    of_payee = _refused_by_payee(work, order, number, payee)
    if of_payee is not None:
        return of_payee
    spent = work.spent.get(source, Decimal(0))
    available = account["balance"] - spent - account["held"] + account["overdraft_limit"]
    return OrderOutcome.PAID if available >= order["amount"] else OrderOutcome.INSUFFICIENT_FUNDS


def _refused_by_payee(
    work: _Work, order: Any, number: str | None, payee: Place | None
) -> OrderOutcome | None:
    if number is None:
        return OrderOutcome.PAYEE_NOT_FOUND
    if order["payee_bank"] is not None:
        return None
    target = work.accounts.get(payee) if payee is not None else None
    if target is None or payee == (order["customer_id"], order["account_id"]):
        return OrderOutcome.PAYEE_NOT_FOUND
    if target["status"] == AccountStatus.CLOSED:
        return OrderOutcome.PAYEE_CLOSED
    return OrderOutcome.WRONG_CURRENCY if target["currency"] != order["currency"] else None


def _columns(rows: list[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
