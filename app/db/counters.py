"""Counts within a minute, by key: shared through Redis, or inside a process that serves alone."""

import asyncio
from collections.abc import Mapping
from typing import Final

from limits.aio.storage import MemoryStorage, RedisStorage, Storage

from app.db.redis import Bounded, Redis

WINDOW_SECONDS: Final = 60
_PREFIX: Final = "bank360:rate"


class Counters:
    """Adds to counters that vanish with their minute."""

    def __init__(self, client: Redis | None, bounded: Bounded) -> None:
        """Count in the Redis of ``client``; without one, in the memory of this process."""
        self._bounded = bounded
        self._storage: Storage
        if client is None:
            self._storage = MemoryStorage()
        else:
            self._storage = RedisStorage(
                "async+redis://",
                implementation="redispy",
                key_prefix=_PREFIX,
                connection_pool=client.connection_pool,  # type: ignore[arg-type]  # Passed on.
            )

    async def add(self, amounts: Mapping[str, int]) -> list[int]:
        """Add to each counter and give what it has now, in the order given.

        The counters are asked at once: together they take the time of one round trip. Raises
        NotAnsweringError.
        """

        async def added() -> list[int]:
            pending = (
                self._storage.incr(key, WINDOW_SECONDS, amount) for key, amount in amounts.items()
            )
            return await asyncio.gather(*pending)

        return await self._bounded.ask(added)
