"""What queries cost beside other servers, the limit, and PostgreSQL alone: six cases, one table.

Sides: bank360 with everything on (plans, permissions, masks, encryption, row scope, row-level
security, the audit of reads), the same server without recording reads, and by its reference
executor; a server as Strawberry's documentation teaches; PostGraphile 5; one statement written by
hand behind Starlette (the limit); the same statement by pgbench. The last four check nothing,
record nothing and decrypt nothing. They are real servers, each one process, over HTTP on loopback,
on the same rows with the same number of connections; runs take turns, figures are medians.

Run: ``python bench/queries.py [--customers 10000] [--seconds 2] [--rounds 5] [--workers 2]`` on the
embedded PostgreSQL in a temporary folder; ``--keep FOLDER`` keeps the bank for the next run there.
``--customers 1000000 --copies-of 10000`` fills a large bank with copies of a small one.
PostGraphile is left out unless ``npm ci`` was run in bench/postgraphile.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import query_sides
import query_workers
import uvloop
from many_customers import multiply
from plain_copy import fresh, machine, server
from query_cases import Case, Sample, cases, sample
from query_limit import STATEMENTS
from query_load import Meter, Run, body_of, load, once, pgbench, request

from app import embedded
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.db.seed.load import seed_bank

DATABASE: Final = "bank360_bench_queries"
BUSINESS_DATE: Final = date(2026, 6, 30)
OURS: Final = "bank360"
UNRECORDED: Final = "bank360, reads not recorded"
REFERENCE: Final = "bank360, reference executor"
STRAWBERRY: Final = "Strawberry, idiomatic"
POSTGRAPHILE: Final = "PostGraphile 5"
LIMIT: Final = "limit: SQL by hand"
POSTGRESQL: Final = "PostgreSQL alone"
_SCRIPTS_MAX: Final = 20
_WARM_UP_SECONDS: Final = 1.0
# What must be equal wherever a side gives it; what is encrypted differs by design.
_EQUAL: Final = frozenset(
    {
        "__typename",
        "bookedAt",
        "channel",
        "customerSince",
        "hasNextPage",
        "kind",
        "openedOn",
        "purpose",
        "riskLevel",
        "status",
        "subject",
        "tier",
        "type",
        "units",
        "valueOn",
    }
)
_AMOUNTS: Final = frozenset({"amount"})


@dataclass(frozen=True)
class Bank:
    """The seeded bank: where it is, and what signs tokens for it."""

    dsn: str
    keys: Keys
    token_key: TokenKey
    folder: Path


@dataclass(frozen=True)
class Sides:
    """The servers that run, by side: port and process id."""

    servers: Mapping[str, tuple[int, int]]
    scripts: Path


def leaves(value: Any, names: frozenset[str]) -> Counter[tuple[str, Any]]:
    """Count the values under some names, however they are nested."""
    found: Counter[tuple[str, Any]] = Counter()
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            pending += value.values()
            for name in names & value.keys():
                if not isinstance(value[name], dict | list):
                    found[name, _normal(name, value[name])] += 1
    return found


def _normal(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in {"amount", "units"}:
        return Decimal(value)
    return datetime.fromisoformat(value) if name == "bookedAt" else value


def requests_of(bank: Bank, rows: Sample, case: Case, side: str) -> list[bytes]:
    """Write a side's requests for each row of a case."""
    if side in {STRAWBERRY, POSTGRAPHILE}:
        query = case.strawberry if side == STRAWBERRY else case.postgraphile
        assert query is not None
        bodies = [{"query": query, "variables": given} for given in case.peers]
        return [request("/graphql", body, {}) for body in bodies]
    if side == LIMIT:
        return [request(f"/{case.name}", {"variables": given}, {}) for given in case.peers]
    token = bank.token_key.issue(case.role, rows.people[case.role], strong=True)
    ending = {REFERENCE: query_sides.REFERENCE, UNRECORDED: query_sides.UNRECORDED}.get(side, "")
    query = re.sub(r"^query (\w+)", rf"query \1{ending}", case.ours)
    headers = {"Authorization": f"Bearer {token}"}
    return [
        request("/graphql", {"query": query, "variables": given}, headers)
        for given in case.variables
    ]


