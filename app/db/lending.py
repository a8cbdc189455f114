"""Connections that are kept at hand, so that taking one costs no task, timer or round trip."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Protocol

import asyncpg
from asyncpg.pool import PoolConnectionProxy

# Waiting longer than this for a connection means more load than this server can carry.
_WAIT_SECONDS_MAX: Final = 5


class BusyError(Exception):
    """Every connection is in use, and none came free in time."""


class PoolObserver(Protocol):
    """Is told what happens to the pool."""

    def waits(self) -> None:
        """Tell that a statement waits for a connection."""

    def waited(self) -> None:
        """Tell that it waits no longer, whatever came of it."""

    def acquired(self, seconds: float) -> None:
        """Tell that a statement got a connection, after ``seconds``."""

    def opened(self, size: int) -> None:
        """Tell that the pool has ``size`` connections."""

    def was_busy(self) -> None:
        """Tell that a statement got none, because all were in use for too long."""

    def released(self) -> None:
        """Tell that a connection is free again."""


class Unobserved:
    """Watches a pool whose users are counted elsewhere."""

    def waits(self) -> None:
        """See PoolObserver."""

    waited = was_busy = released = waits

    def acquired(self, _seconds: float) -> None:
        """See PoolObserver."""

    def opened(self, _size: int) -> None:
        """See PoolObserver."""


def is_closed(connection: "PoolConnectionProxy[asyncpg.Record]") -> bool:
    """Tell whether a connection is lost: one that its server ended, the pool takes away at once."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def end(connection: "PoolConnectionProxy[asyncpg.Record]") -> None:
    """Cut a connection off; nothing is left to do where the pool has taken it away already."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


@dataclass
class Lent:
    """A connection that is lent; ``told`` is whom its session speaks for, None is not known."""

    connection: "PoolConnectionProxy[asyncpg.Record]"
    told: str | None = None


class Lender:
    """Lends the connections of a pool to one statement at a time.

    What comes back in order is lent again as it is. Everything else goes through the pool, which
    waits for cancellations, rolls back, and opens another connection where one is lost.
    """

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", size: int, observer: PoolObserver
    ) -> None:
        """Take a pool of at most ``size`` connections, which nobody else uses."""
        self._pool = pool
        self._observer = observer
        self._free = asyncio.Semaphore(size)
        self._idle: list[Lent] = []
        self._closing = False

    async def take(self) -> Lent:
        """Take a connection; raises BusyError where none comes free in time."""
        observer = self._observer
        if self._free.locked():
            started = perf_counter()
            await self._wait()
            seconds = perf_counter() - started
        else:
            seconds = 0.0
            await self._free.acquire()
        try:
            lent = self._at_hand() or Lent(await self._pool.acquire(timeout=_WAIT_SECONDS_MAX))
        except TimeoutError as error:
            self._free.release()
            observer.was_busy()
            raise BusyError from error
        except BaseException:
            self._free.release()
            raise
        if lent.told is None:
            observer.opened(self._pool.get_size())
        observer.acquired(seconds)
        return lent

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Lent]:
        """Lend a connection to what is within."""
        lent = await self.take()
        in_order = False
        try:
            yield lent
            in_order = True
        finally:
            await self.give_back(lent, in_order=in_order)

    async def give_back(self, lent: Lent, *, in_order: bool) -> None:
        """Give a connection back; ``in_order`` where its statement ended as it should."""
        try:
            connection = lent.connection
            if (
                in_order
                and not self._closing
                and not is_closed(connection)
                and not connection.is_in_transaction()
            ):
                self._idle.append(lent)
            else:
                await self._pool.release(connection)
        finally:
            self._free.release()
            self._observer.released()

    async def close(self) -> None:
        """Let the pool have back what is not lent; what is lent goes there later."""
        self._closing = True
        while self._idle:
            await self._pool.release(self._idle.pop().connection)

    def _at_hand(self) -> Lent | None:
        while self._idle:
            lent = self._idle.pop()
            if not is_closed(lent.connection):
                return lent
            end(lent.connection)
        return None

    async def _wait(self) -> None:
        self._observer.waits()
        try:
            async with asyncio.timeout(_WAIT_SECONDS_MAX):
                await self._free.acquire()
        except TimeoutError as error:
            self._observer.was_busy()
            raise BusyError from error
        finally:
            self._observer.waited()
