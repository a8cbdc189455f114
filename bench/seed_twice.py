"""Two runs of the seed with the same arguments give the same bank, under different keys.

Each run fills a database of its own; the hash is that of a canonical export: every row of every
table, personal values in clear, without keys, keyed hashes and the time of writing. Ends with 1
when the hashes differ.

Run: ``make seed-twice [CUSTOMERS=10000]``, or ``PYTHONPATH=tests python bench/seed_twice.py
[--customers 10000] [--dsn DSN]``. Without a DSN the embedded PostgreSQL is started in a temporary
folder.
"""

import argparse
import asyncio
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Final

from bank_export import export_hash
from plain_copy import drop, fresh, machine, server

from app.db.keys import Keys
from app.db.seed.load import seed_bank

DATABASE: Final = "bank360_bench_twice"
BUSINESS_DATE: Final = date(2026, 6, 30)
SEED: Final = 1


async def seeded_hash(dsn: str, customers: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        keys = Keys.load(Path(folder), None, None)
        target = await fresh(dsn, DATABASE)
        await seed_bank(target, keys, customers, SEED, lambda *_: None, business_date=BUSINESS_DATE)
        began = perf_counter()
        found = await export_hash(target, keys)
    await drop(dsn, DATABASE)
    print(
        f"{customers:,} customers: {found} (exported in {perf_counter() - began:.0f} s)", flush=True
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--dsn", help="a server on which databases may be created")
    options = parser.parse_args()
    print(machine())
    with server(options.dsn) as dsn:
        hashes = {asyncio.run(seeded_hash(dsn, options.customers)) for _ in range(2)}
    sys.exit("the two banks differ" if len(hashes) > 1 else 0)


if __name__ == "__main__":
    main()
