"""Time deposits whose term is over: interest credited, paid out or begun anew."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.db.audit import Record
from app.db.audit_keys import AuditKeys
from app.db.business_day import Batch, Connection, Key, Turn
from app.db.day_interest import interest_entry, term_began_on
from app.db.day_records import book_all, record, record_all
from app.db.ids import new_id
from app.db.ledger import lock_accounts
from app.domain.account import AccountKind, AccountStatus, InternalPurpose, TransactionKind
from app.domain.interest import AutoRenewal, DayCount, Maturity, Term, mature, next_maturity
from app.domain.ledger import Entry, Leg
from app.domain.money import Currency

# Nothing is locked yet: what is found here is looked at again once it is.
_OVER: Final = """
select customer_id, id, settlement_account_id from account
where kind = 'TIME_DEPOSIT' and status <> 'CLOSED' and matures_on <= $3 and matured_on is null
    and (customer_id, id) > ($1, $2)
order by customer_id, id limit $4
"""
_PRODUCTS: Final = """
select id, annual_rate, day_count from account_product where id = any($1::uuid[])
"""
# What money earns for which nothing is agreed any longer.
_ON_DEMAND: Final = """
select distinct on (currency) currency, annual_rate from account_product
where kind = 'DEMAND' and offered order by currency, code
"""
_SETTLE: Final = """
update account set status = given.status, closed_on = given.closed_on,
    annual_rate = given.annual_rate, term_began_on = given.began_on,
    matures_on = given.matures_on, matured_on = given.matured_on,
    interest_accrued = 0, accrued_until = $9, version = account.version + 1
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::numeric[], $6::date[],
    $7::date[], $8::date[]) as given
    (owner, id, status, closed_on, annual_rate, began_on, matures_on, matured_on)
where account.customer_id = given.owner and account.id = given.id
"""


@dataclass(frozen=True)
class _Settled:
    """What a deposit becomes; the columns that ``_SETTLE`` takes, in its order."""

    owner: UUID
    id: UUID
    status: str
    closed_on: date | None
    annual_rate: Decimal
    began_on: date | None
    matures_on: date
    matured_on: date | None


@dataclass
class _Work:
    """What a batch comes to; ``on_demand`` has the rate on demand of each currency."""

    turn: Turn
    on_demand: dict[str, Decimal]
    entries: list[Entry] = field(default_factory=list)
    settled: list[_Settled] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


@dataclass(frozen=True)
class Maturities:
    """The step that settles time deposits; ``size`` of them to a transaction."""

    keys: AuditKeys
    size: int

    async def settle(self, connection: Connection, turn: Turn) -> Batch:
        """Settle the deposits whose term ends with the day, or ended earlier."""
        found = await connection.fetch(
            _OVER, turn.after.owner, turn.after.id, turn.day.next_on, self.size
        )
        wanted = {(row["customer_id"], row["id"]) for row in found}
        targets = {
            (row["customer_id"], row["settlement_account_id"])
            for row in found
            if row["settlement_account_id"] is not None
        }
        accounts = await lock_accounts(connection, wanted | targets)
        ids = [row["product_id"] for row in accounts.values() if row["product_id"] is not None]
        products = {row["id"]: row for row in await connection.fetch(_PRODUCTS, ids)}
        rates = {row["currency"]: row["annual_rate"] for row in await connection.fetch(_ON_DEMAND)}
        work = _Work(turn, rates)
        for place in sorted(wanted):
            row = accounts[place]
            if _is_over(row, turn):
                target = accounts.get((row["customer_id"], row["settlement_account_id"]))
                _settle(work, row, target, products.get(row["product_id"]))
        await book_all(connection, work.entries, [InternalPurpose.INTEREST_EXPENSE])
        if work.settled:
            columns = zip(*(_values(one) for one in work.settled), strict=True)
            await connection.execute(
                _SETTLE, *(list(column) for column in columns), turn.day.next_on
            )
        await record_all(connection, self.keys, work.records)
        if len(found) < self.size:
            return Batch(None, len(work.settled))
        return Batch(Key(found[-1]["customer_id"], found[-1]["id"]), len(work.settled))


def _values(settled: _Settled) -> tuple[Any, ...]:
    return (
        settled.owner,
        settled.id,
        settled.status,
        settled.closed_on,
        settled.annual_rate,
        settled.began_on,
        settled.matures_on,
        settled.matured_on,
    )


def _is_over(row: Any, turn: Turn) -> bool:
    return bool(
        row["kind"] == AccountKind.TIME_DEPOSIT
        and row["status"] != AccountStatus.CLOSED
        and row["matured_on"] is None
        and row["matures_on"] <= turn.day.next_on
    )


def _settle(work: _Work, row: Any, target: Any, product: Any) -> None:
    """Add what one deposit comes to.

    Where nothing can be paid out, because no account is named for it, because that one is closed,
    or because money may not leave the deposit, it stays there and earns as on demand.
    """
    owner, account, balance = row["customer_id"], row["id"], row["balance"]
    turn, on = work.turn, work.turn.day.next_on
    began_on = term_began_on(row) or row["opened_on"]
    day_count = DayCount[product["day_count"] if product else DayCount.MONTHS_360]
    term = Term(
        balance,
        Currency[row["currency"]],
        row["annual_rate"] or Decimal(0),
        began_on,
        row["matures_on"],
        day_count,
    )
    renewal = AutoRenewal[row["auto_renewal"]]
    settled = mature(term, renewal)
    is_bound = row["status"] == AccountStatus.FROZEN or row["held"] > 0
    is_payable = not is_bound and target is not None and _takes(target, row)
    if settled.interest:
        work.entries.append(interest_entry(row, settled.interest, turn))
    if settled.paid_out and is_payable:
        work.entries.append(_payment(row, target, settled, turn))
    renews = renewal is not AutoRenewal.NONE and bool(row["term_months"])
    closes = not renews and (is_payable or not settled.paid_out)
    rate = term.annual_rate
    if renews and product is not None:
        rate = product["annual_rate"]
    elif not renews and not closes:
        rate = work.on_demand.get(row["currency"], Decimal(0))
    work.settled.append(
        _Settled(
            owner,
            account,
            AccountStatus.CLOSED if closes else row["status"],
            on if closes else None,
            rate,
            row["matures_on"] if renews else row["term_began_on"],
            next_maturity(row["opened_on"], row["matures_on"], row["term_months"])
            if renews
            else row["matures_on"],
            None if renews else on,
        )
    )
    event = "deposit.renewed" if renews else "deposit.matured"
    work.records.append(record(turn.at, owner, "acc", account, event, "balance", "maturesOn"))


def _takes(target: Any, row: Any) -> bool:
    return bool(target["status"] != AccountStatus.CLOSED and target["currency"] == row["currency"])


def _payment(row: Any, target: Any, settled: Maturity, turn: Turn) -> Entry:
    currency, owner = Currency[row["currency"]], row["customer_id"]
    out, into = TransactionKind.TRANSFER_OUT, TransactionKind.TRANSFER_IN
    legs = (
        Leg(new_id(), owner, row["id"], -settled.paid_out, currency, out),
        Leg(new_id(), owner, target["id"], settled.paid_out, currency, into),
    )
    return Entry(new_id(), owner, out, turn.day.next_on, legs)
