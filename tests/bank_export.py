"""A canonical export of a bank: what it holds in clear, in one order, whatever the keys."""

from hashlib import sha256
from uuid import UUID

import asyncpg

from app.db import tables
from app.db.crypto import CustomerCipher
from app.db.keys import Keys

_SUFFIX = "_ciphertext"
# Keys and keyed hashes differ from bank to bank, and so does when a row was written.
_LEFT_OUT_TABLES = {"customer_key", "key_check"}
_LEFT_OUT_COLUMNS = {"digest", "created_at"}


async def export_lines(connection: asyncpg.Connection, keys: Keys) -> list[str]:
    """One line for each row of each table, in the order of tables and of their lines."""
    found = await connection.fetch("select customer_id, wrapped_key from customer_key")
    ciphers = {row[0]: keys.ring.cipher(row[0], row[1]) for row in found}
    lines = []
    for table in tables.Customer.metadata.sorted_tables:
        if table.name in _LEFT_OUT_TABLES:
            continue
        rows = await connection.fetch(f"select * from {table.name}")
        lines.extend(sorted(_line(table.name, row, ciphers) for row in rows))
    return lines


def _line(table: str, row: asyncpg.Record, ciphers: dict[UUID, CustomerCipher]) -> str:
    values = []
    for column, value in row.items():
        if column in _LEFT_OUT_COLUMNS:
            continue
        if column.endswith(_SUFFIX) and value is not None:
            owner = row["id"] if table == "customer" else row["customer_id"]
            values.append(ciphers[owner].decrypt(f"{table}.{column}", row["id"], value))
        else:
            values.append(str(value))
    return "|".join((table, *values))


async def export_hash(dsn: str, keys: Keys) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        lines = await export_lines(connection, keys)
    finally:
        await connection.close()
    return sha256("\n".join(lines).encode()).hexdigest()