def scripts_of(case: Case, folder: Path) -> list[Path]:
    """Write the case's statement for some of its rows, as pgbench reads it."""
    paths = []
    for number, given in enumerate(case.peers[:_SCRIPTS_MAX]):
        text = STATEMENTS[case.name]
        for place, value in enumerate(given.values(), 1):
            text = text.replace(f"${place}", f"'{value}'")
        path = folder / f"{case.name}-{number}.sql"
        path.write_text(" ".join(text.split()) + ";\n")
        paths.append(path)
    return paths


async def check(case: Case, ports: Mapping[str, int], asked: Mapping[str, list[bytes]]) -> None:
    """Compare the sides' answers for a few rows, and print how much one holds."""
    for place in range(min(3, len(case.peers))):
        answers = {
            side: await once(ports[side], asked[side][place]) for side in ports if side in asked
        }
        data = {side: body_of(answer) for side, answer in answers.items()}
        if data[OURS] != data[REFERENCE]:
            sys.exit(f"{case.title}: the plan and the reference executor differ")
        for side, found in data.items():
            names = _EQUAL if side == POSTGRAPHILE else _EQUAL | _AMOUNTS
            ours, theirs = leaves(data[OURS], names), leaves(found, names)
            if ours != theirs:
                different = list((ours - theirs) + (theirs - ours))[:6]
                sys.exit(f"{case.title}: {side} gives something else: {different}")
    size = len(answers[OURS].partition(b"\r\n\r\n")[2])
    compared = sum(leaves(data[OURS], _EQUAL | _AMOUNTS).values())
    load_average = os.getloadavg()[0]
    print(f"\n{case.title}: {size:,} bytes, {compared} values compared, load {load_average:.1f}")


async def measured(
    bank: Bank, rows: Sample, case: Case, sides: Sides, options: argparse.Namespace
) -> Mapping[str, list[Run]]:
    """Run a case on every side by turns."""
    asked_of = {STRAWBERRY: case.strawberry, POSTGRAPHILE: case.postgraphile}
    left_out = {side for side, query in asked_of.items() if query is None}
    ports = {side: port for side, (port, _) in sides.servers.items() if side not in left_out}
    asked = {side: requests_of(bank, rows, case, side) for side in ports}
    await check(case, ports, asked)
    runs: dict[str, Callable[[float], Any]] = {}
    for side, port in ports.items():
        meter = await Meter.of(bank.dsn, sides.servers[side][1])
        runs[side] = partial(_load, port, asked[side], options.connections, meter)
    program = embedded.client_bin() / "pgbench"
    scripts = scripts_of(case, sides.scripts) if case.name in STATEMENTS else []
    environment = {**os.environ, "PGOPTIONS": "-c jit=off"}

    async def by_pgbench(seconds: float) -> Run:
        return await asyncio.to_thread(
            pgbench,
            program,
            bank.dsn,
            scripts,
            connections=options.connections,
            seconds=seconds,
            environment=environment,
        )

    if case.name in STATEMENTS:
        runs[POSTGRESQL] = by_pgbench
    found: dict[str, list[Run]] = {side: [] for side in runs}
    for side, run in runs.items():
        if side != POSTGRESQL:
            await run(_WARM_UP_SECONDS)
    order = list(runs)
    for _ in range(options.rounds):
        for side in order:
            found[side].append(await runs[side](options.seconds))
        # Whoever came last comes first: none always follows the same other one.
        order.reverse()
    return found


async def _load(
    port: int, asked: Sequence[bytes], connections: int, meter: Meter, seconds: float
) -> Run:
    return await load(port, asked, connections, seconds, meter)


def print_case(case: Case, found: Mapping[str, list[Run]]) -> None:
    """Print a case's table: medians of the runs."""

    def median(side: str, name: str) -> float:
        return float(statistics.median(getattr(run, name) for run in found[side]))

    heads = ("requests/s", "slowest", "fastest", "p50 ms", "server ms", "database ms", "of limit")
    print(f"{'':<30}" + "".join(f"{head:>13}" for head in heads))
    for side, runs in found.items():
        rates = [run.rate for run in runs]
        of_limit = median(side, "rate") / median(LIMIT, "rate")
        # pgbench's backends end with it, and what they took is not all told by then.
        server_ms, database_ms = (
            "—" if side == POSTGRESQL else f"{median(side, name) * 1_000:.3f}"
            for name in ("server", "database")
        )
        print(
            f"{side:<30}{median(side, 'rate'):>13.0f}{min(rates):>13.0f}{max(rates):>13.0f}"
            f"{median(side, 'median') * 1_000:>13.2f}{server_ms:>13}"
            f"{database_ms:>13}{of_limit:>13.2f}"
        )
    ratios = [
        f"{median(OURS, 'rate') / median(side, 'rate'):.2f} x {side}"
        for side in found
        if side not in {OURS, POSTGRESQL}
    ]
    print(f"bank360 is {', '.join(ratios)}", flush=True)
    if case.missing:
        print(f"{POSTGRAPHILE} is not asked: {case.missing}")


