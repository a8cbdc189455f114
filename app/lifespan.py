"""What a server keeps open while it answers, and the order in which that opens and closes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette

from app.auth.issuer import RemoteKeys
from app.db.database import Database
from app.db.feed import Feed
from app.db.key_check import check_keys
from app.db.keys import Keys
from app.db.reads import Reads
from app.db.redis import Redis
from app.db.unit_of_work import Writes
from app.jobs.sequencing import Sequencing
from app.jobs.worker import Worker
from app.metrics import Metrics


@dataclass(frozen=True)
class Lifespan:
    """What one server keeps open; ``readers`` is how many connections queries share.

    ``worker`` is None where business days are closed by a process of its own.
    """

    database_url: str
    keys: Keys
    readers: int
    statement_timeout_seconds: int
    sequencing: Sequencing
    feed: Feed
    reads: Reads
    redis: Redis
    issuer: RemoteKeys | None
    measured: Metrics
    plan_ahead: Callable[[], Coroutine[Any, Any, None]]
    worker: Worker | None = None

    @asynccontextmanager
    async def running(self, app: Starlette) -> AsyncIterator[None]:
        """Open all, put what requests need into ``app.state``, and close all at the end.

        Starlette ends it once requests are answered or given up. Raises KeysError for keys that
        the database was not written with.
        """
        await check_keys(self.database_url, self.keys)
        # What is opened first is closed last. Everything that writes audit records ends before
        # the sequencer does, so that a server that stops leaves none without a number.
        async with AsyncExitStack() as stack:
            if self.issuer is not None:
                stack.push_async_callback(self.issuer.aclose)
            stack.push_async_callback(self.redis.aclose)
            database = await Database.connect(
                self.database_url, self.readers, self.statement_timeout_seconds, self.measured.pool
            )
            stack.push_async_callback(database.close)
            await stack.enter_async_context(self.sequencing.running())
            await stack.enter_async_context(self.feed.running())
            if self.worker is not None:
                await stack.enter_async_context(self.worker.running())
            writes = await Writes.connect(
                self.database_url,
                self.keys,
                self.readers,
                self.statement_timeout_seconds,
                wake=self.sequencing.written.wake,
                observe=self.measured.command,
            )
            stack.push_async_callback(writes.close)
            await self.reads.open(self.database_url, self.statement_timeout_seconds)
            stack.push_async_callback(self.reads.close)
            app.state.database, app.state.writes = database, writes
            app.state.redis = self.redis
            planning = asyncio.create_task(self.plan_ahead())
            stack.push_async_callback(_ended, planning)
            yield


async def _ended(task: asyncio.Task[None]) -> None:
    """End what goes on beside the requests."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
