"""Two ways to fetch the 360 and the list of 50, in SQL alone: one statement, or one a relation.

The server's own statements are recorded as it answers a query by its plan (one statement that
builds JSON) and by its reference executor (a flat statement for each relation and level, whose
keys come from the level above). Both are then sent again over asyncpg as the viewer, with the
policies: the flat ones one after the other on one connection, and each level's at once on
connections of their own. What follows in Python, assembling the answer, is not part of it: only
the driver's decoding of rows is.

Run: ``python bench/query_fetching.py [--customers 10000] [--rounds 40]``, with ``--keep FOLDER``
and ``--dsn`` as bench/queries.py.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from unittest import mock

import asyncpg
import httpx
import queries
from plain_copy import machine, server
from query_cases import Case, Sample, cases, sample
from query_load import Meter, spent

from app.auth.tokens import TokenKey
from app.db.database import Database
from app.db.keys import Keys
from app.db.viewer_setting import VIEWER_SETTING
from app.main import create_app
from app.planner.collecting import Reason, UnplannedError
from app.planner.planning import Planner
from app.settings import Settings

_CASES: Final = ("360", "list-graph")
_SET_VIEWER: Final = f"select set_config('{VIEWER_SETTING}', $1, false)"


@dataclass(frozen=True)
class Sent:
    """A statement, when it was sent, and when its rows had come."""

    sql: str
    values: Sequence[Any]
    viewer: str
    began: float
    ended: float


@dataclass
class Recording:
    """Reads as the application's database does, and keeps what it was asked."""

    database: Database
    sent: list[Sent] = field(default_factory=list)

    async def fetch(self, sql: str, values: Sequence[Any], viewer: str) -> Sequence[Any]:
        """Run a statement, and note it."""
        began = perf_counter()
        rows = await self.database.fetch(sql, values, viewer)
        self.sent.append(Sent(sql, values, viewer, began, perf_counter()))
        return rows


async def record(bank: queries.Bank, rows: Sample, case: Case, *, plan: bool) -> list[Sent]:
    """Ask the query once, warm; give its statements."""
    settings = Settings(log_level="ERROR", rate_per_viewer=0, rate_per_address=0)
    app = create_app(settings, database_url=bank.dsn, keys=bank.keys, token_key=bank.token_key)
    token = bank.token_key.issue(case.role, rows.people[case.role], strong=True)

    async def never(*_: Any) -> Any:
        raise UnplannedError(Reason.FIELD, "asked for the reference executor")

    execute = Planner.execute if plan else never
    with mock.patch.object(Planner, "execute", execute):
        async with app.router.lifespan_context(app):
            recording = app.state.database = Recording(app.state.database)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://bench") as http:
                for _ in range(2):
                    recording.sent = []
                    answer = await http.post(
                        "/graphql",
                        json={"query": case.ours, "variables": case.variables[0]},
                        headers={"Authorization": f"Bearer {token}"},
                    )
                    if "errors" in answer.json():
                        raise SystemExit(answer.text)
            app.state.database = recording.database
    return recording.sent


def levels(sent: Sequence[Sent]) -> list[list[Sent]]:
    """Put statements that were under way together into one level."""
    found: list[list[Sent]] = []
    for one in sorted(sent, key=lambda each: each.began):
        if found and one.began < min(each.ended for each in found[-1]):
            found[-1].append(one)
        else:
            found.append([one])
    return found


async def _one_by_one(connections: Sequence[Any], given: Sequence[Sequence[Sent]]) -> None:
    for level in given:
        for sent in level:
            await connections[0].fetchval(_SET_VIEWER, sent.viewer)
            await connections[0].fetch(sent.sql, *sent.values)


async def _at_once(connections: Sequence[Any], given: Sequence[Sequence[Sent]]) -> None:
    async def run(connection: Any, sent: Sent) -> None:
        await connection.fetchval(_SET_VIEWER, sent.viewer)
        await connection.fetch(sent.sql, *sent.values)

    for level in given:
        await asyncio.gather(*map(run, connections, level))


async def measure(bank: queries.Bank, options: argparse.Namespace) -> None:
    """Take turns between the ways."""
    rows = await sample(bank.dsn, bank.keys)
    connections = [
        await asyncpg.connect(bank.dsn, server_settings={"jit": "off", "role": "app_read"})
        for _ in range(12)
    ]
    meter = await Meter.of(bank.dsn, None)
    heads = ("statements", "levels", "median ms", "client ms", "database ms")
    print(f"{'':<44}" + "".join(f"{head:>13}" for head in heads))
    for case in cases(rows):
        if case.name not in _CASES:
            continue
        one = levels(await record(bank, rows, case, plan=True))
        flat = levels(await record(bank, rows, case, plan=False))
        ways = {
            "one JSON statement": (_one_by_one, one),
            "flat, one after the other": (_one_by_one, flat),
            "flat, a level at once": (_at_once, flat),
        }
        took: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, (run, given) in ways.items():
                await run(connections, given)
                before, client, began = meter.read(), time.process_time(), perf_counter()
                for _ in range(options.times):
                    await run(connections, given)
                wall, cpu = perf_counter() - began, time.process_time() - client
                _, database = spent(before, meter.read())
                took[name].append((wall, cpu, database))
        for name, (_, given) in ways.items():
            medians = [
                statistics.median(column) * 1_000 / options.times
                for column in zip(*took[name], strict=True)
            ]
            print(
                f"{case.title + ', ' + name:<44}{sum(map(len, given)):>13}{len(given):>13}"
                + "".join(f"{median:>13.2f}" for median in medians),
                flush=True,
            )
    for connection in connections:
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=20, help="in each round, of which the mean")
    parser.add_argument("--dsn", help="a server on which a database may be created")
    parser.add_argument("--keep", type=Path, help="a folder where bank and keys stay")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        kept = options.keep or Path(folder)
        dsn = stack.enter_context(server(options.dsn, options.keep))
        keys = Keys.load(kept, None, None)
        filled = asyncio.run(queries.filled(dsn, keys, options.customers, None))
        asyncio.run(measure(queries.Bank(filled, keys, TokenKey.load(kept), kept), options))


if __name__ == "__main__":
    main()
