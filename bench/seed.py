"""The invented bank beside a plain COPY of exactly the same rows.

The seed runs in a process of its own, so that its peak memory is its own. Its tables are then
written to binary COPY files, and these are copied into a second database with the same tables,
indexes, constraints and triggers, in one transaction. Both end with ANALYZE.

Run: ``python bench/seed.py [--customers 10000 100000] [--dsn DSN]``. Without a DSN the embedded
PostgreSQL is started in a temporary folder.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app import embedded
from app.db import tables
from app.db.keys import Keys
from app.db.migrate import upgrade
from app.db.seed.load import seed_bank

SEEDED: Final = "bank360_bench_seed"
COPIED: Final = "bank360_bench_seed_copy"
TABLES: Final = [table.name for table in tables.Customer.metadata.sorted_tables]
BUSINESS_DATE: Final = date(2026, 6, 30)
SEED: Final = 1
_MB: Final = 1024


async def fresh(dsn: str, database: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"drop database if exists {database}")
        await connection.execute(f"create database {database}")
    finally:
        await connection.close()
    target = urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
    await upgrade(target)
    return target


async def drop(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for database in (SEEDED, COPIED):
            await connection.execute(f"drop database if exists {database}")
    finally:
        await connection.close()


def child(dsn: str, customers: int) -> None:
    """Seed, and print seconds, processor time and peak memory as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Keys.load(Path(folder), None, None)
        seeding = seed_bank(
            dsn, keys, customers, SEED, lambda *_: None, business_date=BUSINESS_DATE
        )
        summary = asyncio.run(seeding)
    peak = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "rows": summary.rows,
                "seconds": summary.seconds,
                "mb": peak.ru_maxrss / _MB,
                "cpu": peak.ru_utime,
            }
        )
    )


def run_seed(dsn: str, customers: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", dsn, "--customers", str(customers)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


async def export(dsn: str, folder: Path) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = {}
        for table in TABLES:
            status = await connection.copy_from_table(table, output=folder / table, format="binary")
            rows[table] = int(status.split()[-1])
        return {table: count for table, count in rows.items() if count}
    finally:
        await connection.close()


async def copy(dsn: str, folder: Path, rows: dict[str, int]) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        began = perf_counter()
        async with connection.transaction():
            for table in rows:
                await connection.copy_to_table(table, source=folder / table, format="binary")
        for table in rows:
            await connection.execute(f"analyze {table}")
        return perf_counter() - began
    finally:
        await connection.close()


async def measure(dsn: str, customers: int) -> dict[str, Any]:
    seeded = await fresh(dsn, SEEDED)
    measured: dict[str, Any] = await asyncio.to_thread(run_seed, seeded, customers)
    with tempfile.TemporaryDirectory() as folder:
        rows = await export(seeded, Path(folder))
        copied = await fresh(dsn, COPIED)
        measured["copy_seconds"] = await copy(copied, Path(folder), rows)
    await drop(dsn)
    return measured


@contextmanager
def server(dsn: str | None) -> Iterator[str]:
    if dsn is not None:
        yield dsn
        return
    with tempfile.TemporaryDirectory() as folder:
        running = embedded.start(Path(folder), notice=lambda line: print(line, file=sys.stderr))
        try:
            yield running.dsn
        finally:
            running.stop()
            # Started by root, the cluster may lie outside the temporary folder.
            shutil.rmtree(running.home)


def show(customers: int, one: dict[str, Any]) -> None:
    seconds, copied, rows = one["seconds"], one["copy_seconds"], int(one["rows"])
    print(
        f"{customers:>10,}{rows:>12,}{seconds:>9.1f}{rows / seconds:>10,.0f}{one['mb']:>9.0f}"
        f"{one['cpu']:>9.1f}{copied:>9.1f}{rows / copied:>10,.0f}{copied / seconds:>7.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dsn", help="a server on which databases may be created")
    parser.add_argument("--child", metavar="DSN", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.customers[0])
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores")
    print(f"{'':>22}{'seed':>9}{'':>10}{'peak':>9}{'Python':>9}{'COPY':>9}")
    print(
        f"{'customers':>10}{'rows':>12}{'s':>9}{'rows/s':>10}{'MB':>9}{'CPU s':>9}{'s':>9}"
        f"{'rows/s':>10}{'ratio':>7}"
    )
    with server(options.dsn) as dsn:
        for customers in options.customers:
            show(customers, asyncio.run(measure(dsn, customers)))


if __name__ == "__main__":
    main()
