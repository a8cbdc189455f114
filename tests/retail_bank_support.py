"""What the tests of the retail bank's import share."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from retail_bank_files import SmallBank

from app import embedded
from app.db.keys import Keys
from app.db.retail_bank.load import import_retail_bank
from app.db.retail_bank.report import Summary


class Imports:
    """A database of its own, and a small bank to import into it."""

    def __init__(self, dsn: str, keys: Keys, bank: SmallBank) -> None:
        self.dsn = dsn
        self.keys = keys
        self.bank = bank
        self.steps: list[tuple[str, int, int]] = []

    async def run(self, keys: Keys | None = None, path: Path | None = None) -> Summary:
        """Write the bank's files and import them."""
        self.steps.clear()
        folder = path or self.bank.write()
        return await import_retail_bank(
            self.dsn, keys or self.keys, folder, lambda *step: self.steps.append(step)
        )

    async def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    async def row(self, sql: str, *values: object) -> tuple[Any, ...]:
        (found,) = await self.rows(sql, *values)
        return found

    async def value(self, sql: str, *values: object) -> Any:
        return (await self.row(sql, *values))[0]

    async def clear(self, table: str, column: str, customer_id: UUID, row_id: UUID) -> str:
        """Decrypt a value as the bank itself would."""
        wrapped, sealed = await self.row(
            f"""
            select wrapped_key, {column} from {table} join customer_key
                on customer_key.customer_id = $1
            where {table}.id = $2
            """,
            customer_id,
            row_id,
        )
        cipher = self.keys.ring.cipher(customer_id, wrapped)
        return cipher.decrypt(f"{table}.{column}", row_id, sealed)

    async def customer_id(self, number: str) -> UUID:
        found: UUID = await self.value(
            "select customer_id from customer_number where number = $1", number
        )
        return found

    async def counts(self) -> dict[str, int]:
        """Rows of every table that is not empty."""
        names = await self.rows(
            "select table_name from information_schema.tables"
            " where table_schema = 'public' and table_name <> 'alembic_version'"
        )
        counts = {name: await self.value(f"select count(*) from {name}") for (name,) in names}
        return {name: count for name, count in counts.items() if count}


def refusals(summary: Summary) -> list[str]:
    return [str(refusal) for refusal in summary.refused]


def count(summary: Summary, file: str) -> tuple[int, int, int]:
    """Rows of a file that were stored, already there, refused."""
    (found,) = [one for one in summary.files if one.file == file]
    return found.stored, found.already_there, found.refused


def address(text: str) -> dict[str, str | None]:
    parsed: dict[str, str | None] = json.loads(text)
    return parsed


@pytest.fixture
async def imports(
    server: embedded.EmbeddedPostgres,
    migrated_database: Callable[[str], str],
    keys: Keys,
    tmp_path: Path,
) -> AsyncIterator[Imports]:
    """An empty, migrated bank and a folder of its own for each test."""
    name = f"small_{uuid4().hex}"
    dsn = await asyncio.to_thread(migrated_database, name)
    yield Imports(dsn, keys, SmallBank(tmp_path / "retail-bank"))
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(f"drop database {name}")
    await connection.close()
