"""Import of the retail bank beside a plain COPY of exactly the same rows.

The import runs in a process of its own, so that its peak memory is its own. Its tables are then
written to binary COPY files, and these are copied into a second database with the same tables,
indexes, constraints and triggers, in one transaction. Both end with ANALYZE.

Run: ``python bench/import_retail_bank.py [--data FOLDER] [--dsn DSN] [--rounds N]``. Without a
DSN the embedded PostgreSQL is started in a temporary folder.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

from plain_copy import copy, drop, export, fresh, machine, server

from app.db.keys import Keys
from app.db.retail_bank.load import import_retail_bank

IMPORTED: Final = "bank360_bench_import"
COPIED: Final = "bank360_bench_copy"
_MB: Final = 1024


def child(dsn: str, data: str) -> None:
    """Import, and print seconds and peak memory as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Keys.load(Path(folder), None, None)
        began = perf_counter()
        asyncio.run(import_retail_bank(dsn, keys, Path(data), lambda *_: None))
        seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": seconds, "mb": peak.ru_maxrss / _MB, "cpu": peak.ru_utime}))


def run_import(dsn: str, data: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", dsn, "--data", str(data)],
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


async def measure(dsn: str, data: Path, rounds: int) -> dict[str, Any]:
    imports: list[dict[str, float]] = []
    copies: list[float] = []
    rows: dict[str, int] = {}
    for _ in range(rounds):
        imported = await fresh(dsn, IMPORTED)
        imports.append(await asyncio.to_thread(run_import, imported, data))
        with tempfile.TemporaryDirectory() as folder:
            rows = await export(imported, Path(folder))
            copied = await fresh(dsn, COPIED)
            copies.append(await copy(copied, Path(folder), rows))
        await drop(dsn, IMPORTED, COPIED)
    return {
        "rows": rows,
        "import_seconds": median(one["seconds"] for one in imports),
        "import_cpu": median(one["cpu"] for one in imports),
        "import_mb": max(one["mb"] for one in imports),
        "copy_seconds": median(copies),
    }


def show(result: dict[str, Any]) -> None:
    total = sum(result["rows"].values())
    imported, copied = result["import_seconds"], result["copy_seconds"]
    print(machine())
    print(f"{total:,} rows in {len(result['rows'])} tables:")
    for table, count in sorted(result["rows"].items(), key=lambda item: -item[1]):
        print(f"  {table:<24}{count:>12,}")
    print(f"{'':<12}{'seconds':>10}{'rows/s':>12}{'peak MB':>10}")
    print(f"{'import':<12}{imported:>10.1f}{total / imported:>12,.0f}{result['import_mb']:>10.0f}")
    print(f"{'plain COPY':<12}{copied:>10.1f}{total / copied:>12,.0f}{'':>10}")
    print(f"Python's CPU time in the import: {result['import_cpu']:.1f} s")
    print(f"ratio of throughputs, import to plain COPY: {copied / imported:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).parent.parent
    parser.add_argument("--data", type=Path, default=root.parent / "shared/data/retail-bank")
    parser.add_argument("--dsn", help="a server on which databases may be created")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", metavar="DSN", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, str(options.data))
        return
    with server(options.dsn) as dsn:
        show(asyncio.run(measure(dsn, options.data, options.rounds)))


if __name__ == "__main__":
    main()
