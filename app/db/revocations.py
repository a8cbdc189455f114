"""Tokens that were revoked before they expire, by their ids (the claim ``jti``).

Each is a key of Redis, ``bank360:revoked:<id>``, which vanishes when the token would have expired.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiodataloader import DataLoader
from redis.exceptions import RedisError

from app.db.redis import Bounded, NotAnsweringError, Redis, open_redis

_PREFIX: Final = "bank360:revoked:"
# A revocation takes effect everywhere within this time.
_REMEMBERED_SECONDS: Final = 5.0
_REMEMBERED_MAX: Final = 20_000
_ASKED_MAX: Final = 1_000


class RevocationError(Exception):
    """Redis did not take a revocation; the text says why."""


async def revoke(client: Redis, token_id: str, seconds: int) -> None:
    """Revoke a token; ``seconds`` is how long it could still be used."""
    await client.set(_PREFIX + token_id, "1", ex=seconds)


async def revoke_at(redis_url: str, token_id: str, seconds: int) -> None:
    """Revoke a token in the Redis at an address; raises RevocationError."""
    client = open_redis(redis_url)
    try:
        await revoke(client, token_id, seconds)
    except (RedisError, OSError) as error:
        message = f"Redis did not take the revocation: {error}"
        raise RevocationError(message) from error
    finally:
        await client.aclose()


class Revocations:
    """Tells revoked tokens.

    While Redis does not answer, what was revoked before stays so, and every other token is good:
    its loss must not stop the bank, and tokens do not live long. It is logged where Redis is asked.
    """

    def __init__(
        self, client: Redis, bounded: Bounded, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the Redis that holds the ids."""
        self._client = client
        self._bounded = bounded
        self._clock = clock
        self._answers: OrderedDict[str, tuple[bool, float]] = OrderedDict()
        self._asked: DataLoader[str, bool] | None = None

    async def holds(self, token_id: str) -> bool:
        """Tell whether a token was revoked."""
        revoked, asked_at = self._answers.get(token_id, (False, float("-inf")))
        # What is revoked stays revoked for as long as its token would have lived.
        if revoked or self._clock() - asked_at < _REMEMBERED_SECONDS:
            return revoked
        if self._asked is None:
            # Made on first use, when there is an event loop.
            self._asked = DataLoader(self._ask, cache=False, max_batch_size=_ASKED_MAX)
        return await self._asked.load(token_id)

    async def _ask(self, token_ids: list[str]) -> list[bool]:
        """Ask for all that are wanted at one moment: of an event many are told at once."""
        keys = [_PREFIX + token_id for token_id in token_ids]
        try:
            found = await self._bounded.ask(lambda: self._client.mget(keys))
        except NotAnsweringError:
            return [False] * len(token_ids)
        now = self._clock()
        for token_id, value in zip(token_ids, found, strict=True):
            self._answers[token_id] = value is not None, now
            self._answers.move_to_end(token_id)
        while len(self._answers) > _REMEMBERED_MAX:
            self._answers.popitem(last=False)
        return [value is not None for value in found]
