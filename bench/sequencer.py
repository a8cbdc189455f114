"""How fast audit records get their positions, and how soon after their commit they can be read.

Writers commit records as fast as they can, one a transaction, as the unit of work does at its end;
one sequencer, woken after each commit, numbers them. Everything runs in this process, so that it
shares its processor time: the writers' part of it is measured by a run without a sequencer. The
second table is of writers that commit at a steady rate.

Run: ``python bench/sequencer.py [--seconds 10] [--writers 16]`` on the embedded PostgreSQL in a
temporary folder.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, process_time
from typing import Final
from uuid import UUID

import asyncpg
from plain_copy import drop, fresh, machine, server

from app.db.audit import Record, write
from app.db.audit_verify import verify
from app.db.database import open_pool
from app.db.head_file import HeadFile
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.redis import Bounded
from app.db.roles import APP_WRITE
from app.db.sequencer import Sequencer
from app.db.wake_ups import WakeUps
from app.domain.audit import AuditKind
from app.jobs.sequencing import Sequencing
from app.metrics import Metrics

DATABASE: Final = "bank360_bench_sequencer"
RATES: Final = (50, 200, 500)
IDLE_SECONDS: Final = 5.0


class Bank:
    """A bank's audit trail and its writers."""

    def __init__(self, dsn: str, keys: Keys, folder: Path, pool: asyncpg.Pool) -> None:
        self.dsn, self.keys, self.pool = dsn, keys, pool
        self.file = HeadFile.of(folder, keys.audit)
        self.written, self.numbered = (
            WakeUps(name, None, Bounded(lambda _error: None)) for name in ("written", "numbered")
        )
        self.committed: dict[UUID, float] = {}
        self.early: set[UUID] = set()
        self.latencies: list[float] = []

    async def write(self) -> None:
        """Commit one record and wake the sequencer."""
        record = Record(
            recorded_at=datetime.now(UTC),
            id=new_id(),
            kind=AuditKind.WRITE,
            actor_id=new_id(),
            command="updateCustomer",
            fields=("phone",),
            detail_ciphertext=bytes(120),
        )
        async with self.pool.acquire() as connection, connection.transaction():
            await write(connection, self.keys.audit, record)
        # On a busy machine the reader may be told before the writer is.
        if record.id not in self.early:
            self.committed[record.id] = monotonic()
        self.written.wake()

    async def write_until(self, deadline: float, every: float) -> None:
        """Write one after the other, or one at each of regular moments, from a random one on."""
        due = monotonic() + random.uniform(0, every)
        await asyncio.sleep(due - monotonic())
        while monotonic() < deadline:
            await self.write()
            if every:
                due += every
                await asyncio.sleep(max(due - monotonic(), 0))

    async def read(self) -> None:
        """Read what was numbered as a subscriber would, and note how long ago it was committed."""
        reader = await asyncpg.connect(self.dsn)
        sql = "select position, record_id from audit_link where position > $1 order by position"
        after = await reader.fetchval("select coalesce(max(position), 0) from audit_link")
        try:
            seen = self.numbered.count
            while True:
                rows = await reader.fetch(sql, after)
                now = monotonic()
                for position, record_id in rows:
                    after = position
                    if record_id not in self.committed:
                        self.early.add(record_id)
                    self.latencies.append(now - self.committed.pop(record_id, now))
                seen = await self.numbered.wait(seen, 1.0)
        finally:
            await reader.close()

    @asynccontextmanager
    async def sequencing(self) -> AsyncIterator[None]:
        """Run a sequencer and a reader; at the end, wait until everything was read."""
        observer = Metrics().sequencer
        sequencing = Sequencing(
            self.dsn, self.keys.audit, self.written, self.numbered, observer, self.file
        )
        async with sequencing.running():
            await asyncio.sleep(1)
            reading = asyncio.create_task(self.read())
            await asyncio.sleep(0.1)
            yield
            seen = self.numbered.count
            while self.committed:
                seen = await self.numbered.wait(seen, 0.01)
            reading.cancel()
            await asyncio.wait([reading])

    async def run(self, writers: int, seconds: float, every: float = 0.0, *, numbers: bool) -> str:
        """Measure one line of the table."""
        self.committed.clear()
        self.latencies.clear()
        began, worked = monotonic(), process_time()
        async with self.sequencing() if numbers else nullcontext():
            started = monotonic()
            deadline = started + seconds
            await asyncio.gather(*(self.write_until(deadline, every) for _ in range(writers)))
            commits = len(self.committed) + len(self.latencies)
            rate = commits / (monotonic() - started)
            waiting = len(self.committed)
        cpu = (process_time() - worked) / (monotonic() - began)
        line = f"{rate:>10.0f}{waiting:>10}{cpu:>8.2f}"
        if self.latencies:
            cuts = statistics.quantiles(self.latencies, n=100)
            line += f"{cuts[49] * 1e3:>9.1f}{cuts[98] * 1e3:>9.1f}{max(self.latencies) * 1e3:>9.1f}"
        return line


async def catch_up(bank: Bank) -> str:
    """Let a sequencer number what a run without one has left; gives how fast that went."""
    async with Sequencer.connected(bank.dsn, bank.keys.audit) as sequencer:
        await sequencer.take_turn()
        began = monotonic()
        while (await sequencer.number()).count:
            pass
        taken = monotonic() - began
    return f"catching up: {sequencer.position:,} records, {sequencer.position / taken:,.0f}/s"


async def measure(dsn: str, keys: Keys, writers: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pool = await open_pool(dsn, APP_WRITE, writers, 30)
        bank = Bank(dsn, keys, Path(folder), pool)
        print(
            f"{'':>26}{'commits/s':>10}{'behind':>10}{'CPU':>8}{'p50 ms':>9}{'p99 ms':>9}"
            f"{'max ms':>9}"
        )
        print(f"{'without sequencer':>26}{await bank.run(writers, seconds, numbers=False)}")
        caught_up = await catch_up(bank)
        print(f"{'with sequencer':>26}{await bank.run(writers, seconds, numbers=True)}")
        for rate in RATES:
            line = await bank.run(writers, seconds, writers / rate, numbers=True)
            print(f"{f'steady {rate}/s':>26}{line}")
        async with bank.sequencing():
            before = process_time()
            await asyncio.sleep(IDLE_SECONDS)
            idle = (process_time() - before) / IDLE_SECONDS
        print(caught_up)
        print(f"idle: {idle:.1%} of a processor in this process")
        await pool.close()
        began = monotonic()
        found = await verify(dsn, keys.audit, bank.file, lambda *_: None)
        taken = monotonic() - began
        print(f"verify: {found.records:,} records in {taken:.1f} s, {found.records / taken:,.0f}/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--dsn", help="a server on which a database may be created")
    options = parser.parse_args()
    print(machine())
    with server(options.dsn) as dsn, tempfile.TemporaryDirectory() as folder:
        keys = Keys.load(Path(folder), None, None)
        bank = asyncio.run(fresh(dsn, DATABASE))
        asyncio.run(measure(bank, keys, options.writers, options.seconds))
        asyncio.run(drop(dsn, DATABASE))


if __name__ == "__main__":
    main()
