"""Statements of the double-entry book: accounts are locked first, then entries are booked.

They take a connection within a transaction, the unit of work's or a job's. Which rows a viewer
may act on is not decided here.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg

from app.db.bank_itself import BANK_ID
from app.db.unit_of_work import WrongRowsError
from app.domain.ledger import Entry, accounts_of

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

# The key comes along: what is stored on a posting is encrypted for the account's owner.
_LOCK: Final = """
select account.*, customer_key.wrapped_key
from account
join unnest($1::uuid[], $2::uuid[]) as wanted (customer_id, id) using (customer_id, id)
left join customer_key on customer_key.customer_id = account.customer_id
where account.kind <> 'INTERNAL'
order by account.customer_id, account.id
for no key update of account
"""

# One statement, so that a booking is one way to the database and back. A posting's balance is the
# account's before the statement and what the legs up to it add. An account that is closed, or that
# would fall below what is held and what may be overdrawn, is left out and so undoes the booking:
# whoever books has checked it before.
_BOOK: Final = f"""
with entry as materialized (
    select id, customer_id, kind, coalesce(booked_at, clock_timestamp()) as booked_at, value_on,
        channel, reverses_id
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::date[], $6::text[],
        $7::uuid[]) as given (id, customer_id, kind, booked_at, value_on, channel, reverses_id)
), leg as materialized (
    select * from unnest($8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[], $12::numeric[],
        $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bytea[], $18::bytea[])
        with ordinality as given (entry_id, id, owner_id, account_id, amount, currency, kind,
            bank, number, name, text, place)
), moved as (
    update account set balance = account.balance + moving.amount
    from (
        select owner_id, account_id, currency, sum(amount) as amount from leg
        where owner_id <> '{BANK_ID}' group by owner_id, account_id, currency
    ) as moving
    where account.customer_id = moving.owner_id and account.id = moving.account_id
        and account.currency = moving.currency and account.status <> 'CLOSED'
        and (moving.amount >= 0
            or account.balance + moving.amount >= account.held - account.overdraft_limit)
    returning account.customer_id, account.id, account.balance - moving.amount as balance_before
), booked as (
    insert into journal_entry (customer_id, id, kind, booked_at, value_on, reverses_id, source)
    select customer_id, id, kind, booked_at, value_on, reverses_id, 'BANK360' from entry
    returning id
), posted as (
    insert into posting (customer_id, id, account_id, entry_customer_id, entry_id, kind, channel,
        amount, currency, balance_after, booked_at, value_on, counterparty_bank,
        counterparty_account_ciphertext, counterparty_name_ciphertext, text_ciphertext)
    select leg.owner_id, leg.id, leg.account_id, entry.customer_id, entry.id, leg.kind,
        entry.channel, leg.amount, leg.currency,
        moved.balance_before
            + sum(leg.amount) over (partition by leg.owner_id, leg.account_id order by leg.place),
        entry.booked_at, entry.value_on, leg.bank, leg.number, leg.name, leg.text
    from leg join entry on entry.id = leg.entry_id
    left join moved on moved.customer_id = leg.owner_id and moved.id = leg.account_id
    returning id
)
select (select count(*) from moved) as moved, (select count(*) from booked) as booked,
    (select count(*) from posted) as posted
"""


async def lock_accounts(
    connection: "PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection",
    accounts: Collection[tuple[UUID, UUID]],
) -> dict[tuple[UUID, UUID], asyncpg.Record]:
    """Lock accounts, named by owner and id, in the order of both.

    Gives their rows, with ``wrapped_key`` of the owner; one that does not exist is left out.
    Internal accounts are neither locked nor given: their one row would queue the whole bank.
    """
    owners, ids = zip(*accounts, strict=True) if accounts else ((), ())
    rows = await connection.fetch(_LOCK, owners, ids)
    return {(row["customer_id"], row["id"]): row for row in rows}


async def book(
    connection: "PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection", *entries: Entry
) -> None:
    """Book entries whose accounts are locked, in their order; all of them or none.

    Balances follow, and every posting of a customer's account tells the balance after it. Raises
    WrongRowsError where an account is missing, closed, of another currency, or would fall below
    what is held less its overdraft: what called has to have checked that.
    """
    legs = [(entry.id, leg) for entry in entries for leg in entry.legs]
    counts = await connection.fetchrow(
        _BOOK,
        *_columns(
            7,
            [
                (e.id, e.customer_id, e.kind, e.booked_at, e.value_on, e.channel, e.reverses_id)
                for e in entries
            ],
        ),
        *_columns(
            11,
            [
                (
                    entry, leg.id, leg.owner, leg.account, leg.amount, leg.currency, leg.kind,
                    leg.counterparty_bank, leg.counterparty_account, leg.counterparty_name,
                    leg.text,
                )
                for entry, leg in legs
            ],
        ),
    )  # fmt: skip
    moved = len({(owner, id_) for owner, id_ in accounts_of(entries) if owner != BANK_ID})
    expected = (moved, len(entries), len(legs))
    if counts is None or tuple(counts) != expected:
        message = f"booked {counts}, not {expected} (accounts, entries, postings)"
        raise WrongRowsError(message)


def _columns(width: int, rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(width)]
