"""GraphQL documents by their hash, shared through Redis.

Whoever registers documents without end drives out the oldest; their clients register them again.
"""

import time
from typing import Any, Final

from app.db.redis import Bounded, Redis

DOCUMENTS_MAX: Final = 10_000
_PREFIX: Final = "bank360:document:"
_ORDER: Final = "bank360:documents"


class Documents:
    """At most ``DOCUMENTS_MAX`` documents, each for a limited time since it was last put."""

    def __init__(self, client: Redis, bounded: Bounded, kept_seconds: int) -> None:
        """Take the client, and how long a document is kept."""
        self._client = client
        self._bounded = bounded
        self._kept_seconds = kept_seconds

    async def get(self, digest: str) -> str | None:
        """Give the document with this hash; None when it is not known. Raises NotAnsweringError."""
        found: Any = await self._bounded.ask(lambda: self._client.get(_PREFIX + digest))
        return None if found is None else found.decode()

    async def put(self, digest: str, text: str) -> None:
        """Keep a document under its hash. Raises NotAnsweringError."""
        await self._bounded.ask(lambda: self._put(digest, text))

    async def _put(self, digest: str, text: str) -> None:
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.set(_PREFIX + digest, text, ex=self._kept_seconds)
            pipeline.zadd(_ORDER, {digest: time.time()})
            pipeline.zcard(_ORDER)
            *_, count = await pipeline.execute()
        if count > DOCUMENTS_MAX:
            oldest: Any = await self._client.zpopmin(_ORDER, count - DOCUMENTS_MAX)
            await self._client.delete(*(_PREFIX + name.decode() for name, _ in oldest))
