"""The feed of events: every event once and in order, whoever is slow, late or lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from audit_trail import Seen, Trail, open_trail, until, until_so
from factories import Factory, Made

from app.db import events, feed
from app.db.events import Event, Topic, TopicKind
from app.db.feed import Feed, FeedLimits, Follower, Resync
from app.db.ids import new_id
from app.db.keys import Keys
from app.domain.happening import ResyncReason

LIMITS = FeedLimits(timedelta(hours=24), 100_000, 256)


class Watched:
    """What a feed told of itself; `app.db.feed.FeedObserver`."""

    def __init__(self) -> None:
        self.position = 0
        self.count = 0
        self.behind = 0
        self.resyncs: list[str] = []
        self.failures = 0

    def read(self, _events: int, position: int, _waited_seconds: float) -> None:
        self.position = position

    def followers(self, change: int) -> None:
        self.count += change

    def fell_behind(self) -> None:
        self.behind += 1

    def resynced(self, reason: str) -> None:
        self.resyncs.append(reason)

    def feed_failed(self) -> None:
        self.failures += 1


class Bank:
    """A bank of its own, in which one account is frozen again and again."""

    def __init__(self, trail: Trail, account: Made, seen: Seen, wake: Callable[[], None]) -> None:
        self.trail = trail
        self.account = account
        self.seen = seen
        self.wake = wake
        self.watched = Watched()
        # Where the chain ends when the test begins.
        self.base = seen.position

    @property
    def topics(self) -> frozenset[Topic]:
        return frozenset({Topic(TopicKind.ACCOUNT, self.account.id)})

    def record(self, **given: Any) -> Any:
        return self.trail.record(
            event="account.frozen",
            customer_id=self.account.owner,
            subject_prefix="acc",
            subject_id=self.account.id,
            **given,
        )

    async def happen(self, count: int, **given: Any) -> None:
        """Let something happen so many times, and among it what nobody follows."""
        for _ in range(count):
            await self.trail.write(self.record(**given), self.trail.record())
        self.wake()

    async def numbered(self, count: int) -> None:
        """Wait until so many records have their positions."""
        await until(lambda: self.seen.position >= self.base + count)

    async def read(self, count: int) -> None:
        """Wait until so many records were read for subscribers."""
        await until(lambda: self.watched.position >= self.base + count)

    async def take(self, follower: Follower, count: int) -> list[int]:
        """Take so many events; gives their places among what the test has written."""
        found = [await follower.next(30) for _ in range(count)]
        assert all(isinstance(each, Event) for each in found), found
        return [each.position - self.base for each in found if isinstance(each, Event)]

    @asynccontextmanager
    async def feed(self, limits: FeedLimits = LIMITS) -> AsyncIterator[Feed]:
        made = Feed(self.trail.dsn, self.seen.readers, self.watched, limits)
        async with made.running():
            yield made


@pytest.fixture(scope="module")
def url(migrated_database: Callable[[str], str]) -> str:
    """A bank in which nothing else happens."""
    return migrated_database("feed")


@pytest.fixture
async def bank(url: str, keys: Keys, tmp_path: Path) -> AsyncIterator[Bank]:
    async with AsyncExitStack() as stack:
        trail = await stack.enter_async_context(open_trail(url, keys, tmp_path))
        factory = Factory(trail.owner, keys)
        account = await factory.account(await factory.customer())
        seen, wake = await stack.enter_async_context(trail.sequencing())
        seen.position = await trail.owner.fetchval("select count(*) from audit_link")
        yield Bank(trail, account, seen, wake)


async def test_who_comes_at_any_time_is_told_each_event_once(bank: Bank) -> None:
    """Followers come at random positions while events flow, and go on from where they stopped."""
    count = 150
    async with bank.feed() as feed_:
        writing = asyncio.create_task(bank.happen(count))
        expected = [2 * n + 1 for n in range(count)]

        async def follow(pieces: int) -> list[int]:
            told: list[int] = []
            while len(told) < count:
                after = bank.base + (told[-1] if told else 0)
                follower = feed_.follow(bank.topics, after)
                told += await bank.take(follower, min(pieces, count - len(told)))
                follower.close()
            return told

        found = await asyncio.gather(*(follow(pieces) for pieces in (1, 7, 40, count)))
        await writing
    assert all(each == expected for each in found)
    assert bank.watched.count == 0
    assert not bank.watched.resyncs


@pytest.fixture
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds next to nothing, so that what was missed is read from the database."""
    monkeypatch.setattr(feed, "_REMEMBERED_MAX", 3)
    monkeypatch.setattr(feed, "_REMEMBERED_AT_START", 0)
    monkeypatch.setattr(feed, "_STRETCH", 10)


@pytest.mark.usefixtures("_forgetful")
async def test_what_memory_does_not_hold_is_read_from_the_database(bank: Bank) -> None:
    await test_who_comes_at_any_time_is_told_each_event_once(bank)


async def test_who_is_slow_is_told_everything_later(bank: Bank) -> None:
    limits = FeedLimits(timedelta(hours=24), 100_000, 5)
    async with bank.feed(limits) as feed_:
        follower = feed_.follow(bank.topics)
        assert await follower.next(0.01) is None
        await bank.happen(30)
        await bank.read(59)
        assert bank.watched.behind == 1
        assert await bank.take(follower, 30) == [2 * n + 1 for n in range(30)]
        await bank.happen(1)
        assert await bank.take(follower, 1) == [61]
        follower.close()


