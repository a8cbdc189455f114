"""The invented bank beside a plain COPY of exactly the same rows.

The seed runs in a process of its own, so that its peak memory is its own. Its tables are then
written to binary COPY files, and these are copied into a second database with the same tables,
indexes, constraints and triggers, in one transaction. Both end with ANALYZE.

Run: ``python bench/seed.py [--customers 10000 100000] [--dsn DSN] [--keep FOLDER]``. Without a DSN
the embedded PostgreSQL is started in a temporary folder, or in FOLDER, where the last seeded bank
(database and keys) then stays.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any, Final

from plain_copy import copy, drop, export, fresh, machine, server

from app.db.keys import Keys
from app.db.seed.load import seed_bank

SEEDED: Final = "bank360_bench_seed"
COPIED: Final = "bank360_bench_seed_copy"
BUSINESS_DATE: Final = date(2026, 6, 30)
SEED: Final = 1
_MB: Final = 1024


def child(dsn: str, customers: int, folder: Path) -> None:
    """Seed with the keys in a folder; print seconds, processor time and peak memory as JSON."""
    keys = Keys.load(folder, None, None)
    seeding = seed_bank(dsn, keys, customers, SEED, lambda *_: None, business_date=BUSINESS_DATE)
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


def run_seed(dsn: str, customers: int, folder: Path) -> dict[str, float]:
    arguments = ["--child", dsn, "--customers", str(customers), "--keep", str(folder)]
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


async def measure(dsn: str, customers: int, folder: Path) -> dict[str, Any]:
    seeded = await fresh(dsn, SEEDED)
    measured: dict[str, Any] = await asyncio.to_thread(run_seed, seeded, customers, folder)
    with tempfile.TemporaryDirectory() as files:
        rows = await export(seeded, Path(files))
        copied = await fresh(dsn, COPIED)
        measured["copy_seconds"] = await copy(copied, Path(files), rows)
    await drop(dsn, COPIED)
    return measured


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
    parser.add_argument("--keep", type=Path, help="keep the last bank in this folder")
    parser.add_argument("--child", metavar="DSN", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.customers[0], options.keep)
        return
    print(machine())
    print(f"{'':>22}{'seed':>9}{'':>10}{'peak':>9}{'Python':>9}{'COPY':>9}")
    print(
        f"{'customers':>10}{'rows':>12}{'s':>9}{'rows/s':>10}{'MB':>9}{'CPU s':>9}{'s':>9}"
        f"{'rows/s':>10}{'ratio':>7}"
    )
    with tempfile.TemporaryDirectory() as folder, server(options.dsn, options.keep) as dsn:
        for customers in options.customers:
            show(customers, asyncio.run(measure(dsn, customers, options.keep or Path(folder))))
        if options.keep is None:
            asyncio.run(drop(dsn, SEEDED))


if __name__ == "__main__":
    main()
