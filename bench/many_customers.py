"""A bank of a million customers, for benches: a seeded one, and copies of its customers.

Seeding so many takes hours; copying rows inside the database takes minutes. Each copy has its own
ids, branches, staff, numbers and look-up digests, so that tables, indexes and statistics are those
of a bank of that size. What the copies lack: ledger entries older than ``days`` and the bank's own
side of them, the audit trail, and values that anybody can read: ciphertext is bound to the row
that it was made for. Benches ask about the seeded customers, among all the others.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import Column, Table
from sqlmodel import SQLModel

from app.db.bank_itself import BANK_ID

# Tables that all customers share, and what the server writes for itself.
_SHARED: Final = frozenset(
    {
        "account_product",
        "business_date",
        "business_day",
        "business_day_step",
        "idempotency_key",
        "key_check",
        "product",
        "product_price",
        "segment",
        "service_calendar",
        "service_hours",
        "service_queue",
        "service_target",
        "special_day",
        "transfer_promise",
    }
)
_NOT_OURS: Final = ("alembic", "audit_", "begun_service")
_SHARED_IDS: Final = frozenset({"product_id", "segment_id"})
_UNIQUE_TEXTS: Final = frozenset({"code", "number"})
_BY_TIME: Final = frozenset({"journal_entry", "posting"})
# Time in ids of one copy's rows follows that of the copy before: 2^33 milliseconds are 99 days.
_MOVED: Final = """
create or replace function pg_temp.moved(id uuid, copy integer) returns uuid
language sql immutable strict return (
    lpad(to_hex(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint
        + copy * 8589934592), 12, '0') || substr(replace(id::text, '-', ''), 13)
)::uuid
"""


async def multiply(
    dsn: str, customers: int, tell: Callable[[str], None], *, days: int = 60
) -> None:
    """Copy the bank's customers until there are ``customers``, a multiple of what there is.

    Only to be done once, and only to a bank that is thrown away: constraints between rows are not
    checked, and the ledger does not balance afterwards.
    """
    connection = await asyncpg.connect(dsn)
    try:
        known = await connection.fetchval("select count(*) from customer where id <> $1", BANK_ID)
        times, rest = divmod(customers, known)
        if rest:
            message = f"{customers} is not a multiple of the {known} customers that are seeded"
            raise ValueError(message)
        # Triggers and foreign keys would check each of many million rows again.
        await connection.execute("set session_replication_role = replica")
        await connection.execute("set synchronous_commit = off")
        await connection.execute(_MOVED)
        since = await connection.fetchval(f"select current_on - {days} from business_date")
        statements = list(_statements())
        await connection.execute("create temp table original (id uuid primary key)")
        await connection.execute(
            "insert into original select id from customer where id <> $1", BANK_ID
        )
        for copy in range(1, times):
            async with connection.transaction():
                for statement in statements:
                    more = [since] if "$2" in statement else []
                    await connection.execute(statement, copy, *more)
            tell(f"{(copy + 1) * known:,} customers")
        tell("vacuum analyze")
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()


def _statements() -> Iterator[str]:
    for table in SQLModel.metadata.sorted_tables:
        if table.name not in _SHARED and not table.name.startswith(_NOT_OURS):
            yield _statement(table)


def _statement(table: Table) -> str:
    columns = [column for column in table.columns if column.computed is None]
    names = ", ".join(column.name for column in columns)
    values = ", ".join(_value(column) for column in columns)
    owner = "id" if table.name == "customer" else "customer_id"
    if owner in table.columns:
        condition = f"exists (select from original where original.id = {table.name}.{owner})"
        if table.name in _BY_TIME:
            condition += " and booked_at >= $2::date"
    else:
        of_staff = "select id from staff where number not like '%~%'"
        condition = {
            "branch": "code not like '%~%'",
            "staff": "number not like '%~%'",
        }.get(table.name, f"staff_id in ({of_staff})")
    return f"insert into {table.name} ({names}) select {values} from {table.name} where {condition}"


def _value(column: "Column[Any]") -> str:
    name, kind = column.name, column.type.python_type
    if kind is UUID and name not in _SHARED_IDS:
        return f"pg_temp.moved({name}, $1::integer)"
    if name == "digest":
        return "sha256(digest || int4send($1::integer))"
    if name in _UNIQUE_TEXTS and kind is str:
        return f"{name} || '~' || $1::integer"
    return name
