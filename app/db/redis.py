"""Redis: a server where one is named, else one inside this process.

Only wake-ups and counters go through Redis; nothing is lost with it.
"""

from typing import Final

import fakeredis
import redis.asyncio

_CONNECT_TIMEOUT_SECONDS: Final = 5


def open_redis(url: str | None) -> redis.asyncio.Redis:
    """Give a client of the server at ``url``, or of a Redis in this process when it is None.

    It connects on first use.
    """
    if url is None:
        return fakeredis.FakeAsyncRedis()
    return redis.asyncio.Redis.from_url(url, socket_connect_timeout=_CONNECT_TIMEOUT_SECONDS)
