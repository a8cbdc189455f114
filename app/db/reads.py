"""What was shown of personal data, recorded before the answer leaves.

Operations that end at about the same time are recorded together: whoever comes while a batch is
being written waits for the next one, so that under load one commit serves many answers. A batch is
one statement: its rows in audit_read, one record in audit_record with a hash over them, and that
record's place in the sequencer's queue.

The sequencer is not woken: nobody follows reads as they happen, and what it finds when it next
looks, within a quarter of a second, it numbers in one go.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
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
from app.db.lending import Lender, Unobserved
from app.db.roles import APP_WRITE
from app.domain.audit import AuditKind

_log = structlog.get_logger("bank360.reads")

# Two batches at a time keep the disk busy while the next one gathers.
CONNECTIONS: Final = 2
_BATCH_ROWS_MAX: Final = 5_000
# Rows that wait; more means that the database does not keep up, and every answer would come late.
_WAITING_ROWS_MAX: Final = 50_000
_COMMAND: Final = "read"
_SEPARATOR: Final = " "

COLUMNS: Final = tuple(tables.AuditRead.model_fields)
# What differs between the rows of one operation, and what all of a group have in common.
_OF_ROWS: Final = (("customer_id", "uuid"), ("id", "uuid"), ("shown", "integer"))
_OF_GROUPS: Final = (
    ("actor_id", "uuid"),
    ("role", "text"),
    ("operation", "text"),
    ("fields", "text"),
    ("request_id", "text"),
)
_FIRST: Final = len(audit.COLUMNS) + 2


def _given(first: int, columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"${first + n}::{type_}[]" for n, (_, type_) in enumerate(columns))


_AT: Final = f"${audit.COLUMNS.index('recorded_at') + 1}"
_RECORD: Final = f"${audit.COLUMNS.index('id') + 1}"
# An array of arrays would lose where one list of classes ends, so each is one text.
_INSERT: Final = f"""
with shown as (
    insert into audit_read (customer_id, recorded_at, id, record_id, actor_id, role, operation,
        fields, request_id)
    select customer_id, {_AT}::timestamptz, id, {_RECORD}::uuid, actor_id, role, operation,
        string_to_array(fields, '{_SEPARATOR}'), request_id
    from unnest({_given(_FIRST, _OF_ROWS)}) as one ({", ".join(name for name, _ in _OF_ROWS)})
    join unnest({_given(_FIRST + len(_OF_ROWS), _OF_GROUPS)}) with ordinality
        as together ({", ".join(name for name, _ in _OF_GROUPS)}, shown) using (shown)
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
class _Group:
    """The customers of whom one operation showed the same classes of data, and the rows' ids."""

    actor_id: UUID
    role: str
    operation: str | None
    fields: tuple[str, ...]
    request_id: str
    customers: Sequence[UUID]
    ids: Sequence[UUID]


@dataclass(frozen=True)
class _Waiting:
    """The rows of one operation, and who waits for them."""

    groups: Sequence[_Group]
    size: int
    done: asyncio.Future[None]


def _row_text(customer: str, at: bytes, id_: str, rest: bytes) -> str:
    """Write a row's columns as JSON: ids as hexadecimal, ``rest`` the array of those after them."""
    return f'["{customer}",{at.decode()},"{id_}",{rest[1:].decode()}'


def _hash(texts: Iterable[tuple[str, str, str]]) -> bytes:
    """Hash rows' texts, given with what they are ordered by: the customer and the id."""
    whole = ",".join(text for _, _, text in sorted(texts))
    return sha256(f"[{whole}]".encode()).digest()


def reads_hash(rows: Iterable[Mapping[str, Any] | asyncpg.Record]) -> bytes:
    """Hash rows of audit_read: SHA-256 over their columns as JSON, by customer and id."""
    texts = []
    for row in rows:
        customer, at, id_, *rest = (audit.plain(row[name]) for name in COLUMNS)
        text = _row_text(customer, orjson.dumps(at), id_, orjson.dumps(rest))
        texts.append((customer, id_, text))
    return _hash(texts)


def _hash_of(groups: Iterable[_Group], at: datetime, record: UUID) -> bytes:
    """Give the ``reads_hash`` of rows that are about to be written, what is common written once."""
    texts = []
    at_text = orjson.dumps(audit.plain(at))
    for each in groups:
        known = [record.hex, each.actor_id.hex, each.role, each.operation, each.fields]
        rest = orjson.dumps([*known, each.request_id])
        for customer_id, id_ in zip(each.customers, each.ids, strict=True):
            customer, own = customer_id.hex, id_.hex
            texts.append((customer, own, _row_text(customer, at_text, own, rest)))
    return _hash(texts)


def _grouped(
    viewer: Viewer, exposed: Exposed, operation: str | None, request_id: str
) -> list[_Group]:
    customers: dict[tuple[str, ...], list[UUID]] = {}
    for customer_id, fields in exposed.items():
        customers.setdefault(fields, []).append(customer_id or BANK_ID)
    return [
        _Group(
            viewer.id,
            viewer.role.value,
            operation,
            fields,
            request_id,
            found,
            [new_id() for _ in found],
        )
        for fields, found in customers.items()
    ]


class Reads:
    """Records what viewers are shown."""

    def __init__(self, keys: AuditKeys, observer: ReadsObserver) -> None:
        """Take the keys of audit records."""
        self._keys = keys
        self._observer = observer
        self._waiting: deque[_Waiting] = deque()
        self._rows_waiting = 0
        # Those that look for more to write, and the tasks of all that have not ended.
        self._writing = 0
        self._writers: set[asyncio.Task[None]] = set()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._lender: Lender | None = None

    async def open(self, dsn: str, statement_timeout_seconds: int) -> None:
        """Connect to the database, as the role that only adds to the audit trail."""
        self._pool = await open_pool(dsn, APP_WRITE, CONNECTIONS, statement_timeout_seconds)
        self._lender = Lender(self._pool, CONNECTIONS, Unobserved())

    async def close(self) -> None:
        """Write what still waits, then disconnect."""
        while self._writers:
            await asyncio.wait(self._writers)
        if self._lender is not None and self._pool is not None:
            await self._lender.close()
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
        groups = _grouped(viewer, exposed, operation, request_id)
        waiting = _Waiting(groups, len(exposed), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._rows_waiting += waiting.size
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
        groups = [group for waiting in batch for group in waiting.groups]
        rows = sum(waiting.size for waiting in batch)
        began = perf_counter()
        try:
            await self._write(groups)
        except Exception as error:  # noqa: BLE001  # Whatever it was, the answers must not leave.
            _log.exception("reads not recorded", rows=rows, exc_info=error)
            return False
        self._observer.recorded(rows, perf_counter() - began)
        return True

    def _take(self) -> list[_Waiting]:
        """Take the operations of the next batch: as many as fit, and one at least."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + self._waiting[0].size <= _BATCH_ROWS_MAX):
            waiting = self._waiting.popleft()
            self._rows_waiting -= waiting.size
            # Who gave up while waiting is shown nothing.
            if not waiting.done.done():
                batch.append(waiting)
                size += waiting.size
        return batch

    async def _write(self, groups: Sequence[_Group]) -> None:
        """Write one batch, in a transaction of one statement."""
        assert self._lender is not None
        at, record_id = datetime.now(UTC), new_id()
        record = Record(
            recorded_at=at,
            id=record_id,
            kind=AuditKind.READ,
            command=_COMMAND,
            reads_hash=_hash_of(groups, at, record_id),
        )
        of_rows = [
            [customer for group in groups for customer in group.customers],
            [id_ for group in groups for id_ in group.ids],
            [number for number, group in enumerate(groups, 1) for _ in group.ids],
        ]
        of_groups = [[getattr(group, name) for group in groups] for name, _ in _OF_GROUPS]
        at_fields = [name for name, _ in _OF_GROUPS].index("fields")
        of_groups[at_fields] = [_SEPARATOR.join(group.fields) for group in groups]
        given = [*record.values(), record.mac(self._keys)]
        given[audit.COLUMNS.index("fields")] = []
        async with self._lender.lent() as lent:
            await lent.connection.execute(_INSERT, *given, *of_rows, *of_groups)
