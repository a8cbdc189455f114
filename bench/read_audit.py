"""What recording reads costs: the 360 of one customer with the read audit and without it.

Beside it the smallest operation that leaves a record, one name, for which recording costs most.
Many clients at once ask about invented customers, as a compliance officer. Server, SQL, guards and
row scope are the same on both sides; on one, what was shown is noted as always and then not
recorded. The database writes with PostgreSQL's usual durability.

Run: ``python bench/read_audit.py [--rounds 5] [--clients 16]`` on the embedded PostgreSQL in a
temporary folder.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from unittest import mock

import asyncpg
import httpx
from plain_copy import drop, fresh, machine, server

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.reads import Reads
from app.db.seed.load import seed_bank
from app.main import create_app
from app.planner.global_id import format_id
from app.settings import Settings

DATABASE: Final = "bank360_bench_read_audit"
CUSTOMERS: Final = 1_000
OPERATIONS: Final = 400
ONE_NAME: Final = "query OneName($id: ID!) { customer(id: $id) { name } }"
THE_360: Final = """
query Customer360($id: ID!) {
  customer(id: $id) {
    id number type status tier name gender birthDate age nationalId phone email
    address { line1 city region postalCode country }
    branch { name city } relationshipManager { name number }
    accounts {
      number kind status balance { amount currency }
      transactions(first: 5) { nodes { kind amount { amount currency } bookedAt } }
    }
    loans { number purpose status outstanding { amount } daysPastDue }
    holdings { units value { amount } product { name riskLevel } }
    cards { number level status }
    tickets(first: 5) { nodes { number subject status assignee { name } } }
    totals { currency netWorth { amount } }
  }
}
"""


@asynccontextmanager
async def application(
    dsn: str, keys: Keys, token_key: TokenKey
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve in process."""
    settings = Settings(log_level="ERROR", rate_per_viewer=0, rate_per_address=0)
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


async def ask(http: httpx.AsyncClient, query: str, ids: list[str], clients: int) -> list[float]:
    """Ask for all customers, so many at a time; gives the seconds of each answer."""
    waiting = iter(ids)
    taken: list[float] = []

    async def client() -> None:
        for id_ in waiting:
            began = perf_counter()
            given = {"query": query, "variables": {"id": id_}}
            body: Any = (await http.post("/graphql", json=given, timeout=60)).json()
            if "errors" in body:
                raise SystemExit(str(body["errors"]))
            taken.append(perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken


async def nothing(*_given: object) -> None:
    """Stand for the recording of reads."""


async def compare(what: str, run: Callable[[], Awaitable[list[float]]], rounds: int) -> None:
    """Measure one query on both sides."""
    rates: dict[str, list[float]] = {"recorded": [], "not recorded": []}
    waits: dict[str, list[float]] = {name: [] for name in rates}
    for _ in range(rounds):
        for name, found in rates.items():
            began = perf_counter()
            if name == "recorded":
                taken = await run()
            else:
                with mock.patch.object(Reads, "record", nothing):
                    taken = await run()
            found.append(len(taken) / (perf_counter() - began))
            waits[name] += taken
    for name, found in rates.items():
        median = statistics.median(waits[name]) * 1_000
        print(f"{what:>10}{name:>14}{statistics.median(found):>12.0f}{median:>8.1f}")
    ratio = statistics.median(rates["recorded"]) / statistics.median(rates["not recorded"])
    print(f"{what:>10}{'ratio':>14}{ratio:>12.2f}")


async def measure(dsn: str, keys: Keys, rounds: int, clients: int) -> None:
    """Take turns, so that both sides meet the same machine."""
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch(
        "select id from customer where type <> 'BANK' order by id limit $1", OPERATIONS
    )
    ids = [format_id("cus", row["id"], row["id"]) for row in found]
    print(f"{len(ids)} operations, {clients} clients, {rounds} rounds, medians")
    print(f"{'':>10}{'':>14}{'requests/s':>12}{'ms':>8}")
    async with application(dsn, keys, TokenKey.new()) as http:
        for what, query in (("the 360", THE_360), ("one name", ONE_NAME)):
            await ask(http, query, ids, clients)
            await compare(what, partial(ask, http, query, ids, clients), rounds)
    reads = await connection.fetchval("select count(*) from audit_read")
    batches = await connection.fetchval("select count(*) from audit_record where kind = 'READ'")
    await connection.close()
    print(f"{reads:,} reads in {batches:,} batches: {reads / batches:.1f} in each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=16)
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
        asyncio.run(measure(bank, keys, options.rounds, options.clients))
        asyncio.run(drop(dsn, DATABASE))


if __name__ == "__main__":
    main()
