"""What both fillings of a bank are measured beside: a plain COPY of exactly the same rows.

Tables are written to binary COPY files, and these are copied into another database with the same
tables, indexes, constraints and triggers, in one transaction; both end with ANALYZE.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app import embedded
from app.db import tables
from app.db.migrate import upgrade

TABLES: Final = [table.name for table in tables.Customer.metadata.sorted_tables]


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


async def drop(dsn: str, *databases: str) -> None:
    """Remove databases of the bench."""
    connection = await asyncpg.connect(dsn)
    try:
        for database in databases:
            await connection.execute(f"drop database if exists {database}")
    finally:
        await connection.close()


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


@contextmanager
def server(dsn: str | None, kept: Path | None = None) -> Iterator[str]:
    """Give a server's address: the given one, else that of one in a folder kept or temporary."""
    if dsn is not None:
        yield dsn
        return
    if kept is not None:
        with embedded.start(kept, notice=lambda line: print(line, file=sys.stderr)) as running:
            yield running.dsn
        return
    with tempfile.TemporaryDirectory() as folder:
        running = embedded.start(Path(folder), notice=lambda line: print(line, file=sys.stderr))
        try:
            yield running.dsn
        finally:
            running.stop()
            # Started by root, the cluster may lie outside the temporary folder.
            shutil.rmtree(running.home)


def machine() -> str:
    """Name the machine and the commit that figures belong to."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    version = done.stdout.strip() or "unknown"
    return f"{platform.platform()}, {os.cpu_count()} cores, commit {version}"
