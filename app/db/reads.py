"""What was shown of personal data, recorded before the answer leaves.

Operations that end at about the same time are recorded together: whoever comes while a batch is
being written waits for the next one, so that under load one commit serves many answers. A batch is
one statement: its rows in audit_read, one record in audit_record with a hash over them, and that
record's place in the sequencer's queue.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from time import perf_counter
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import orjson
import structlog

from app.auth.viewer import Viewer
from app.db import audit, tables
from app.db.audit import Record
from app.db.audit_keys import AuditKeys
from app.db.bank_itself import BANK_ID
from app.db.database import close_pool, open_pool
from app.db.ids import new_id
from app.db.roles import APP_WRITE
from app.domain.audit import AuditKind

_log = structlog.get_logger("bank360.reads")

# Two batches at a time keep the disk busy while the next one gathers.
CONNECTIONS: Final = 2
_BATCH_ROWS_MAX: Final = 5_000
# Rows that wait; more means that the database does not keep up, and every answer would come late.
_WAITING_ROWS_MAX: Final = 50_000
_ACQUIRE_TIMEOUT_SECONDS: Final = 5
_COMMAND: Final = "read"
_SEPARATOR: Final = " "

COLUMNS: Final = tuple(tables.AuditRead.model_fields)
_OF_READS: Final = (
    ("customer_id", "uuid"),
    ("id", "uuid"),
    ("actor_id", "uuid"),
    ("role", "text"),
    ("operation", "text"),
    ("fields", "text"),
    ("request_id", "text"),
)
_FIRST: Final = len(audit.COLUMNS) + 2
_ARRAYS: Final = ", ".join(f"${_FIRST + n}::{type_}[]" for n, (_, type_) in enumerate(_OF_READS))
_NAMES: Final = ", ".join(name for name, _ in _OF_READS)
_AT: Final = f"${audit.COLUMNS.index('recorded_at') + 1}"
_RECORD: Final = f"${audit.COLUMNS.index('id') + 1}"
# An array of arrays would lose where one list of classes ends, so each is one text.
_INSERT: Final = f"""
with shown as (
    insert into audit_read (customer_id, recorded_at, id, record_id, actor_id, role, operation,
        fields, request_id)
    select customer_id, {_AT}::timestamptz, id, {_RECORD}::uuid, actor_id, role, operation,
        string_to_array(fields, '{_SEPARATOR}'), request_id
    from unnest({_ARRAYS}) as given ({_NAMES})
), {audit.INSERT.strip().removeprefix("with")}
"""

Exposed = Mapping[UUID | None, tuple[str, ...]]


class ReadsNotRecordedError(Exception):
    """What was read could not be recorded, so it must not be shown; trying again may help."""


class ReadsObserver(Protocol):
    """Is told what happens to records of reads."""

    def recorded(self, rows: int, seconds: float) -> None:
        """Tell that a batch of so many rows was written in ``seconds``."""

    def waited(self, seconds: float) -> None:
        """Tell that an answer waited so long for its record."""

    def failed(self) -> None:
        """Tell that an answer was held back, because its record was not written."""


@dataclass(frozen=True)
class _Waiting:
    """The rows of one operation, and who waits for them."""

    rows: list[dict[str, Any]]
    done: asyncio.Future[None]


def reads_hash(rows: Iterable[Mapping[str, Any] | asyncpg.Record]) -> bytes:
    """Hash rows of audit_read: SHA-256 over their columns as JSON, by customer and id."""
    ordered = sorted(rows, key=lambda row: (row["customer_id"].bytes, row["id"].bytes))
    plain = [[audit.plain(row[name]) for name in COLUMNS] for row in ordered]
    return sha256(orjson.dumps(plain)).digest()


class Reads:
    """Records what viewers are shown."""

    def __init__(
        self, keys: AuditKeys, observer: ReadsObserver, wake: Callable[[], None] = lambda: None
    ) -> None:
        """Take the keys of audit records; ``wake`` is called after each batch is committed."""
        self._keys = keys
        self._observer = observer
        self._wake = wake
        self._waiting: deque[_Waiting] = deque()
        self._rows_waiting = 0
        # Those that look for more to write, and the tasks of all that have not ended.
        self._writing = 0
        self._writers: set[asyncio.Task[None]] = set()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self, dsn: str, statement_timeout_seconds: int) -> None:
        """Connect to the database, as the role that only adds to the audit trail."""
        self._pool = await open_pool(dsn, APP_WRITE, CONNECTIONS, statement_timeout_seconds)

    async def close(self) -> None:
        """Write what still waits, then disconnect."""
        while self._writers:
            await asyncio.wait(self._writers)
        if self._pool is not None:
            await close_pool(self._pool)

    async def record(
        self, viewer: Viewer, exposed: Exposed, operation: str | None, request_id: str
    ) -> None:
        """Record what a viewer is about to be shown; returns once that is durable.

        ``exposed`` has the classes of data that are shown of each customer; None stands for the
        bank, whose audit trail is nobody's. Raises ReadsNotRecordedError. When it is cancelled
        the record may be written all the same: a read too many, never one too few.
        """
        if not exposed:
            return
        began = perf_counter()
        if self._waiting and self._rows_waiting + len(exposed) > _WAITING_ROWS_MAX:
            self._observer.failed()
            raise ReadsNotRecordedError
        rows = [
            {
                "customer_id": customer_id or BANK_ID,
                "id": new_id(),
                "actor_id": viewer.id,
                "role": viewer.role.value,
                "operation": operation,
                "fields": list(fields),
                "request_id": request_id,
            }
            for customer_id, fields in exposed.items()
        ]
        waiting = _Waiting(rows, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._rows_waiting += len(rows)
        if self._writing < CONNECTIONS:
            # A task of its own: the batch outlives any operation in it that is given up.
            self._writing += 1
            writer = asyncio.create_task(self._write_all())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        try:
            await waiting.done
        except ReadsNotRecordedError:
            self._observer.failed()
            raise
        self._observer.waited(perf_counter() - began)

    async def _write_all(self) -> None:
        """Write batches until nothing waits."""
        try:
            while batch := self._take():
                written = await self._try(batch)
                for waiting in batch:
                    if waiting.done.done():
                        continue
                    if written:
                        waiting.done.set_result(None)
                    else:
                        waiting.done.set_exception(ReadsNotRecordedError())
        finally:
            self._writing -= 1

    async def _try(self, batch: Sequence[_Waiting]) -> bool:
        """Write a batch; tells whether it is durable."""
        rows = [row for waiting in batch for row in waiting.rows]
        began = perf_counter()
        try:
            await self._write(rows)
        except Exception as error:  # noqa: BLE001  # Whatever it was, the answers must not leave.
            _log.exception("reads not recorded", rows=len(rows), exc_info=error)
            return False
        self._observer.recorded(len(rows), perf_counter() - began)
        self._wake()
        return True

    def _take(self) -> list[_Waiting]:
        """Take the operations of the next batch: as many as fit, and one at least."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].rows) <= _BATCH_ROWS_MAX):
            waiting = self._waiting.popleft()
            self._rows_waiting -= len(waiting.rows)
            # Who gave up while waiting is shown nothing.
            if not waiting.done.done():
                batch.append(waiting)
                size += len(waiting.rows)
        return batch

    async def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write one batch, in a transaction of one statement."""
        assert self._pool is not None
        at, record_id = datetime.now(UTC), new_id()
        whole = [{**row, "recorded_at": at, "record_id": record_id} for row in rows]
        record = Record(
            recorded_at=at,
            id=record_id,
            kind=AuditKind.READ,
            command=_COMMAND,
            reads_hash=reads_hash(whole),
        )
        columns = [[row[name] for row in rows] for name, _ in _OF_READS]
        at_fields = [name for name, _ in _OF_READS].index("fields")
        columns[at_fields] = [_SEPARATOR.join(row["fields"]) for row in rows]
        given = [*record.values(), record.mac(self._keys)]
        given[audit.COLUMNS.index("fields")] = []
        async with self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_SECONDS) as connection:
            await connection.execute(_INSERT, *given, *columns)
