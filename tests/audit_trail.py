"""Writers of audit records and a sequencer, for tests of the chain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.auth.permissions import Role
from app.db.audit import Record, write
from app.db.audit_chain import link_hash
from app.db.audit_verify import BrokenError, Verified, verify
from app.db.database import open_pool
from app.db.head_file import HeadFile
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.redis import Bounded
from app.db.roles import APP_WRITE
from app.db.wake_ups import WakeUps
from app.domain.audit import AuditKind
from app.jobs.sequencing import Sequencing

WAIT_SECONDS_MAX = 30.0


class Seen:
    """What a sequencer told of itself; `app.jobs.sequencing.Observer`."""

    def __init__(self) -> None:
        self.lock = False
        self.position = 0
        self.heads = 0
        self.failures = 0
        self.readers = WakeUps("numbered", None, Bounded(lambda _error: None))

    def holds(self, *, lock: bool) -> None:
        self.lock = lock

    def numbered(self, position: int, _waited_seconds: float) -> None:
        self.position = position

    def signed(self, heads: int) -> None:
        self.heads += heads

    def failed(self) -> None:
        self.failures += 1


class Trail:
    """A bank's audit trail: writes to it as the unit of work does, and looks as the owner."""

    def __init__(
        self,
        dsn: str,
        keys: Keys,
        owner: asyncpg.Connection,
        writers: "asyncpg.Pool[asyncpg.Record]",
        folder: Path,
    ) -> None:
        self.dsn = dsn
        self.keys = keys
        self.owner = owner
        self.writers = writers
        self.folder = folder
        self.file = HeadFile.of(folder, keys.audit)

    def record(self, **given: object) -> Record:
        values: dict[str, object] = {
            "recorded_at": datetime.now(UTC),
            "id": new_id(),
            "kind": AuditKind.WRITE,
            "actor_id": new_id(),
            "role": Role.TELLER,
            "command": "updateCustomer",
            "event": "customer.updated",
            "fields": ("phone",),
            "detail_ciphertext": b"secret",
        }
        return Record(**values | given)  # type: ignore[arg-type]

    async def write(self, *records: Record) -> list[UUID]:
        """Write records, each in a transaction of its own."""
        for record in records:
            async with self.writers.acquire() as connection, connection.transaction():
                await write(connection, self.keys.audit, record)
        return [record.id for record in records]

    async def fill(self, count: int) -> list[UUID]:
        """Write so many records and have them numbered and signed."""
        written = await self.write(*(self.record() for _ in range(count)))
        async with self.sequencing():
            pass  # Whoever stops numbers what is left.
        return written

    @asynccontextmanager
    async def sequencing(
        self, *, file: bool = True
    ) -> AsyncIterator[tuple[Seen, Callable[[], None]]]:
        """Run a sequencer that has its turn; gives what it tells, and what wakes it."""
        async with AsyncExitStack() as stack:
            seen, wake = await stack.enter_async_context(self.standing_by(file=file))
            await until(lambda: seen.lock)
            yield seen, wake

    @asynccontextmanager
    async def standing_by(
        self, *, file: bool = True
    ) -> AsyncIterator[tuple[Seen, Callable[[], None]]]:
        """Run a sequencer, whether it has its turn or not."""
        seen = Seen()
        written = WakeUps("written", None, Bounded(lambda _error: None))
        kept = self.file if file else None
        sequencing = Sequencing(self.dsn, self.keys.audit, written, seen.readers, seen, kept)
        async with sequencing.running():
            yield seen, written.wake

    async def numbered(self) -> list[UUID]:
        """Give the records in the order of their positions, which must be dense."""
        rows = await self.owner.fetch("select position, record_id from audit_link order by 1")
        assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["record_id"] for row in rows]

    async def heads(self) -> set[int]:
        """Give the signed positions: one is signed every second, too, however long it took."""
        return {row[0] for row in await self.owner.fetch("select position from audit_head")}

    async def until_numbered(self, records: Iterable[UUID]) -> None:
        wanted = list(records)

        async def all_numbered() -> bool:
            sql = "select count(*) from audit_link where record_id = any($1)"
            return bool(await self.owner.fetchval(sql, wanted) == len(wanted))

        await until_so(all_numbered)

    async def until_signed(self) -> None:
        """Wait until a head stands at the chain's end."""

        async def all_signed() -> bool:
            sql = "select (select max(position) from audit_head) = max(position) from audit_link"
            return bool(await self.owner.fetchval(sql))

        await until_so(all_signed)

    async def tamper(self, *statements: str) -> None:
        """Change what must not be changed, as the owner of the database can."""
        async with self.owner.transaction():
            await self.owner.execute("set local session_replication_role = replica")
            for statement in statements:
                await self.owner.execute(statement)


class Audited(Trail):
    """A trail that is verified after somebody with the owner's rights changed it."""

    async def verify(self, first: int | None = None, last: int | None = None) -> Verified:
        audit = self.keys.audit
        steps: list[int] = []
        found = await verify(
            self.dsn,
            audit,
            self.file,
            lambda _step, done, _total: steps.append(done),
            first=first,
            last=last,
        )
        assert steps == sorted(steps)
        return found

    async def broken(self, first: int | None = None, last: int | None = None) -> BrokenError:
        with pytest.raises(BrokenError) as caught:
            await self.verify(first, last)
        return caught.value

    async def link(self, position: int) -> asyncpg.Record:
        found = await self.owner.fetchrow("select * from audit_link where position = $1", position)
        assert found is not None
        return found

    async def rehash(self, first: int) -> None:
        """Make the chain consistent again from a position on, as anybody can."""
        before = await self.owner.fetchval(
            "select hash from audit_link where position = $1", first - 1
        )
        rows = await self.owner.fetch(
            "select position, record_id, record_mac from audit_link where position >= $1"
            " order by position",
            first,
        )
        for position, record_id, mac in rows:
            before = link_hash(before, position, record_id, mac)
            await self.tamper(
                f"update audit_link set hash = '\\x{before.hex()}' where position = {position}"
            )


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not is_so():  # noqa: ASYNC110  # What is waited for is not told by an event.
            await asyncio.sleep(0.01)


async def until_so(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until what an asynchronous question answers is true."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await is_so():  # noqa: ASYNC110  # Nor is this.
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_trail(dsn: str, keys: Keys, folder: Path) -> AsyncIterator[Trail]:
    owner = await asyncpg.connect(dsn)
    writers = await open_pool(dsn, APP_WRITE, 16, 30)
    try:
        yield Trail(dsn, keys, owner, writers, folder)
    finally:
        await writers.close()
        await owner.close()
