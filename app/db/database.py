"""The connections that queries read through, and how they are told who is asking.

A statement of one value tells it itself, for its own transaction: the session speaks for nobody,
so that what is read before it is told, or by whoever comes next, is nothing. Any other statement is
sent after the session was told, at every checkout.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Self, TypeVar

import asyncpg

from app.db.lending import Lender, Lent, PoolObserver, end
from app.db.roles import APP_READ
from app.db.sight import Sight
from app.db.viewer_setting import SET_VIEWER

_CONNECT_TIMEOUT_SECONDS: Final = 10
# Whoever still reads when the server has stopped has had all the time that operations have.
_CLOSE_TIMEOUT_SECONDS: Final = 5
_NOBODY: Final = ""
# How a statement fails on a connection that the server has ended: PostgreSQL says why, or not, or
# has said so between two statements, which confuses the driver.
_ENDED: Final = (
    asyncpg.AdminShutdownError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)
# What a plan of everything about a customer has. Planned anew for each run it would take tens of
# milliseconds; kept, a letter of SQL takes some 60 bytes of the database's process.
_KEPT_LETTERS_MAX: Final = 32_000
_KEPT_STATEMENTS_MAX: Final = 60

_T = TypeVar("_T")


async def _keep(_connection: asyncpg.Connection) -> None:
    """Leave a connection as it is when it comes back to the pool.

    asyncpg's own reset costs a round trip, and there is nothing to reset: whoever takes the
    connection next says who is asking, and nothing that reads here listens, locks or sets
    anything else. An open transaction is rolled back all the same.
    """


async def _speak_for(lent: Lent, viewer: str) -> None:
    """Tell a session who is asking from now on; a connection that was not told is ended.

    Outside any transaction: one that is rolled back would bring back whoever asked before.
    """
    lent.told = None
    try:
        await lent.connection.fetchval(SET_VIEWER, viewer)
    except BaseException:
        end(lent.connection)
        raise
    lent.told = viewer


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
        statement_cache_size=_KEPT_STATEMENTS_MAX,
        max_cacheable_statement_size=_KEPT_LETTERS_MAX,
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


class Database:
    """Reads as the role ``app_read``; every statement takes a connection of its own."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", size: int, observer: PoolObserver
    ) -> None:
        """Take an open pool of at most ``size`` connections; use ``connect`` to make one."""
        self._pool = pool
        self._lender = Lender(pool, size, observer)
        self.sight = Sight(self.fetch)

    @classmethod
    async def connect(
        cls, dsn: str, pool_size: int, statement_timeout_seconds: int, observer: PoolObserver
    ) -> Self:
        """Open a pool of at most ``pool_size`` connections."""
        pool = await open_pool(dsn, APP_READ, pool_size, statement_timeout_seconds, read_only=True)
        return cls(pool, pool_size, observer)

    async def answer(self, sql: str, values: Sequence[Any], viewer: str) -> Any:
        """Run one statement made by ``telling`` as ``viewer``, in one round trip; gives its value.

        ``values`` are those of the statement that it was made of.
        """

        async def run(lent: Lent) -> Any:
            if lent.told != _NOBODY:
                await _speak_for(lent, _NOBODY)
            ((value,),) = await lent.connection.fetch(sql, *values, viewer)
            return value

        return await self._read(run)

    async def fetch(self, sql: str, values: Sequence[Any], viewer: str) -> Sequence[Any]:
        """Run one statement as ``viewer`` (see app.db.policies); gives its rows."""

        async def run(lent: Lent) -> Sequence[Any]:
            await _speak_for(lent, viewer)
            rows: Sequence[Any] = await lent.connection.fetch(sql, *values)
            return rows

        return await self._read(run)

    async def fetch_value(self, sql: str, *values: Any) -> Any:
        """Run one statement as nobody; gives the first column of its first row, or None."""

        async def run(lent: Lent) -> Any:
            await _speak_for(lent, _NOBODY)
            return await lent.connection.fetchval(sql, *values)

        return await self._read(run)

    async def _read(self, run: Callable[[Lent], Awaitable[_T]]) -> _T:
        """Run a statement on a connection; once more, where the server had ended it meanwhile.

        That a connection was ended is known only once the event loop has heard of it. Nothing that
        reads here leaves anything behind, so that it may run again.
        """
        async with self._lender.lent() as lent:
            is_fresh = lent.told is None
            try:
                return await run(lent)
            except _ENDED:
                if is_fresh:
                    raise
                end(lent.connection)
        async with self._lender.lent() as lent:
            return await run(lent)

    async def close(self) -> None:
        """Close every connection once its statement ends, or when that takes too long."""
        await self._lender.close()
        await close_pool(self._pool)
