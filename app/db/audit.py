"""Audit records: what stands in one, and how it is hashed and written."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from app.auth.permissions import Role
from app.db.audit_keys import AuditKeys
from app.domain.audit import AuditKind

Connection: TypeAlias = "asyncpg.Connection | PoolConnectionProxy[asyncpg.Record]"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of audit_record, without its mac; see app.db.tables.audit."""

    recorded_at: datetime
    id: UUID
    kind: AuditKind
    actor_id: UUID | None = None
    role: Role | None = None
    command: str
    payload_hash: bytes | None = None
    customer_id: UUID | None = None
    subject_prefix: str | None = None
    subject_id: UUID | None = None
    event: str | None = None
    fields: tuple[str, ...] = ()
    detail_ciphertext: bytes | None = None
    reads_hash: bytes | None = None
    request_id: str | None = None

    def mac(self, keys: AuditKeys) -> bytes:
        """Give the keyed hash of all columns."""
        return keys.mac(orjson.dumps([plain(value) for value in self.values()]))

    def values(self) -> list[Any]:
        """Give the columns' values, in the order of COLUMNS."""
        return [getattr(self, name) for name in COLUMNS]

    @classmethod
    def of_row(cls, row: Any) -> "Record":
        """Read a row of the table."""
        values = {name: row[name] for name in COLUMNS}
        values["kind"] = AuditKind[values["kind"]]
        values["role"] = Role[values["role"]] if values["role"] else None
        return cls(**values | {"fields": tuple(values["fields"])})


COLUMNS: Final = tuple(field.name for field in fields(Record))
_NAMES: Final = ", ".join(COLUMNS)
_PLACES: Final = ", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))
INSERT: Final = f"""
with record as (
    insert into audit_record ({_NAMES}, mac) values ({_PLACES}, ${len(COLUMNS) + 1})
)
insert into audit_pending (recorded_at, record_id) values ($1, $2)
"""


INSERT_ALL: Final = f"""
with given as materialized (
    select * from unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::uuid[], $5::text[],
        $6::text[], $7::bytea[], $8::uuid[], $9::text[], $10::uuid[], $11::text[], $12::text[],
        $13::bytea[], $14::bytea[], $15::text[], $16::bytea[])
        with ordinality as given ({_NAMES}, mac, place)
), record as (
    insert into audit_record ({_NAMES}, mac)
    select {_NAMES.replace(", fields", ", string_to_array(fields, ',')")}, mac from given
)
insert into audit_pending (recorded_at, record_id)
select recorded_at, id from given order by place
"""


def plain(value: Any) -> Any:
    """Give a column's value as JSON has it; no two values of a column give the same."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return value.hex
    return value


async def write(connection: Connection, keys: AuditKeys, record: Record) -> None:
    """Write a record and hand it to the sequencer, in the caller's transaction.

    The last statement of a transaction: the record's serial is then taken while the rows of its
    subject are locked, so that records of one subject are numbered in the order of their commits.
    """
    values = record.values()
    values[COLUMNS.index("fields")] = list(record.fields)
    await connection.execute(INSERT, *values, record.mac(keys))


async def write_all(connection: Connection, keys: AuditKeys, records: Sequence[Record]) -> None:
    """Write many records in one statement, in their order; see ``write``."""
    rows = [
        [
            ",".join(value) if name == "fields" else value
            for name, value in zip(COLUMNS, record.values(), strict=True)
        ]
        for record in records
    ]
    columns = [[row[place] for row in rows] for place in range(len(COLUMNS))]
    await connection.execute(INSERT_ALL, *columns, [record.mac(keys) for record in records])
