"""Filling a bank with invented customers, chunk by chunk, each in one transaction."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import date
from time import perf_counter
from typing import Final

import asyncpg

from app.db.crypto import CryptoError
from app.db.key_check import hold_keys
from app.db.keys import Keys
from app.db.loading import ledger_sums
from app.db.seed.chunk import CHUNK_CUSTOMERS, make_chunk
from app.db.seed.identity import CUSTOMERS_MAX
from app.db.seed.plan import Plan, run_name
from app.db.seed.reference import (
    REFERENCE_TABLES,
    is_begun,
    make_plan,
    reference_rows,
    settle_business_date,
)
from app.db.seed.report import SeedRefused, SeedSummary
from app.db.seed.rows import COLUMNS, Chunk
from app.db.seed.segments import are_segments_due, compute_segments
from app.db.service_desk import ensure_service_desk
from app.domain.customer import DataSource

__all__ = ["SeedRefused", "SeedSummary", "is_unfinished", "seed_bank"]

Progress = Callable[[str, int, int], None]

# Any fixed number that no other use of advisory locks in this database takes.
_LOCK: Final = 360_003


async def seed_bank(
    dsn: str,
    keys: Keys,
    customers: int,
    seed: int,
    progress: Progress,
    *,
    business_date: date | None = None,
) -> SeedSummary:
    """Fill the bank at ``dsn`` with ``customers`` invented customers and a year of business.

    The same seed, number and business date give the same bank. A run that was cut off leaves
    whole chunks; running it again with the same arguments makes the others. Without a business
    date the bank's own is kept, or today is set. ``progress`` is told the step, what is done and
    how much there is. Raises SeedRefused where the run cannot begin or go on.
    """
    if not 1 <= customers <= CUSTOMERS_MAX:
        message = f"the number of customers is between 1 and {CUSTOMERS_MAX:,}, not {customers:,}"
        raise SeedRefused(message)
    began = perf_counter()
    connection = await asyncpg.connect(dsn)
    try:
        # A second run waits, and then finds everything there.
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await hold_keys(connection, keys.ring)
        summary = await _fill(
            connection, keys, customers, seed, progress=progress, wanted=business_date
        )
    except asyncpg.UniqueViolationError as error:
        message = (
            "the bank holds something under a number that an invented record has"
            f" ({error.table_name}: {error.constraint_name}); whole chunks stay, this one is not"
            " stored"
        )
        raise SeedRefused(message) from error
    except CryptoError as error:
        raise SeedRefused(str(error)) from error
    finally:
        # Closing the connection gives the lock back.
        await connection.close()
    summary.seconds = perf_counter() - began
    return summary


async def is_unfinished(dsn: str) -> bool:
    """Tell whether the bank has invented customers and the run that makes them was cut off."""
    connection = await asyncpg.connect(dsn)
    try:
        begun = await connection.fetchval(
            "select exists (select from customer where source = $1)", DataSource.SEED
        )
        return bool(begun) and await are_segments_due(connection)
    finally:
        await connection.close()


async def _fill(
    connection: asyncpg.Connection,
    keys: Keys,
    customers: int,
    seed: int,
    *,
    progress: Progress,
    wanted: date | None,
) -> SeedSummary:
    async with connection.transaction():
        business_date = await settle_business_date(connection, wanted)
        begun = await is_begun(connection, run_name(seed, customers, business_date))
        plan = await make_plan(connection, keys, customers, seed, business_date)
        summary = SeedSummary(customers, seed, business_date)
        if not begun:
            for table, columns, records in reference_rows(plan):
                await _copy(connection, summary, table, columns, records)
            await ensure_service_desk(connection)
    firsts = list(range(1, customers + 1, CHUNK_CUSTOMERS))
    there = await _stored(connection, plan, firsts)
    missing = [first for first in firsts if first not in there]
    summary.already_there = sum(_size(plan, first) for first in there)
    done = summary.already_there
    progress("customers", done, customers)
    async with aclosing(_chunks(plan, missing)) as chunks:
        async for first, chunk in chunks:
            async with connection.transaction():
                for table, columns in COLUMNS.items():
                    # Both postings of an entry arrive in one statement: their sum is checked.
                    await _copy(connection, summary, table, columns, chunk.of[table])
            done += _size(plan, first)
            progress("customers", done, customers)
    if await are_segments_due(connection):
        # The planner has no idea yet of what was copied, by this run or an earlier one.
        for table in (*REFERENCE_TABLES, *COLUMNS):
            await connection.execute(f"analyze {table}")
        async with connection.transaction():
            members = await compute_segments(connection, business_date, progress)
        summary.stored["segment_membership"] += members
        await connection.execute("analyze segment_membership")
    summary.ledger = await ledger_sums(connection)
    return summary


async def _stored(connection: asyncpg.Connection, plan: Plan, firsts: list[int]) -> set[int]:
    """Give the first customers of the chunks that are there; a chunk is there whole or not."""
    by_id = {plan.customer_id(first): first for first in firsts}
    found = await connection.fetch("select id from customer where id = any($1)", list(by_id))
    return {by_id[row["id"]] for row in found}


def _size(plan: Plan, first: int) -> int:
    return min(CHUNK_CUSTOMERS, plan.customers - first + 1)


async def _chunks(plan: Plan, firsts: list[int]) -> AsyncGenerator[tuple[int, Chunk]]:
    """Make chunk after chunk, the next one while the database stores the one before."""
    making: asyncio.Task[Chunk] | None = None
    try:
        for place, first in enumerate(firsts):
            chunk = await (making or asyncio.to_thread(make_chunk, plan, first))
            making = None
            if place + 1 < len(firsts):
                coming = asyncio.to_thread(make_chunk, plan, firsts[place + 1])
                making = asyncio.create_task(coming)
            yield first, chunk
    finally:
        if making is not None:
            making.cancel()


async def _copy(
    connection: asyncpg.Connection,
    summary: SeedSummary,
    table: str,
    columns: tuple[str, ...],
    records: list[tuple[object, ...]],
) -> None:
    if records:
        await connection.copy_records_to_table(table, columns=columns, records=records)
        summary.stored[table] += len(records)
