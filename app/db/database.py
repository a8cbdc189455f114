"""The pool of connections that queries read through."""

from collections.abc import Sequence
from typing import Any, Final, Self

import asyncpg

from app.db.roles import APP_READ

_CONNECT_TIMEOUT_SECONDS: Final = 10
# Waiting longer than this for a connection means more load than this server can carry.
_ACQUIRE_TIMEOUT_SECONDS: Final = 5


class BusyError(Exception):
    """Every connection is in use, and none came free in time."""


class Database:
    """Reads as the role ``app_read``; every statement takes a connection of its own."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        """Take an open pool; use ``connect`` to make one."""
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, pool_size: int, statement_timeout_seconds: int) -> Self:
        """Open a pool of at most ``pool_size`` connections."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min(2, pool_size),
            max_size=pool_size,
            timeout=_CONNECT_TIMEOUT_SECONDS,
            server_settings={
                "role": APP_READ,
                "application_name": "bank360",
                "statement_timeout": f"{statement_timeout_seconds}s",
                "default_transaction_read_only": "on",
                # Plans of small look-ups are never worth compiling.
                "jit": "off",
            },
        )
        return cls(pool)

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """Run one statement; gives its rows."""
        try:
            async with self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_SECONDS) as connection:
                return await connection.fetch(sql, *values)
        except TimeoutError as error:
            raise BusyError from error

    async def fetch_value(self, sql: str, *values: Any) -> Any:
        """Run one statement; gives the first column of its first row, or None."""
        async with self._pool.acquire() as connection:
            return await connection.fetchval(sql, *values)

    async def close(self) -> None:
        """Close every connection once its statement ends."""
        await self._pool.close()
