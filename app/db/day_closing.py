"""The bank's own accounts at the end of a day, and what is forgotten then."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.db.bank_itself import BANK_ID
from app.db.business_day import FIRST, Batch, Connection, Turn

# Every booking of a day is committed before its end begins and none comes later, so a balance is
# the one before it and what was booked between the two ends.
_CLOSE: Final = f"""
insert into internal_balance (customer_id, account_id, day_on, currency, balance)
select account.customer_id, account.id, $1, account.currency,
    coalesce(earlier.balance, 0) + coalesce((
        select sum(posting.amount) from posting
        where posting.customer_id = account.customer_id and posting.account_id = account.id
            and posting.booked_at < $2
            and posting.booked_at >= coalesce(earlier.cut_off_at, '-infinity')
    ), 0)
from account left join lateral (
    select internal_balance.balance, business_day.cut_off_at
    from internal_balance join business_day using (day_on)
    where internal_balance.customer_id = account.customer_id
        and internal_balance.account_id = account.id and day_on < $1
    order by day_on desc limit 1
) as earlier on true
where account.customer_id = '{BANK_ID}' and account.kind = 'INTERNAL'
on conflict do nothing
"""
_FORGET: Final = """
delete from idempotency_key where (actor_id, key) in (
    select actor_id, key from idempotency_key where recorded_at < $1
    order by recorded_at limit $2
)
"""
_FORGET_PROMISES: Final = """
delete from transfer_promise where (actor_id, id) in (
    select actor_id, id from transfer_promise where valid_until < $1
    order by valid_until limit $2
)
"""
_ROWS: Final = 5_000
# The codes that somebody was sent within an hour are counted by the promises they were sent for.
_PROMISE_KEPT: Final = timedelta(hours=1)


async def close_internal_accounts(connection: Connection, turn: Turn) -> Batch:
    """Keep what every internal account's postings sum to at the end of the day."""
    status = await connection.execute(_CLOSE, turn.day.on, turn.day.cut_off_at)
    return Batch(None, _count(status))


@dataclass(frozen=True)
class Forgetting:
    """The step that forgets outcomes of commands after so many days of real time."""

    kept_days: int

    async def forget(self, connection: Connection, turn: Turn) -> Batch:
        """Forget some; another turn takes the next ones."""
        before = turn.at - timedelta(days=self.kept_days)
        count = _count(await connection.execute(_FORGET, before, _ROWS))
        return Batch(FIRST if count == _ROWS else None, count)


async def forget_promises(connection: Connection, turn: Turn) -> Batch:
    """Forget some promises that have long expired; another turn takes the next ones."""
    before = turn.at - _PROMISE_KEPT
    count = _count(await connection.execute(_FORGET_PROMISES, before, _ROWS))
    return Batch(FIRST if count == _ROWS else None, count)


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
