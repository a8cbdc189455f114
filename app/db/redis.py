"""Redis: a server where one is named, else one inside this process.

Only wake-ups, counters and copies go through Redis; nothing is lost with it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import fakeredis
import redis.asyncio
from redis.exceptions import RedisError

T = TypeVar("T")
Redis = redis.asyncio.Redis

_CONNECT_TIMEOUT_SECONDS: Final = 5
# A request waits this long for what it can do without, and then goes on without it.
_ANSWER_TIMEOUT_SECONDS: Final = 0.5
_REST_SECONDS: Final = 2.0


def open_redis(url: str | None) -> Redis:
    """Give a client of the server at ``url``, or of a Redis in this process when it is None.

    It connects on first use.
    """
    if url is None:
        return fakeredis.FakeAsyncRedis()
    return Redis.from_url(url, socket_connect_timeout=_CONNECT_TIMEOUT_SECONDS)


class NotAnsweringError(Exception):
    """Redis does not answer; the request goes on without it."""


class Bounded:
    """Asks Redis for what requests can do without, so that its loss does not slow them down.

    An answer is waited for half a second; after a failure nothing is asked for two.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        """Take who is told of every failure; a time of rest is not told again."""
        self._failed = failed
        self._rests_until = 0.0

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await what ``work`` gives; raises NotAnsweringError."""
        if time.monotonic() < self._rests_until:
            raise NotAnsweringError
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_SECONDS):
                return await work()
        except (RedisError, OSError) as error:  # A TimeoutError is an OSError.
            # Of those that wait together for the same loss, one tells it.
            if time.monotonic() >= self._rests_until:
                self._rests_until = time.monotonic() + _REST_SECONDS
                self._failed(error)
            raise NotAnsweringError from error
