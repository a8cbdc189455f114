"""A seeded bank for the tests of the seed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.db.keys import Keys
from app.db.seed.load import SeedSummary, seed_bank

# Two chunks, and a household that is cut at the end.
CUSTOMERS = 603
SEED = 4
BUSINESS_DATE = date(2026, 6, 30)
TODAY_BEGINS = datetime(2026, 6, 30, tzinfo=UTC)


async def seeded(
    dsn: str,
    keys: Keys,
    customers: int = CUSTOMERS,
    seed: int = SEED,
    *,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    business_date: date | None = BUSINESS_DATE,
) -> SeedSummary:
    return await seed_bank(dsn, keys, customers, seed, progress, business_date=business_date)


class Bank:
    """A seeded bank, asked in SQL."""

    def __init__(self, dsn: str, keys: Keys, summary: SeedSummary) -> None:
        self.dsn = dsn
        self.keys = keys
        self.summary = summary

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        async def fetch() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return [tuple(row) for row in await connection.fetch(sql, *values)]
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def value(self, sql: str, *values: object) -> Any:
        ((found,),) = self.rows(sql, *values)
        return found

    def clear(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """The encrypted columns of a table in clear, each row after its plain columns."""
        owner = "id" if table == "customer" else "customer_id"
        sealed = [f"{column}_ciphertext" for column in columns]
        found = self.rows(
            f"""
            select t.{owner}, wrapped_key, t.id, {", ".join(f"t.{name}" for name in sealed)}
            from {table} t join customer_key on customer_key.customer_id = t.{owner}
            where t.{owner} <> (select customer_id from customer_number where number = 'BANK')
            """
        )
        opened = []
        for owner_id, wrapped, row_id, *values in found:
            cipher = self.keys.ring.cipher(owner_id, wrapped)
            texts = [
                None if value is None else cipher.decrypt(f"{table}.{name}", row_id, value)
                for name, value in zip(sealed, values, strict=True)
            ]
            opened.append((row_id, *texts))
        return opened


Make = Callable[[], Awaitable[str]]


@pytest.fixture(scope="session")
def empty_bank(migrated_database: Callable[[str], str]) -> Make:
    """Make an empty, migrated database."""

    async def make() -> str:
        return await asyncio.to_thread(migrated_database, f"seed_{uuid4().hex}")

    return make


@pytest.fixture(scope="session")
def invented_bank(empty_bank: Make, keys: Keys) -> Bank:
    async def fill() -> Bank:
        dsn = await empty_bank()
        return Bank(dsn, keys, await seeded(dsn, keys))

    return asyncio.run(fill())
