"""The worker: pgqueuer looks at the clock, and one worker at a time does what is to be done.

However many run, one has the job of closing days and one that of watching tickets; when it is
killed its heartbeat ends and another one takes the job over. That alone would run a job at least
once: that nothing is done twice is seen to by the jobs themselves (app.db.business_day,
app.db.desk_work).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog
from pgqueuer import PgQueuer
from pgqueuer.models import Channel, Job, Schedule
from pgqueuer.queries import Queries

from app.db.queue import SETTINGS, open_queue_pool, queries
from app.jobs.day_end import DayEnd
from app.jobs.service_desk import ServiceDesk

_log = structlog.get_logger("bank360.worker")

CLOSE_DAYS: Final = "close business days"
WATCH_TICKETS: Final = "watch tickets"
_LOOK: Final = "look at the clock"
_EVERY_MINUTE: Final = "* * * * *"
_RETRY_SECONDS: Final = 0.25
_RETRY_SECONDS_MAX: Final = 30.0
_STOP_SECONDS: Final = 10.0


@dataclass
class Worker:
    """Closes business days and watches tickets in this process, whenever it is its turn.

    ``heartbeat_seconds`` is how long a worker may be silent before another takes its job over.
    """

    day_end: DayEnd
    desk: ServiceDesk
    heartbeat_seconds: float
    _stops: asyncio.Event = field(default_factory=asyncio.Event)
    _failures: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run beside what is within; then end after the batch at hand."""
        self._stops.clear()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stops.set()
            await asyncio.wait([task], timeout=_STOP_SECONDS)
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while not self._stops.is_set():
            try:
                await self._work()
                self._failures = 0
            except Exception as error:  # noqa: BLE001  # The bank's days wait for this loop.
                self._failed("the worker lost its queue", error)
                pause = min(_RETRY_SECONDS * 2**self._failures, _RETRY_SECONDS_MAX)
                self._failures = min(self._failures + 1, 16)
                await self._stopped_within(pause)

    def _failed(self, what: str, error: Exception) -> None:
        self.day_end.observer.failed()
        _log.error(what, exc_info=error)

    async def _stopped_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stops.wait()
        except TimeoutError:
            return

    async def _work(self) -> None:
        """Work the queue until told to stop."""
        pool = await open_queue_pool(self.day_end.dsn)
        try:
            queue = self._queue(queries(pool))
            await self._look(queue)
            stopping = asyncio.create_task(self._pass_on(queue))
            try:
                await queue.run(
                    dequeue_timeout=timedelta(seconds=self.heartbeat_seconds / 2),
                    batch_size=1,
                    heartbeat_timeout=timedelta(seconds=self.heartbeat_seconds),
                    shutdown_on_listener_failure=True,
                )
            finally:
                stopping.cancel()
        finally:
            pool.terminate()

    async def _pass_on(self, queue: PgQueuer) -> None:
        await self._stops.wait()
        queue.shutdown.set()

    def _queue(self, statements: Queries) -> PgQueuer:
        queue = PgQueuer(statements.driver, Channel(SETTINGS.channel), queries=statements)

        @queue.schedule(_LOOK, _EVERY_MINUTE)
        async def look(_schedule: Schedule) -> None:
            await self._look(queue)

        @queue.entrypoint(CLOSE_DAYS, concurrency_limit=1)
        async def close(_job: Job) -> None:
            await self._close()

        @queue.entrypoint(WATCH_TICKETS, concurrency_limit=1)
        async def watch(_job: Job) -> None:
            await self._watch()

        return queue

    async def _look(self, queue: PgQueuer) -> None:
        """Put the jobs into the queue; of each a second one is not taken."""
        jobs = [WATCH_TICKETS]
        if await self.day_end.is_due():
            jobs.append(CLOSE_DAYS)
        for job in jobs:
            await queue.qm.queries.enqueue(job, None, dedupe_key=job, on_conflict="skip")

    async def _close(self) -> None:
        """Close what is over; what fails is left as it is until the clock is looked at again."""
        try:
            await self.day_end.run(self._stops.is_set)
        except Exception as error:  # noqa: BLE001  # pgqueuer would keep its text, with values.
            self._failed("closing a business day broke off", error)

    async def _watch(self) -> None:
        """Watch the tickets once; what fails is tried again a minute later."""
        try:
            await self.desk.run(self._stops.is_set)
        except Exception as error:  # noqa: BLE001  # pgqueuer would keep its text, with values.
            self._failed("watching tickets broke off", error)
