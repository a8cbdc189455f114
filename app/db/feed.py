"""Events on their way to subscribers: one reader for a process, and a place in the chain for each.

The reader follows the chain of positions and offers every event to those who follow one of its
topics. Whoever is behind, having come back or being slow, reads from memory or PostgreSQL first and
goes live in one step of the event loop: nothing is missed and nothing told twice.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import asyncpg
import structlog

from app.db import events
from app.db.events import Event, Stretch, Topic
from app.db.wake_ups import WakeUps
from app.domain.happening import ResyncReason

_log = structlog.get_logger("bank360.feed")

# The sequencer wakes the reader. It looks by itself as well, as a wake-up may be lost with Redis.
_LOOK_SECONDS: Final = 0.25
_STRETCH: Final = 1_000
# Who comes back soon, after a lost connection or a restart, is told from memory.
_REMEMBERED_MAX: Final = 5_000
_REMEMBERED_AT_START: Final = 2_000
_READERS: Final = 2
_TICK_SECONDS: Final = 0.25
_RETRY_SECONDS: Final = 0.25
_RETRY_SECONDS_MAX: Final = 5.0
_PASSING: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class FeedObserver(Protocol):
    """Is told how events come in and go out."""

    def read(self, events: int, position: int, waited_seconds: float) -> None:
        """Tell of events that were read, and how long ago the last of them was recorded."""

    def followers(self, change: int) -> None:
        """Tell that somebody began or ceased to follow."""

    def fell_behind(self) -> None:
        """Tell that somebody took events too slowly, and reads the chain instead."""

    def resynced(self, reason: str) -> None:
        """Tell that somebody is not told all that was missed."""

    def feed_failed(self) -> None:
        """Tell that the database did not answer."""


@dataclass(frozen=True)
class FeedLimits:
    """How far back somebody may go: in time and in positions; and how many events wait for each."""

    retention: timedelta
    positions_max: int
    waiting_max: int


@dataclass(frozen=True)
class Resync:
    """What was missed is not told: ``position`` is where the stream goes on."""

    reason: ResyncReason
    position: int


class Feed:
    """Events of the bank; made once for a process."""

    def __init__(
        self, dsn: str, numbered: WakeUps, observer: FeedObserver, limits: FeedLimits
    ) -> None:
        """Take the bank's address, and what wakes when there are new positions."""
        self.limits = limits
        self.observer = observer
        # Every event up to here was offered; those above ``_floor`` are remembered.
        self.position = 0
        self._floor = 0
        # Whether it is known where the chain ends: not before the database was there once.
        self.is_ready = False
        self._remembered: deque[Event] = deque()
        self._followers: defaultdict[Topic, set[Follower]] = defaultdict(set)
        self._waiting: set[Follower] = set()
        self._dsn = dsn
        self._numbered = numbered
        self._readers = asyncio.Semaphore(_READERS)
        self._failures = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the chain while what is within runs; whoever does so has tried to begin."""
        tried = asyncio.Event()
        tasks = [asyncio.create_task(self._run(tried)), asyncio.create_task(self._tick())]
        try:
            await tried.wait()
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _tick(self) -> None:
        """Wake those who have waited for long enough: one clock for all of them."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = loop.time()
            for follower in self._waiting:
                follower.wake_if_due(now)

    def follow(self, topics: frozenset[Topic], after: int | None = None) -> "Follower":
        """Follow some topics from now on, or from after a position."""
        self.observer.followers(1)
        return Follower(self, topics, self.position if after is None else after)

    async def _run(self, tried: asyncio.Event) -> None:
        while True:
            try:
                async with events.connected(self._dsn) as connection:
                    if not self.is_ready:
                        await self._begin(connection)
                    tried.set()
                    await self._tail(connection)
            except Exception as error:  # noqa: BLE001  # Every subscriber waits for this loop.
                self._failures += 1
                self.observer.feed_failed()
                if self._failures == 1:
                    _log.warning("events wait: their reader lost its database", exc_info=error)
                tried.set()
                await asyncio.sleep(pause(self._failures))

    async def _begin(self, connection: asyncpg.Connection) -> None:
        """Read what is to be remembered, up to the chain's end."""
        last = await events.last_position(connection)
        self.position = self._floor = max(last - _REMEMBERED_AT_START, 0)
        while (await self._advance(connection)).has_more:
            pass
        self.is_ready = True

    async def _tail(self, connection: asyncpg.Connection) -> None:
        while True:
            seen = self._numbered.count
            stretch = await self._advance(connection)
            self._failures = 0
            if not stretch.has_more:
                await self._numbered.wait(seen, _LOOK_SECONDS)

    async def _advance(self, connection: asyncpg.Connection) -> Stretch:
        stretch = await events.read(connection, self.position, _STRETCH)
        for event in stretch.events:
            self._remembered.append(event)
            for follower in self._concerned(event):
                follower.offer(event)
        while len(self._remembered) > _REMEMBERED_MAX:
            self._floor = self._remembered.popleft().position
        self.position = stretch.position
        if stretch.events:
            waited = datetime.now(UTC) - stretch.events[-1].recorded_at
            seconds = max(waited.total_seconds(), 0.0)
            self.observer.read(len(stretch.events), self.position, seconds)
        return stretch

    def _concerned(self, event: Event) -> set["Follower"]:
        following = (self._followers[topic] for topic in event.topics if topic in self._followers)
        return set().union(*following)

    def remembers(self, position: int) -> bool:
        """Tell whether all that came after a position is in memory."""
        return position >= self._floor

    def since(self, position: int, topics: frozenset[Topic]) -> list[Event]:
        """Give the remembered events after a position that concern some topics."""
        return list(self._since(position, topics))[::-1]

    def _since(self, position: int, topics: frozenset[Topic]) -> Iterator[Event]:
        for event in reversed(self._remembered):
            if event.position <= position:
                return
            if not topics.isdisjoint(event.topics):
                yield event

    def waits(self, follower: "Follower", *, now: bool) -> None:
        """Wake a follower when its time is up, or leave it alone."""
        if now:
            self._waiting.add(follower)
        else:
            self._waiting.discard(follower)

    def go_live(self, follower: "Follower") -> None:
        """Offer events to a follower from now on."""
        for topic in follower.topics:
            self._followers[topic].add(follower)

    def leave(self, follower: "Follower") -> None:
        """Offer nothing more to a follower."""
        for topic in follower.topics:
            found = self._followers.get(topic)
            if found is not None:
                found.discard(follower)
                if not found:
                    del self._followers[topic]

    async def missed(self, after: int) -> Stretch | Resync:
        """Read a part of what came after a position, or tell why it is not told.

        Waits while the database does not answer: nothing is told meanwhile that could be missed.
        """
        failures = 0
        while True:
            try:
                async with self._readers, events.connected(self._dsn) as connection:
                    reason = await self._refusal(connection, after)
                    if reason is None:
                        return await events.read(connection, after, _STRETCH)
            except _PASSING as error:
                failures += 1
                self.observer.feed_failed()
                if failures == 1:
                    _log.warning("missed events wait for the database", exc_info=error)
                await asyncio.sleep(pause(failures))
            else:
                self.observer.resynced(reason.value)
                return Resync(reason, self.position)

    async def _refusal(self, connection: asyncpg.Connection, after: int) -> ResyncReason | None:
        last = await events.last_position(connection)
        if after > last:
            return ResyncReason.UNKNOWN
        if last - after > self.limits.positions_max:
            return ResyncReason.TOO_MANY
        first = await events.recorded_at(connection, after + 1)
        is_late = first is not None and first < datetime.now(UTC) - self.limits.retention
        return ResyncReason.RETENTION if is_late else None