@pytest.mark.usefixtures("_forgetful")
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (FeedLimits(timedelta(hours=24), 50, 256), ResyncReason.TOO_MANY),
        (FeedLimits(timedelta(microseconds=1), 100_000, 256), ResyncReason.RETENTION),
    ],
)
async def test_who_is_too_late_is_told_to_read_anew(
    bank: Bank, limits: FeedLimits, reason: ResyncReason
) -> None:
    await bank.happen(40)
    await bank.numbered(80)
    async with bank.feed(limits) as feed_:
        follower = feed_.follow(bank.topics, bank.base + 1)
        assert await follower.next(30) == Resync(reason, bank.base + 80)
        assert bank.watched.resyncs == [reason.value]
        # The stream goes on.
        assert await follower.next(0.01) is None
        await bank.happen(1)
        assert await bank.take(follower, 1) == [81]
        follower.close()


async def test_a_position_that_the_bank_does_not_have(bank: Bank) -> None:
    async with bank.feed() as feed_:
        follower = feed_.follow(bank.topics, bank.base + 1_000)
        assert await follower.next(30) == Resync(ResyncReason.UNKNOWN, bank.base)
        await bank.happen(1)
        assert await bank.take(follower, 1) == [1]
        follower.close()


async def test_a_position_that_another_process_told_already(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bank.feed() as feed_:
        # This process has not read as far as the one that the client comes from.
        waiting = asyncio.Event()
        tail = feed_._advance

        async def late(connection: asyncpg.Connection) -> Any:
            await waiting.wait()
            return await tail(connection)

        monkeypatch.setattr(feed_, "_advance", late)
        await bank.happen(3)
        await bank.numbered(6)
        assert feed_.position == bank.base
        follower = feed_.follow(bank.topics, bank.base + 3)
        assert await bank.take(follower, 1) == [5]
        waiting.set()
        await bank.read(6)
        await bank.happen(1)
        assert await bank.take(follower, 1) == [7]
        follower.close()


async def test_events_go_on_after_the_database_was_away(bank: Bank) -> None:
    async with bank.feed() as feed_:
        follower = feed_.follow(bank.topics)
        await bank.happen(1)
        await bank.take(follower, 1)
        await bank.trail.owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'bank360 events' and datname = current_database()"
        )
        await bank.happen(2)
        assert await bank.take(follower, 2) == [3, 5]
        assert bank.watched.failures
        follower.close()


async def test_missed_events_wait_for_the_database(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failures = events.read, iter([ConnectionResetError(), ConnectionResetError()])

    async def lost(connection: Any, after: int, size: int) -> Any:
        if after == bank.base + 1 and (error := next(failures, None)) is not None:
            raise error
        return await read(connection, after, size)

    monkeypatch.setattr(feed, "_REMEMBERED_MAX", 1)
    await bank.happen(3)
    await bank.numbered(6)
    async with bank.feed() as feed_:
        monkeypatch.setattr(events, "read", lost)
        follower = feed_.follow(bank.topics, bank.base + 1)
        assert await bank.take(follower, 2) == [3, 5]
        assert bank.watched.failures == 2
        follower.close()


async def test_a_bank_without_redis_or_wake_ups_is_looked_at(bank: Bank) -> None:
    async with bank.feed() as feed_:
        bank.seen.readers.count = -1_000_000
        follower = feed_.follow(bank.topics)
        at = datetime.now(UTC)
        await bank.trail.write(bank.record(recorded_at=at))
        found = await follower.next(30)
        assert isinstance(found, Event)
        assert (found.recorded_at, found.name) == (at, "account.frozen")
        follower.close()


async def test_what_concerns_nobody_leaves_nothing_behind(bank: Bank) -> None:
    async with bank.feed() as feed_:
        others = feed_.follow(frozenset({Topic(TopicKind.ACCOUNT, new_id())}))
        assert await others.next(0.01) is None
        await bank.happen(2)

        async def is_read() -> bool:
            return feed_.position == bank.base + 4

        await until_so(is_read)
        assert await others.next(0.01) is None
        assert others.position == bank.base + 4
        others.close()
        assert not feed_._followers


def test_pauses_grow_up_to_a_bound() -> None:
    assert [feed.pause(n) for n in (1, 2, 3, 100)] == [0.25, 0.5, 1.0, 5.0]


async def test_reading_needs_no_more_than_indexes(bank: Bank) -> None:
    await bank.happen(2)
    await bank.numbered(4)
    connection: asyncpg.Connection
    async with events.connected(bank.trail.dsn) as connection:
        plan = await connection.fetch("explain " + events._READ, 0, 100)
    assert "Seq Scan on audit_link" not in str(plan)


async def test_a_feed_begins_once_there_is_a_database(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = events.last_position
    failures = iter([asyncpg.UndefinedTableError("audit_link")])

    async def missing(connection: asyncpg.Connection) -> int:
        if (error := next(failures, None)) is not None:
            raise error
        return await found(connection)

    monkeypatch.setattr(events, "last_position", missing)
    async with bank.feed() as feed_:
        # A server starts all the same, and says what is missing.
        assert not feed_.is_ready
        await until(lambda: feed_.is_ready)
        assert feed_.position == bank.base
