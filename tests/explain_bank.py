"""A seeded bank, the application on it, and the plan of every statement that it reads with.

In the gate the bank is small. ``make explain`` seeds 100,000 customers; a bank that is seeded
already is named by BANK360_EXPLAIN_URL (its database) with BANK360_EXPLAIN_DATA_DIR (its keys).
"""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from client import Client
from coverage_support import not_measured
from explain_plans import Bounds, Explaining
from seed_support import BUSINESS_DATE, Make, seeded

from app.auth.permissions import Access, Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.main import create_app
from app.planner import guards
from app.settings import Settings

_URL = os.environ.get("BANK360_EXPLAIN_URL")
_DATA_DIR = os.environ.get("BANK360_EXPLAIN_DATA_DIR", "data")
_CUSTOMERS = int(os.environ.get("BANK360_EXPLAIN_CUSTOMERS", "2000"))
_SEED = 1
# Selections of everything are larger than what the server lets through, and explained they take
# several times as long.
_SETTINGS = Settings(
    query_tokens_max=50_000,
    query_nodes_max=10_000_000,
    query_cost_max=1_000_000,
    query_aliases_max=100_000,
    query_depth_max=40,
    operation_timeout_seconds=300,
    statement_timeout_seconds=120,
)


@dataclass(frozen=True)
class Large:
    """A bank of invented customers, large enough for PostgreSQL to prefer an index."""

    url: str
    keys: Keys
    rows: dict[str, int]
    answers: dict[str, list[asyncpg.Record]] = field(default_factory=dict)

    @property
    def big(self) -> int:
        """Tables of more rows are big: all that grow with the number of customers."""
        return max(1_000, self.rows["customer"] // 10)

    def bounds(self, parents: int = 1) -> Bounds:
        """What a page of one list may cost, for each of so many parents."""
        return Bounds(
            self.big, scanned=1_500 * parents, sorted=300 * parents, buffers=1_500 * parents
        )


@pytest.fixture(scope="session")
def large(empty_bank: Make, keys: Keys) -> Large:
    async def fill() -> Large:
        url, of = _URL, keys
        if url is None:
            url = await empty_bank()
            await seeded(url, keys, _CUSTOMERS, _SEED, business_date=BUSINESS_DATE)
        else:
            of = Keys.load(Path(_DATA_DIR), None, None)
        connection = await asyncpg.connect(url)
        try:
            # Visibility maps as autovacuum leaves them; the planner knows what the tables hold.
            await connection.execute("vacuum (analyze)")
            found = await connection.fetch("select relname, reltuples from pg_class")
            return Large(url, of, {name: int(count) for name, count in found})
        finally:
            await connection.close()

    with not_measured():
        return asyncio.run(fill())


@dataclass(frozen=True)
class Explained:
    """A client whose statements are explained, and the bank's owner's own connection."""

    client: Client
    reads: Explaining
    owner: asyncpg.Connection
    bank: Large

    async def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """Answer an operation; the plans of its statements, and no others, are in ``reads``."""
        self.reads.plans.clear()
        body: dict[str, Any] = (await self.client.send(query, **variables)).json()
        return body

    async def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Give the data; any error fails the test."""
        body = await self.send(query, **variables)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def as_(self, role: Role, subject: UUID) -> "Explained":
        """The same, asked by somebody else."""
        client = self.client.as_(role, subject)
        return Explained(client, self.reads, self.owner, self.bank)

    async def rows(self, sql: str) -> list[asyncpg.Record]:
        """Ask in SQL, each question once: some read the whole bank."""
        if sql not in self.bank.answers:
            self.bank.answers[sql] = await self.owner.fetch(sql)
        return self.bank.answers[sql]

    def faults(self, bounds: Bounds) -> list[str]:
        """What is wrong with the plans of the last operation, each with its statement."""
        return [
            f"{fault}\n    {plan.sql}\n    {plan.values!r:.300}"
            for plan in self.reads.plans
            for fault in plan.faults(bounds, self.bank.rows)
        ]


@pytest.fixture
async def explained(
    large: Large, token_key: TokenKey, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Explained]:
    # No post sees everything at once; what it costs to read is asked of everything.
    monkeypatch.setattr(guards, "access", lambda *_given, **_named: Access.CLEAR)
    app = create_app(_SETTINGS, database_url=large.url, keys=large.keys, token_key=token_key)
    owner = await asyncpg.connect(large.url)
    async with app.router.lifespan_context(app):
        reads = app.state.database = Explaining(app.state.database)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
            yield Explained(Client(http, token_key), reads, owner, large)
        app.state.database = reads.database
    await owner.close()