def pause(failures: int) -> float:
    """Give how long to wait after so many failures in a row."""
    seconds: float = _RETRY_SECONDS * 2 ** min(failures - 1, 16)
    return min(seconds, _RETRY_SECONDS_MAX)


class Follower:
    """Somebody who follows some topics; only one task takes the events."""

    __slots__ = (
        "_due",
        "_feed",
        "_given",
        "_is_known",
        "_is_live",
        "_seen",
        "_waiter",
        "_waiting",
        "topics",
    )

    def __init__(self, feed: Feed, topics: frozenset[Topic], after: int) -> None:
        """Begin after a position, which another process may have told before this one reads it."""
        self.topics = topics
        self._feed = feed
        # What was taken; and up to where everything was taken or waits.
        self._given = self._seen = after
        # Short, and mostly empty: an empty deque takes ten times as much memory.
        self._waiting: list[Event] = []
        self._due = 0.0
        self._waiter: asyncio.Future[bool] | None = None
        self._is_live = False
        # A position that is ahead of this process's must be one that the bank has.
        self._is_known = after <= feed.position

    @property
    def position(self) -> int:
        """Up to where everything that concerns the follower was taken."""
        if self._is_live and not self._waiting:
            return max(self._seen, self._feed.position)
        return self._given

    async def next(self, seconds: float) -> Event | Resync | None:
        """Take the next event, or None when none came in about that time."""
        while True:
            if self._waiting:
                event = self._waiting.pop(0)
                self._given = event.position
                return event
            if self._is_live:
                if not await self._woken(seconds):
                    return None
            elif (resync := await self._catch_up()) is not None:
                return resync

    def offer(self, event: Event) -> None:
        """Let an event wait, unless it was told already or too many wait."""
        if event.position <= self._seen:
            return
        if len(self._waiting) >= self._feed.limits.waiting_max:
            self._feed.leave(self)
            self._feed.observer.fell_behind()
            self._waiting.clear()
            self._is_live, self._seen = False, self._given
            return
        self._seen = event.position
        self._waiting.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)

    def close(self) -> None:
        """Cease to follow."""
        self._feed.leave(self)
        self._is_live = False
        self._feed.observer.followers(-1)

    def wake_if_due(self, now: float) -> None:
        """Tell that no event came in time, if that is so."""
        if now >= self._due and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(False)

    async def _woken(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        self._waiter, self._due = loop.create_future(), loop.time() + seconds
        self._feed.waits(self, now=True)
        try:
            return await self._waiter
        finally:
            self._waiter = None
            self._feed.waits(self, now=False)

    async def _catch_up(self) -> Resync | None:
        feed = self._feed
        if feed.remembers(self._seen) and self._is_known:
            found = feed.since(self._seen, self.topics)
            room = feed.limits.waiting_max
            if len(found) <= room:
                feed.go_live(self)
                self._is_live = True
                self._seen = max(self._seen, feed.position)
            else:
                self._seen = found[room - 1].position
            self._waiting.extend(found[:room])
            return None
        missed = await feed.missed(self._seen)
        self._is_known = True
        if isinstance(missed, Resync):
            self._given = self._seen = missed.position
            return missed
        self._waiting.extend(
            event for event in missed.events if not self.topics.isdisjoint(event.topics)
        )
        self._seen = max(self._seen, missed.position)
        return None
