"""What a small mutation costs: ``updateCustomer`` through the unit of work beside pgbench.

Both sides change the preferred language of the same customers, on the same database and over as
many connections, a customer for each, so that none waits for another's lock:

- the unit of work, in one process: everything between the command and its outcome, with its
  encryption, hashes and audit record; without HTTP, GraphQL and the reading of the answer;
- ``pgbench -M prepared`` with the statements that the unit of work sends, in their order and on
  rows of the same size; values that it computes anew for each command are constants there.

They take turns; the ratio is that of the medians.

Run: ``python bench/writes.py [--connections 8] [--seconds 5] [--rounds 5]`` on the embedded
PostgreSQL in a temporary folder.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import UUID, uuid4

import asyncpg
from asyncpg.connection import LoggedQuery
from pgbench import TIMEOUT_SECONDS, compare, context_of, literal, pgbench
from plain_copy import drop, fresh, machine, server

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.commands import Done
from app.db.database import open_pool
from app.db.keys import Keys
from app.db.roles import APP_WRITE
from app.db.seed.load import seed_bank
from app.db.unit_of_work import Writes
from app.resolvers.customer_data import UpdateCustomer, update

DATABASE: Final = "bank360_bench_writes"
CUSTOMERS: Final = 500
MANAGED: Final = """
select customer.id, customer.version, assignment.staff_id from customer
join assignment on assignment.customer_id = customer.id and role = 'RELATIONSHIP_MANAGER'
where customer.type = 'INDIVIDUAL' and customer.status = 'ACTIVE' order by customer.id limit $1
"""
# What pgbench makes up for each transaction: the key, and the ids of lock and record.
PROLOGUE: Final = r"""\set key random(1, 9223372036854775807)
\set lock random(-2147483648, 2147483647)
"""


@dataclass
class Writer:
    """Changes one customer's language again and again."""

    writes: Writes
    customer: UUID
    manager: UUID
    version: int

    async def write(self) -> None:
        """Carry out one command; anything but its success ends the bench."""
        role = Role.RELATIONSHIP_MANAGER
        viewer = Viewer(role, (role,), staff_id=self.manager)
        # Each command changes something, whatever the other side left there.
        values = {"language": f"en-{self.version:08}"}
        outcome = await update(
            context_of(self.writes, viewer),
            uuid4().hex,
            UpdateCustomer(self.customer, self.version, values),
        )
        if not isinstance(outcome, Done):
            message = f"refused: {outcome.code}"
            raise SystemExit(message)
        self.version += 1

    async def write_until(self, moment: float) -> int:
        """Write until then; gives how often."""
        count = 0
        while perf_counter() < moment:
            await self.write()
            count += 1
        return count


async def connect(dsn: str, keys: Keys, connections: int) -> Writes:
    """Open the unit of work with just so many connections."""
    return Writes(await open_pool(dsn, APP_WRITE, connections, TIMEOUT_SECONDS), keys)


async def writers(dsn: str, writes: Writes, count: int) -> list[Writer]:
    """Give a writer for each of so many customers, as they stand now."""
    owner = await asyncpg.connect(dsn)
    try:
        rows = await owner.fetch(MANAGED, count)
    finally:
        await owner.close()
    return [Writer(writes, row["id"], row["staff_id"], row["version"]) for row in rows]


async def statements(dsn: str, keys: Keys, customers: int) -> list[list[LoggedQuery]]:
    """Give the statements of one command for each customer."""
    writes, sent = await connect(dsn, keys, 1), []
    logged: list[LoggedQuery] = []
    async with writes.pool.acquire() as connection:
        connection.add_query_logger(logged.append)
    for writer in await writers(dsn, writes, customers):
        # The first of a connection also prepares its statements.
        await writer.write()
        logged.clear()
        await writer.write()
        sent.append(list(logged))
    await writes.close()
    return sent


def script(commands: Sequence[Sequence[LoggedQuery]]) -> str:
    """Write what pgbench runs: for each of its clients the statements of another customer."""
    lines = [PROLOGUE]
    for client, sent in enumerate(commands):
        lines.append(f"\\{'elif' if client else 'if'} :client_id = {client}")
        lines += map(statement, sent)
    return "\n".join([*lines, "\\endif", ""])


def statement(logged: LoggedQuery) -> str:
    """Write one statement with its values in it."""
    sql = " ".join(logged.query.split()).rstrip(";")
    values = [literal(value) for value in logged.args]
    if "pg_try_advisory_xact_lock" in sql:
        values[2:] = ["(:lock)::int"] * 2
    elif "from idempotency_key" in sql or "into idempotency_key" in sql:
        values[1] = "(:key)::text"
    elif "into audit_record" in sql:
        values[1] = "lpad(to_hex((:key)::bigint), 32, '0')::uuid"
    elif sql.startswith("update customer"):
        values[1] = "(:version)::int"
    for number in range(len(values), 0, -1):
        sql = sql.replace(f"${number}", values[number - 1])
    # The row that is locked says which version is to be replaced.
    return f"{sql} \\gset" if "for update of customer" in sql else f"{sql};"


async def unit_of_work(dsn: str, writes: Writes, connections: int, seconds: int) -> float:
    """Let as many writers write as there are connections; gives commands a second."""
    began = perf_counter()
    all_writers = await writers(dsn, writes, connections)
    counts = await asyncio.gather(*(each.write_until(began + seconds) for each in all_writers))
    return sum(counts) / (perf_counter() - began)


async def measure(dsn: str, keys: Keys, folder: Path, options: argparse.Namespace) -> None:
    """Take turns, and print what each side did."""
    sent = await statements(dsn, keys, options.connections)
    file = folder / "update_customer.sql"
    file.write_text(script(sent), encoding="utf-8")
    writes = await connect(dsn, keys, options.connections)
    rates = await compare(
        partial(unit_of_work, dsn, writes, options.connections, options.seconds),
        partial(pgbench, dsn, file, options.connections, options.seconds),
        options.rounds,
    )
    await writes.close()
    print(f"{len(sent[0])} statements, {options.connections} connections, {options.rounds} rounds")
    rates.show()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dsn", help="a server on which a database may be created")
    options = parser.parse_args()
    print(machine(), flush=True)
    with server(options.dsn) as dsn, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = Keys.load(folder, None, None)
        bank = asyncio.run(fresh(dsn, DATABASE))
        business_date = date(2026, 6, 30)
        filling = seed_bank(bank, keys, CUSTOMERS, 1, lambda *_: None, business_date=business_date)
        asyncio.run(filling)
        asyncio.run(measure(bank, keys, folder, options))
        asyncio.run(drop(dsn, DATABASE))


if __name__ == "__main__":
    main()
