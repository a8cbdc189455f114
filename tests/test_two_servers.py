"""Two servers of one bank and one Redis: whoever was told things by one goes on at the other."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from client import Client
from factories import Factory
from payment_support import account_with, cash, teller_of
from redis_support import RedisServer
from shell import Shell
from stream_support import ACTIVITY, Subscriber, following, subscribed

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys

SERVICE_RESTART = 1012


@pytest.fixture
def variables(
    shell: Shell, migrated_database: Callable[[str], str], redis_server: RedisServer
) -> dict[str, str]:
    return {
        "DATABASE_URL": migrated_database("two_servers"),
        "REDIS_URL": redis_server.url,
        "BANK360_DATA_DIR": str(shell.folder / "bank"),
    }


@asynccontextmanager
async def rows(variables: dict[str, str]) -> AsyncIterator[Factory]:
    """What makes customers and staff in the database of the servers, with the servers' keys."""
    owner = await asyncpg.connect(variables["DATABASE_URL"])
    yield Factory(owner, Keys.load(Path(variables["BANK360_DATA_DIR"]), None, None))
    await owner.close()


async def amounts(stream: Subscriber, count: int) -> list[str]:
    return [(await stream.next())["transaction"]["amount"]["amount"] for _ in range(count)]


def test_a_subscriber_goes_on_at_the_other_server(
    shell: Shell, variables: dict[str, str], redis_server: RedisServer
) -> None:
    servers = [shell.start_server(**variables) for _ in range(2)]

    async def follow() -> None:
        key = TokenKey.load(Path(variables["BANK360_DATA_DIR"]))
        async with AsyncExitStack() as stack:
            factory = await stack.enter_async_context(rows(variables))
            account = await account_with(factory)
            token = key.issue(Role.CUSTOMER, account.owner)
            here, there = [url.removeprefix("http://") for _, url in servers]
            http = httpx.AsyncClient(base_url=servers[1][1], trust_env=False)
            at_there = Client(await stack.enter_async_context(http), key)
            teller = await teller_of(at_there, factory, account)
            given = {"account": account.global_id}
            async with following(here, token, ACTIVITY, **given) as stream:
                # Both servers do what the one wakes the other for, with Redis and without.
                await cash(teller, "deposit", account, "1.00")
                assert await amounts(stream, 1) == ["1.00"]
                redis_server.stop()
                await cash(teller, "deposit", account, "2.00")
                assert await amounts(stream, 1) == ["2.00"]
                redis_server.start()
                servers[0][0].send_signal(signal.SIGTERM)
                code, _ = await stream.socket.closed()
                assert code == SERVICE_RESTART
                after = stream.position
            await cash(teller, "deposit", account, "3.00")
            async with subscribed(there, token, ACTIVITY, **given, after=after) as stream:
                await cash(teller, "deposit", account, "4.00")
                assert await amounts(stream, 2) == ["3.00", "4.00"]

    asyncio.run(follow())
