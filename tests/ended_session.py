"""Sessions of PostgreSQL that end while nobody uses them, as when it is started anew."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg


async def end_session(url: str, pid: int, turns: int) -> None:
    """End a session; the event loop hears of it for so many turns: of nothing, a part, or all."""

    async def end() -> bool:
        connection = await asyncpg.connect(url)
        try:
            ended: bool = await connection.fetchval("select pg_terminate_backend($1, 10000)", pid)
        finally:
            await connection.close()
        return ended

    # In another thread that is waited for: this event loop does nothing meanwhile.
    with ThreadPoolExecutor() as pool:
        assert pool.submit(asyncio.run, end()).result()
    for _ in range(turns):
        await asyncio.sleep(0)
