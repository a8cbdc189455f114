"""Tells whoever waits that there is something new: in this process at once, in others by Redis.

A wake-up carries nothing and may be lost; whoever waits looks again after a while by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from redis.exceptions import RedisError

from app.db.redis import Bounded, NotAnsweringError, Redis

_RETRY_SECONDS: Final = 2.0
_CANCEL_SECONDS: Final = 0.5
# A connection that is silent for longer is asked whether it is still there.
_SILENT_SECONDS: Final = 30.0


class WakeUps:
    """Wake-ups on one channel, counted.

    Without Redis there is no other process to wake.
    """

    def __init__(self, channel: str, redis: Redis | None, bounded: Bounded) -> None:
        """Take the channel's name, and the Redis that all processes share."""
        self.count = 0
        self.publishes = True
        self._channel = channel
        self._redis = redis
        self._bounded = bounded
        self._woken = asyncio.Event()
        self._unpublished = asyncio.Event()

    def wake(self) -> None:
        """Wake whoever waits; returns at once and never fails."""
        self._wake_here()
        if self.publishes:
            self._unpublished.set()

    async def wait(self, seen: int, seconds: float) -> int:
        """Wait until ``count`` is above ``seen``, at most for ``seconds``; gives it."""
        if self.count == seen:
            # When time is up, whoever waits looks by itself.
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        return self.count

    @asynccontextmanager
    async def carried(self) -> AsyncIterator[None]:
        """Carry wake-ups between processes while what is within runs."""
        if self._redis is None:
            yield
            return
        tasks = [
            asyncio.create_task(self._publish(self._redis)),
            asyncio.create_task(self._listen(self._redis)),
        ]
        try:
            yield
        finally:
            pending = set(tasks)
            while pending:
                for task in pending:
                    task.cancel()
                # A client of Redis that is just connecting anew may take no notice the first time.
                _, pending = await asyncio.wait(pending, timeout=_CANCEL_SECONDS)

    def _wake_here(self) -> None:
        self.count += 1
        woken, self._woken = self._woken, asyncio.Event()
        woken.set()

    async def _publish(self, redis: Redis) -> None:
        """Publish; wake-ups that come while one is on its way are one."""
        while True:
            await self._unpublished.wait()
            self._unpublished.clear()
            # What is lost is made up for by looking; the loss is told where Redis is asked.
            with suppress(NotAnsweringError):
                await self._bounded.ask(lambda: redis.publish(self._channel, b""))

    async def _listen(self, redis: Redis) -> None:
        while True:
            try:
                async with redis.pubsub() as subscription:
                    await subscription.subscribe(self._channel)
                    # What was published before is lost.
                    self._wake_here()
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=_SILENT_SECONDS
                        )
                        if message is None:
                            await subscription.ping()
                        else:
                            self._wake_here()
            except (RedisError, OSError):
                await asyncio.sleep(_RETRY_SECONDS)
