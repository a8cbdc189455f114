"""A canonical export of a bank: what it holds in clear, in one order, whatever the keys."""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Final
from uuid import UUID

import asyncpg
from row_scopes import OF_AUDIT, UNREAD
from sqlalchemy import Table

from app.db import tables
from app.db.keys import Keys

_SUFFIX: Final = "_ciphertext"
# Keys and keyed hashes differ from bank to bank, and so does when a row was written. What was
# asked of a bank is told by its audit trail, not by what it holds.
_LEFT_OUT_TABLES: Final = {"customer_key", "key_check", *OF_AUDIT, *UNREAD}
_LEFT_OUT_COLUMNS: Final = {"digest", "created_at"}
_AT_ONCE: Final = 5_000


async def export_lines(connection: asyncpg.Connection, keys: Keys) -> AsyncIterator[str]:
    """One line for each row of each table, in the order of tables and of their keys.

    Call it inside a transaction.
    """
    found = await connection.fetch("select customer_id, wrapped_key from customer_key")
    wrapped = {row[0]: row[1] for row in found}
    for table in tables.Customer.metadata.sorted_tables:
        if table.name in _LEFT_OUT_TABLES:
            continue
        columns = [each.name for each in table.c if each.name not in _LEFT_OUT_COLUMNS]
        sql = f"select {', '.join(columns)} from {table.name} order by {_order(table)}"
        async for row in connection.cursor(sql, prefetch=_AT_ONCE):
            yield _line(table.name, row, wrapped, keys)


def _order(table: Table) -> str:
    """Give the columns of the key, or all plain ones where a keyed hash is part of the key."""
    names = [column.name for column in table.primary_key]
    if not _LEFT_OUT_COLUMNS.isdisjoint(names):
        names = [each.name for each in table.c if each.name not in _LEFT_OUT_COLUMNS]
    return ", ".join(names)


def _line(table: str, row: asyncpg.Record, wrapped: dict[UUID, bytes], keys: Keys) -> str:
    values = [table]
    for column, value in row.items():
        if column.endswith(_SUFFIX) and value is not None:
            owner = row["id"] if table == "customer" else row["customer_id"]
            cipher = keys.ring.cipher(owner, wrapped[owner])
            values.append(cipher.decrypt(f"{table}.{column}", row["id"], value))
        else:
            values.append(str(value))
    return "|".join(values)


async def export_hash(dsn: str, keys: Keys) -> str:
    digest = sha256()
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for line in export_lines(connection, keys):
                digest.update(f"{line}\n".encode())
    finally:
        await connection.close()
    return digest.hexdigest()