def started(
    bank: Bank, connections: int, workers: int, logs: Path, stack: ExitStack
) -> Iterator[Any]:
    """Start every server; gives side, port and process id of each."""
    node = query_sides.node()
    if workers > 1:
        redis_url = stack.enter_context(query_workers.redis(logs))
        server_ = query_workers.workers(
            workers,
            bank.dsn,
            bank.folder,
            connections=connections,
            redis_url=redis_url,
            log=logs / "workers.log",
        )
        port, process = stack.enter_context(server_)
        yield f"bank360, {workers} processes", (port, process.pid)
    for side, name in ((OURS, "ours"), (STRAWBERRY, "strawberry"), (LIMIT, "limit")):
        server_ = query_sides.served(name, bank.dsn, bank.folder, connections, logs / f"{name}.log")
        port, process = stack.enter_context(server_)
        yield side, (port, process.pid)
        if side == OURS:
            yield UNRECORDED, (port, process.pid)
            yield REFERENCE, (port, process.pid)
        if side == STRAWBERRY:
            if isinstance(node, str):
                print(f"{POSTGRAPHILE} is left out: {node}")
                continue
            server_ = query_sides.postgraphile(node, bank.dsn, connections, logs / "node.log")
            port, process = stack.enter_context(server_)
            yield POSTGRAPHILE, (port, process.pid)


async def measure(bank: Bank, sides: Sides, options: argparse.Namespace) -> None:
    rows = await sample(bank.dsn, bank.keys)
    for case in cases(rows):
        if options.case and case.name not in options.case:
            continue
        found = await measured(bank, rows, case, sides, options)
        print_case(case, found)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


async def filled(dsn: str, keys: Keys, customers: int, copies_of: int | None) -> str:
    """Give the bank's address; it is filled unless it is there with so many customers.

    With ``copies_of`` only that many are seeded, and the others are copies of them.
    """
    target = urlunsplit(urlsplit(dsn)._replace(path=f"/{DATABASE}"))
    try:
        connection = await asyncpg.connect(target)
    except asyncpg.InvalidCatalogNameError:
        known = None
    else:
        known = await connection.fetchval("select count(*) from customer where type <> 'BANK'")
        await connection.close()
    if known != customers:
        target = await fresh(dsn, DATABASE)
        seeded = copies_of or customers
        await seed_bank(target, keys, seeded, 1, lambda *_: None, business_date=BUSINESS_DATE)
        if seeded < customers:
            await multiply(target, customers, lambda line: print(line, flush=True))
    connection = await asyncpg.connect(target)
    version = await connection.fetchval("show server_version")
    await connection.execute("vacuum analyze")
    await connection.close()
    print(f"{customers:,} customers, PostgreSQL {version}")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--copies-of", type=int, help="seed so many customers only, and copy them")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument(
        "--workers", type=int, default=1, help="also as so many processes, on a Redis server"
    )
    parser.add_argument(
        "--case", nargs="*", help="360, list-graph, list-flat, ...; all unless given"
    )
    parser.add_argument("--dsn", help="a server on which a database may be created")
    parser.add_argument("--keep", type=Path, help="a folder where bank and keys stay")
    options = parser.parse_args()
    print(f"{machine()}, load average {os.getloadavg()[0]:.1f}")
    print(
        f"{options.connections} connections; medians of {options.rounds} runs of"
        f" {options.seconds:g} s; processor time in ms of one answer"
    )
    uvloop.install()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        kept = options.keep or Path(folder)
        dsn = stack.enter_context(server(options.dsn, options.keep))
        keys = Keys.load(kept, None, None)
        bank = Bank(
            asyncio.run(filled(dsn, keys, options.customers, options.copies_of)),
            keys,
            TokenKey.load(kept),
            kept,
        )
        servers = dict(started(bank, options.connections, options.workers, Path(folder), stack))
        asyncio.run(measure(bank, Sides(servers, Path(folder)), options))


if __name__ == "__main__":
    main()
