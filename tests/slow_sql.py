"""Statements that do not end by themselves, and conditions that are waited for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from app.db.database import Database
from app.db.ids import new_id


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait, within bounds, for a condition to come about."""
    for _ in range(600):
        if await condition():
            return
        await asyncio.sleep(0.05)
    message = "it did not come about"
    raise AssertionError(message)


class SlowSql:
    """Every statement of the server takes ten minutes."""

    def __init__(self, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        fetch = Database.fetch
        self.owner = owner
        self.sql = f"select pg_sleep(600), '{new_id()}'"

        async def slow(database: Database, _sql: str, _values: Any, viewer: str) -> Any:
            return await fetch(database, self.sql, [], viewer)

        monkeypatch.setattr(Database, "fetch", slow)
        monkeypatch.setattr(Database, "answer", slow)

    async def running(self, number: int) -> None:
        """Wait until so many of them run in PostgreSQL."""
        count = "select count(*) from pg_stat_activity where query = $1 and state = 'active'"

        async def reached() -> bool:
            return bool(await self.owner.fetchval(count, self.sql) == number)

        await until(reached)
