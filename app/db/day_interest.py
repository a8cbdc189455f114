"""Interest at the end of a day: accrued on every deposit, credited where a period ends."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.db.audit import Record
from app.db.audit_keys import AuditKeys
from app.db.business_day import Batch, Connection, Key, Turn
from app.db.day_records import book_all, internal_leg, record, record_all
from app.db.ids import new_id
from app.domain.account import (
    AccountKind,
    AccountStatus,
    InterestPosting,
    InternalPurpose,
    TransactionKind,
)
from app.domain.business_day import is_settled_after
from app.domain.interest import DayCount, days, demand_interest, term_interest, term_starts_on
from app.domain.ledger import Entry, Leg
from app.domain.money import Currency, rounded

# Locked by what never changes in a row, so that no row drops out of a page while it is waited for;
# in the order in which whoever moves money locks accounts.
_LOCK: Final = """
select account.customer_id, account.id, account.kind, account.status, account.currency,
    account.balance, account.opened_on, account.term_months, account.matures_on,
    account.term_began_on, account.matured_on, account.interest_accrued, account.accrued_until,
    coalesce(account.annual_rate, product.annual_rate) as annual_rate, product.day_count,
    product.interest_posting
from account left join account_product as product on product.id = account.product_id
where account.kind in ('DEMAND', 'TIME_DEPOSIT') and account.opened_on <= $3
    and (account.customer_id, account.id) > ($1, $2)
order by account.customer_id, account.id limit $4
for no key update of account
"""
# A statement of its own: it sees what was committed while the accounts were waited for.
_SINCE: Final = """
select posting.customer_id, posting.account_id, sum(posting.amount) as amount
from unnest($1::uuid[], $2::uuid[]) as wanted (owner, id)
join posting on posting.customer_id = wanted.owner and posting.account_id = wanted.id
where posting.booked_at >= $3
group by posting.customer_id, posting.account_id
"""
_ACCRUE: Final = """
update account set interest_accrued = given.accrued, accrued_until = $4
from unnest($1::uuid[], $2::uuid[], $3::numeric[]) as given (owner, id, accrued)
where account.customer_id = given.owner and account.id = given.id
"""
_CREDITED: Final = """
update account set interest_accrued = 0
from unnest($1::uuid[], $2::uuid[]) as given (owner, id)
where account.customer_id = given.owner and account.id = given.id
"""


@dataclass(frozen=True)
class Interest:
    """The steps that accrue and credit interest; ``size`` accounts to a transaction."""

    keys: AuditKeys
    size: int

    async def accrue(self, connection: Connection, turn: Turn) -> Batch:
        """Accrue the interest of the day that ended, on what was booked by its end."""
        rows = await self._lock(connection, turn)
        owners, ids = [row["customer_id"] for row in rows], [row["id"] for row in rows]
        since = {
            (owner, id_): amount
            for owner, id_, amount in await connection.fetch(
                _SINCE, owners, ids, turn.day.cut_off_at
            )
        }
        accrued = []
        for row in rows:
            later = since.get((row["customer_id"], row["id"]), Decimal(0))
            total = _accrued(row, row["balance"] - later, turn)
            if total is not None:
                accrued.append((row["customer_id"], row["id"], total))
        if accrued:
            await connection.execute(_ACCRUE, *_columns(accrued), turn.day.next_on)
        return self._batch(rows, len(accrued))

    async def credit(self, connection: Connection, turn: Turn) -> Batch:
        """Credit accrued interest, with the next day as its value date, where a period ended."""
        if not any(is_settled_after(posting, turn.day.on) for posting in InterestPosting):
            return Batch(None, 0)
        rows = await self._lock(connection, turn)
        entries: list[Entry] = []
        credited: list[tuple[UUID, UUID]] = []
        records: list[Record] = []
        for row in rows:
            amount = _due(row, turn)
            if amount is None:
                continue
            owner, account = row["customer_id"], row["id"]
            credited.append((owner, account))
            if amount:
                entries.append(interest_entry(row, amount, turn))
                records.append(record(turn.at, owner, "acc", account, "interest.posted", "balance"))
        await book_all(connection, entries, [InternalPurpose.INTEREST_EXPENSE])
        if credited:
            await connection.execute(_CREDITED, *_columns(credited))
        await record_all(connection, self.keys, records)
        return self._batch(rows, len(entries))

    async def _lock(self, connection: Connection, turn: Turn) -> list[Any]:
        after, on = turn.after, turn.day.on
        rows: list[Any] = await connection.fetch(_LOCK, after.owner, after.id, on, self.size)
        return rows

    def _batch(self, rows: list[Any], done: int) -> Batch:
        if len(rows) < self.size:
            return Batch(None, done)
        return Batch(Key(rows[-1]["customer_id"], rows[-1]["id"]), done)


def interest_entry(row: Any, amount: Decimal, turn: Turn) -> Entry:
    """Give the entry that credits interest to an account."""
    currency, kind = Currency[row["currency"]], TransactionKind.INTEREST_CREDITED
    leg = Leg(new_id(), row["customer_id"], row["id"], amount, currency, kind)
    legs = (leg, internal_leg(InternalPurpose.INTEREST_EXPENSE, currency, kind, leg))
    return Entry(new_id(), row["customer_id"], kind, turn.day.next_on, legs)


def term_began_on(row: Any) -> Any:
    """Give the first day of a time deposit's term; None where that is not known."""
    if row["term_began_on"] is not None:
        return row["term_began_on"]
    if row["matures_on"] is None or row["term_months"] is None:
        return None
    return term_starts_on(row["opened_on"], row["matures_on"], row["term_months"])


def _accrued(row: Any, balance: Decimal, turn: Turn) -> Decimal | None:
    """Give the interest accrued by the day's end; None where it stays what it is."""
    on, next_on = turn.day.on, turn.day.next_on
    done_before = row["accrued_until"] is not None and row["accrued_until"] >= next_on
    rate, day_count = row["annual_rate"], row["day_count"]
    if done_before or row["status"] == AccountStatus.CLOSED or balance <= 0 or not rate:
        return None
    if row["kind"] == AccountKind.TIME_DEPOSIT and row["matured_on"] is None:
        began_on = term_began_on(row)
        if began_on is None or began_on > on:
            return None
        by = DayCount[day_count or DayCount.MONTHS_360]
        return term_interest(balance, rate, began_on, next_on, by)
    # A deposit whose term is over earns as on demand, by the days of demand deposits.
    is_demand = row["kind"] == AccountKind.DEMAND
    by = DayCount[day_count if is_demand and day_count else DayCount.ACT_360]
    earned = demand_interest(balance * days(on, next_on, by), rate, by)
    total: Decimal = row["interest_accrued"] + earned
    return total


def _due(row: Any, turn: Turn) -> Decimal | None:
    """Give what is credited of the interest accrued; None where no period of the account ended."""
    runs = row["kind"] == AccountKind.TIME_DEPOSIT and row["matured_on"] is None
    if runs or row["status"] == AccountStatus.CLOSED or not row["interest_accrued"]:
        return None
    posting = InterestPosting[row["interest_posting"] or InterestPosting.QUARTERLY]
    if row["kind"] == AccountKind.TIME_DEPOSIT:
        posting = InterestPosting.QUARTERLY
    if not is_settled_after(posting, turn.day.on):
        return None
    return rounded(row["interest_accrued"], Currency[row["currency"]])


def _columns(rows: list[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
