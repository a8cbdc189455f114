"""What guarding costs: the same operations on the schema with its guards and without them.

1,000 customers with their accounts are read in ten pages of 100 by a post that sees every value,
so that both answers are equal but for nothing. Server, SQL and row scope are the same on both
sides; only ``enforce`` is left out on one.

Run: ``python bench/guards.py [--rounds 5]`` on the embedded PostgreSQL in a temporary folder.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final
from unittest import mock

import httpx
from plain_copy import drop, fresh, machine, server

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.seed.load import seed_bank
from app.main import create_app
from app.schema import root
from app.settings import Settings

DATABASE: Final = "bank360_bench_guards"
CUSTOMERS: Final = 1_000
PAGES: Final = 10
QUERY: Final = """
query ($after: String) {
  customers(first: 100, after: $after) {
    nodes {
      id number name tier age phone email nationalId creditScore
      accounts { number kind balance { amount currency } available { amount } }
    }
    pageInfo { endCursor }
  }
}
"""


@asynccontextmanager
async def application(
    dsn: str, keys: Keys, token_key: TokenKey, *, guarded: bool
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve one side in process."""
    root.schema.cache_clear()
    settings = Settings(log_level="ERROR")
    if guarded:
        app = create_app(settings, database_url=dsn, keys=keys, token_key=token_key)
    else:
        with mock.patch.object(root, "enforce", lambda schema: schema):
            app = create_app(settings, database_url=dsn, keys=keys, token_key=token_key)
    token = token_key.issue(Role.COMPLIANCE, new_id(), strong=True)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://bench", headers=headers
        ) as http,
    ):
        yield http


async def read(http: httpx.AsyncClient) -> list[Any]:
    """Read all pages."""
    nodes: list[Any] = []
    after = None
    for _ in range(PAGES):
        given = {"query": QUERY, "variables": {"after": after}}
        body = (await http.post("/graphql", json=given, timeout=60)).json()
        if "errors" in body:
            raise SystemExit(str(body["errors"]))
        nodes += body["data"]["customers"]["nodes"]
        after = body["data"]["customers"]["pageInfo"]["endCursor"]
    return nodes


async def measure(dsn: str, keys: Keys, rounds: int) -> None:
    """Take turns, so that both sides meet the same machine."""
    token_key = TokenKey.new()
    times: dict[str, list[tuple[float, float]]] = {"guarded": [], "unguarded": []}
    async with (
        application(dsn, keys, token_key, guarded=False) as unguarded,
        application(dsn, keys, token_key, guarded=True) as guarded,
    ):
        sides = {"guarded": guarded, "unguarded": unguarded}
        answers = [await read(http) for http in sides.values()]
        if answers[0] != answers[1]:
            message = "the two sides do not answer the same"
            raise SystemExit(message)
        for _ in range(rounds):
            for name, http in sides.items():
                began, worked = perf_counter(), process_time()
                await read(http)
                times[name].append((perf_counter() - began, process_time() - worked))
    print(f"{CUSTOMERS:,} customers with accounts, {rounds} rounds, medians")
    print(f"{'':>12}{'wall ms':>10}{'CPU ms':>10}")
    medians = {}
    for name, taken in times.items():
        wall, cpu = (statistics.median(side) * 1_000 for side in zip(*taken, strict=True))
        medians[name] = (wall, cpu)
        print(f"{name:>12}{wall:>10.0f}{cpu:>10.0f}")
    ratios = [medians["guarded"][n] / medians["unguarded"][n] for n in range(2)]
    print(f"{'ratio':>12}{ratios[0]:>10.2f}{ratios[1]:>10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dsn", help="a server on which a database may be created")
    options = parser.parse_args()
    print(machine())
    with server(options.dsn) as dsn, tempfile.TemporaryDirectory() as folder:
        keys = Keys.load(Path(folder), None, None)
        bank = asyncio.run(fresh(dsn, DATABASE))
        filling = seed_bank(
            bank, keys, CUSTOMERS, 1, lambda *_: None, business_date=date(2026, 6, 30)
        )
        asyncio.run(filling)
        asyncio.run(measure(bank, keys, options.rounds))
        asyncio.run(drop(dsn, DATABASE))


if __name__ == "__main__":
    main()
