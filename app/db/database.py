"""The pool of connections that queries read through."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Final, Protocol, Self

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.db.policies import VIEWER_SETTING
from app.db.roles import APP_READ

_CONNECT_TIMEOUT_SECONDS: Final = 10
# Waiting longer than this for a connection means more load than this server can carry.
_ACQUIRE_TIMEOUT_SECONDS: Final = 5
# Whoever still reads when the server has stopped has had all the time that operations have.
_CLOSE_TIMEOUT_SECONDS: Final = 5
_NOBODY: Final = ""
_SET_VIEWER: Final = f"select set_config('{VIEWER_SETTING}', $1, false)"


class BusyError(Exception):
    """Every connection is in use, and none came free in time."""


async def _keep(_connection: asyncpg.Connection) -> None:
    """Leave a connection as it is when it comes back to the pool.

    asyncpg's own reset costs a round trip, and there is nothing to reset: whoever takes the
    connection next says who is asking, and nothing that reads here listens, locks or sets
    anything else. An open transaction is rolled back all the same.
    """


async def _speak_for(connection: "PoolConnectionProxy[asyncpg.Record]", viewer: str) -> None:
    """Tell the database who is asking from now on; a connection that was not told is ended.

    Outside any transaction: one that is rolled back would bring back whoever asked before.
    """
    try:
        await connection.fetchval(_SET_VIEWER, viewer)
    except BaseException:
        connection.terminate()
        raise


async def open_pool(
    dsn: str, role: str, size: int, statement_timeout_seconds: int, *, read_only: bool = False
) -> "asyncpg.Pool[asyncpg.Record]":
    """Open a pool of at most ``size`` connections that act in a role of the database."""
    return await asyncpg.create_pool(
        dsn,
        min_size=min(2, size),
        max_size=size,
        timeout=_CONNECT_TIMEOUT_SECONDS,
        reset=_keep,
        server_settings={
            "role": role,
            "application_name": "bank360",
            "statement_timeout": f"{statement_timeout_seconds}s",
            "default_transaction_read_only": "on" if read_only else "off",
            # Plans of small look-ups are never worth compiling.
            "jit": "off",
        },
    )


async def close_pool(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Close a pool once what runs on it has ended, or when that takes too long."""
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()


class PoolObserver(Protocol):
    """Is told what happens to the pool."""

    def waits(self) -> None:
        """Tell that a statement waits for a connection."""

    def acquired(self, seconds: float, size: int) -> None:
        """Tell that it got one after ``seconds``, of a pool that now has ``size`` of them."""

    def gave_up(self, *, busy: bool) -> None:
        """Tell that it got none: all were ``busy`` too long, or it was ended."""

    def released(self) -> None:
        """Tell that a connection is free again."""


class Database:
    """Reads as the role ``app_read``; every statement takes a connection of its own."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", observer: PoolObserver) -> None:
        """Take an open pool; use ``connect`` to make one."""
        self._pool = pool
        self._observer = observer

    @classmethod
    async def connect(
        cls, dsn: str, pool_size: int, statement_timeout_seconds: int, observer: PoolObserver
    ) -> Self:
        """Open a pool of at most ``pool_size`` connections."""
        pool = await open_pool(dsn, APP_READ, pool_size, statement_timeout_seconds, read_only=True)
        return cls(pool, observer)

    async def fetch(self, sql: str, values: Sequence[Any], viewer: str) -> Sequence[Any]:
        """Run one statement as ``viewer`` (see app.db.policies); gives its rows."""
        async with self._connection(viewer) as connection:
            return await connection.fetch(sql, *values)

    async def fetch_value(self, sql: str, *values: Any) -> Any:
        """Run one statement as nobody; gives the first column of its first row, or None."""
        async with self._connection(_NOBODY) as connection:
            return await connection.fetchval(sql, *values)

    @asynccontextmanager
    async def _connection(
        self, viewer: str
    ) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
        """Take a connection that speaks for ``viewer`` and for nobody else."""
        started = perf_counter()
        self._observer.waits()
        try:
            connection = await self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_SECONDS)
        except TimeoutError as error:
            self._observer.gave_up(busy=True)
            raise BusyError from error
        except BaseException:
            self._observer.gave_up(busy=False)
            raise
        self._observer.acquired(perf_counter() - started, self._pool.get_size())
        try:
            await _speak_for(connection, viewer)
            yield connection
        finally:
            try:
                await self._pool.release(connection)
            finally:
                self._observer.released()

    async def close(self) -> None:
        """Close every connection once its statement ends, or when that takes too long."""
        await close_pool(self._pool)
