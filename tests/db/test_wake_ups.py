"""Wake-ups: at once in one process, by Redis between processes, and never more than a hint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from audit_trail import until, until_so
from redis.exceptions import RedisError
from redis_support import RedisServer

from app.db.redis import Bounded, Redis, open_redis
from app.db.wake_ups import WakeUps

CHANNEL = "bank360:test"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for Redis as long as a busy machine takes: what it does not answer in time is lost."""
    monkeypatch.setattr("app.db.redis._ANSWER_TIMEOUT_SECONDS", 10)


@asynccontextmanager
async def process(url: str) -> AsyncIterator[tuple[WakeUps, Redis]]:
    """What one server process has."""
    client = open_redis(url)
    wake_ups = WakeUps(CHANNEL, client, Bounded(lambda _error: None))
    async with wake_ups.carried():
        yield wake_ups, client
    await client.aclose()


async def listeners(client: Redis, count: int) -> bool:
    # Just after a restart the client meets the connection that ended.
    with suppress(RedisError):
        return bool((await client.pubsub_numsub(CHANNEL))[0][1] == count)
    return False


async def test_whoever_waits_is_woken_in_the_same_process() -> None:
    wake_ups = WakeUps(CHANNEL, None, Bounded(lambda _error: None))
    async with wake_ups.carried(), asyncio.timeout(10):
        waiting = [asyncio.create_task(wake_ups.wait(0, 60)) for _ in range(2)]
        await asyncio.sleep(0)
        wake_ups.wake()
        assert await asyncio.gather(*waiting) == [1, 1]
        # What came before one waits is not waited for.
        assert await wake_ups.wait(0, 60) == 1
        assert await wake_ups.wait(1, 0.01) == 1


async def test_other_processes_are_woken_by_redis(redis_server: RedisServer) -> None:
    async with process(redis_server.url) as (one, client), process(redis_server.url) as (other, _):
        await until_so(partial(listeners, client, 2))
        await until(lambda: other.count > 0)
        seen = other.count
        one.wake()
        async with asyncio.timeout(10):
            assert await other.wait(seen, 60) > seen


async def test_who_needs_nobody_else_publishes_nothing(redis_server: RedisServer) -> None:
    async with process(redis_server.url) as (one, client), process(redis_server.url) as (other, _):
        await until_so(partial(listeners, client, 2))
        await until(lambda: other.count > 0)
        one.publishes = False
        one.wake()
        one.publishes = True
        seen = other.count
        one.wake()
        async with asyncio.timeout(10):
            await other.wait(seen, 60)
        assert other.count == seen + 1


async def test_wake_ups_come_back_with_redis(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.wake_ups._RETRY_SECONDS", 0.05)
    monkeypatch.setattr("app.db.redis._REST_SECONDS", 0.05)
    async with process(redis_server.url) as (one, client), process(redis_server.url) as (other, _):
        await until_so(partial(listeners, client, 2))
        redis_server.stop()
        one.wake()
        redis_server.start()
        await until_so(partial(listeners, client, 2))
        seen = other.count

        async def woken() -> bool:
            one.wake()
            return other.count > seen

        await until_so(woken)


async def test_a_silent_connection_is_asked_whether_it_lives(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.wake_ups._SILENT_SECONDS", 0.05)
    async with process(redis_server.url) as (one, client):
        await until_so(partial(listeners, client, 1))

        async def pinged() -> bool:
            return "cmdstat_ping" in await client.info("commandstats")

        await until_so(pinged)
        seen = one.count
        one.wake()
        await until(lambda: one.count > seen)


async def test_it_ends_while_redis_comes_back(redis_server: RedisServer) -> None:
    async with asyncio.timeout(10), process(redis_server.url) as (one, client):
        await until_so(partial(listeners, client, 1))
        redis_server.stop()
        one.wake()
        redis_server.start()
