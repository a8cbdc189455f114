"""Authorization codes of the demo's sign-in: each is given out once, for a minute.

They are in Redis, so that the process that redeems a code need not be the one that made it.
"""

from hashlib import sha256
from typing import Any, Final

import orjson

from app.db.redis import Redis

_PREFIX: Final = "bank360:code:"
# RFC 6749, section 4.1.2, recommends at most ten minutes; a program redeems it at once.
SECONDS: Final = 60


def _key(code: str) -> str:
    # Whoever reads Redis cannot redeem what is in it.
    return _PREFIX + sha256(code.encode()).hexdigest()


async def put(client: Redis, code: str, granted: dict[str, Any]) -> None:
    """Keep what a code stands for."""
    await client.set(_key(code), orjson.dumps(granted), ex=SECONDS)


async def take(client: Redis, code: str) -> dict[str, Any] | None:
    """Give what a code stands for and forget it; None when it is unknown, used, or too old."""
    found = await client.getdel(_key(code))
    return None if found is None else dict(orjson.loads(found))
