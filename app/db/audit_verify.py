"""Checks the audit trail, and names the first row that is not what the bank wrote.

Reads as the owner of the tables, by position and in batches: memory does not grow with the trail,
and no snapshot is held while the sequencer goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.db.audit import COLUMNS, Record
from app.db.audit_chain import GENESIS, POSITIONS_PER_HEAD, Head, HeadError, link_hash
from app.db.audit_keys import AuditKeys
from app.db.head_file import HeadFile
from app.db.reads import COLUMNS as READ_COLUMNS
from app.db.reads import reads_hash
from app.domain.audit import AuditFault

Progress = Callable[[str, int, int], None]

_BATCH: Final = 1_000
# Records whose reads are fetched together: each may have thousands.
_READS_BATCH: Final = 20
_STEP: Final = "positions"
_RECORD: Final = ", ".join(f"record.{name}" for name in COLUMNS)
# Records are many: each batch finds its own by key, whatever the planner believes of the tables.
_BY_KEY: Final = """
set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off; set jit = off
"""
_AS_PLANNED: Final = "reset enable_hashjoin; reset enable_mergejoin; reset enable_seqscan"
_LINKS: Final = f"""
select link.position, link.record_id as linked_id, link.record_mac, link.hash, {_RECORD},
    record.mac, head.hash as head_hash, head.signed_at, head.signature
from (
    select * from audit_link where position between $1 and $2 order by position limit {_BATCH}
) as link
left join audit_record as record
    on record.recorded_at = link.recorded_at and record.id = link.record_id
left join audit_head as head on head.position = link.position
order by link.position
"""
_READS: Final = f"""
select {", ".join(READ_COLUMNS)} from audit_read
where recorded_at = any($1::timestamptz[]) and record_id = any($2::uuid[])
"""
_LAST: Final = "select max(position) from audit_link"
_HASH_AT: Final = "select hash from audit_link where position = $1"
# Another link that was hashed for this place, or whose place this link was hashed for.
_TWIN: Final = """
select position from audit_link
where position <> $2 and (
    sha256($1 || int8send($2::bigint) || uuid_send(record_id) || record_mac) in (hash, $3)
    or hash = $4
) order by position limit 1
"""
_FOUND_ELSEWHERE: Final = "select recorded_at from audit_record where id = $1"
_HEAD_WITHOUT_LINK: Final = """
select position from audit_head as head
where not exists (select from audit_link as link where link.position = head.position)
order by position limit 1
"""
_PENDING: Final = f"""
select pending.serial, pending.record_id as linked_id, {_RECORD}, record.mac,
    exists (select from audit_link as link where link.record_id = pending.record_id) as is_linked
from (select * from audit_pending where serial > $1 order by serial limit {_BATCH}) as pending
left join audit_record as record
    on record.recorded_at = pending.recorded_at and record.id = pending.record_id
order by pending.serial
"""
_WITHOUT_LINK: Final = """
select record.id from audit_record as record
where not exists (
    select from audit_link as link
    where link.record_id = record.id and link.recorded_at = record.recorded_at
) and not exists (
    select from audit_pending as pending
    where pending.record_id = record.id and pending.recorded_at = record.recorded_at
) order by record.recorded_at, record.id limit 1
"""
_READ_WITHOUT_RECORD: Final = """
select read.id from audit_read as read
where not exists (
    select from audit_record as record
    where record.id = read.record_id and record.recorded_at = read.recorded_at
) order by read.recorded_at, read.id limit 1
"""

Reads = Mapping[UUID, Sequence[Any]]


class RangeError(Exception):
    """The positions to check are not there; says which there are."""


class BrokenError(Exception):
    """The first broken row: where it is, and how it is broken."""

    def __init__(self, where: str, fault: AuditFault, how: str) -> None:
        """Take the row, the kind of fault, and a sentence about it."""
        super().__init__(f"{where}: {fault.value.lower()}: {how}")
        self.where = where
        self.fault = fault


@dataclass(frozen=True)
class Verified:
    """What was checked and found whole.

    ``pending`` counts records without a position and ``kept`` is the position of the head in the
    file, 0 without one; both are None where only a range was checked.
    """

    records: int
    heads: int
    first: int
    last: int
    pending: int | None = None
    kept: int | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        place = f" at positions {self.first} to {self.last}" if self.records else ""
        said = f"the audit trail is whole: {self.records} records{place}, {self.heads} signed heads"
        if self.pending is not None:
            said += f", {self.pending} records not numbered yet"
        if self.kept is not None:
            kept = f"the last head kept is of {self.kept}" if self.kept else "no head is kept"
            said += f"; outside of the database {kept}"
        return said


async def verify(
    dsn: str,
    keys: AuditKeys,
    file: HeadFile,
    progress: Progress,
    *,
    first: int | None = None,
    last: int | None = None,
) -> Verified:
    """Check the trail, or only the links, records and heads at positions ``first`` to ``last``.

    Raises BrokenError for the first row that is broken, and RangeError. What has no position and
    what was cut off at the end is looked for when no ``last`` is given; records without a place,
    in the whole trail, when no ``first`` is given either.
    """
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "bank360 audit"})
    try:
        # The file is written after the database, so what it holds must be there by now.
        kept = _read(file) if last is None else None
        end = await connection.fetchval(_LAST) or 0
        _check_range(first, last, end)
        check = _Check(connection, keys, progress, first or 1, end if last is None else last)
        await check.links()
        if last is None:
            await check.end(kept, file)
            await check.queue()
            if first is None:
                await check.strays()
        return check.verified(kept, is_to_the_end=last is None)
    finally:
        await connection.close()


def _read(file: HeadFile) -> Head | None:
    try:
        return file.read()
    except HeadError as error:
        raise BrokenError(str(file.path), AuditFault.FORGED, str(error)) from error


def _check_range(first: int | None, last: int | None, end: int) -> None:
    if first is not None and last is not None and first > last:
        message = f"--from {first} --to {last}: the first position is after the last"
        raise RangeError(message)
    for option, position in (("--from", first), ("--to", last)):
        if position is not None and position > end:
            message = f"{option} {position}: the last position is {end}"
            raise RangeError(message)


@dataclass
class _Check:
    """One run: `before` is the hash before what comes next, `signed` where the last head was."""

    connection: asyncpg.Connection
    keys: AuditKeys
    progress: Progress
    first: int
    last: int
    before: bytes = GENESIS
    records: int = 0
    heads: int = 0
    pending: int = 0
    signed: int = 0

    def verified(self, kept: Head | None, *, is_to_the_end: bool) -> Verified:
        """Say what was checked."""
        found = self.records, self.heads, self.first, self.last
        if not is_to_the_end:
            return Verified(*found)
        return Verified(*found, self.pending, kept.position if kept else 0)

    async def links(self) -> None:
        """Check the links in their order, each with its record and its head."""
        await self.connection.execute(_BY_KEY)
        position = self.first
        if position > 1:
            before = await self.connection.fetchval(_HASH_AT, position - 1)
            if before is None:
                raise _removed_link(position - 1)
            self.before = before
            self.signed = position - 1
        while position <= self.last:
            rows = await self.connection.fetch(_LINKS, position, self.last)
            reads: Reads = {}
            for n, row in enumerate(rows):
                if row["reads_hash"] is not None and row["id"] not in reads:
                    reads = await self._reads_of(rows[n:])
                await self._link(row, position, reads)
                position += 1
            if not rows:
                raise _removed_link(position)
            self.progress(_STEP, position - self.first, self.last + 1 - self.first)
        await self.connection.execute(_AS_PLANNED)

    async def _reads_of(self, rows: Sequence[Any]) -> Reads:
        """Fetch the reads of the first few records that tell of some."""
        told = [row for row in rows if row["reads_hash"] is not None][:_READS_BATCH]
        found: dict[UUID, list[Any]] = {row["id"]: [] for row in told}
        moments = [row["recorded_at"] for row in told]
        for read in await self.connection.fetch(_READS, moments, list(found)):
            found[read["record_id"]].append(read)
        return found

    async def _link(self, row: Any, position: int, reads: Reads) -> None:
        where = f"position {position}"
        if row["position"] > position:
            raise _removed_link(position)
        expected = link_hash(self.before, position, row["linked_id"], row["record_mac"])
        if expected != row["hash"]:
            raise await self._wrong_link(row, expected, where)
        await self._record(row, where, reads)
        self.before = expected
        self.records += 1
        if row["signature"] is not None:
            self._head(row, position)
        elif position % POSITIONS_PER_HEAD == 0:
            how = f"every {POSITIONS_PER_HEAD}th position has a signed head, and this one's is gone"
            raise BrokenError(where, AuditFault.REMOVED, how)

    async def _wrong_link(self, row: Any, expected: bytes, where: str) -> BrokenError:
        """Tell a link in another's place from one that was changed."""
        await self.connection.execute(_AS_PLANNED)
        given = self.before, row["position"], row["hash"], expected
        twin = await self.connection.fetchval(_TWIN, *given)
        if twin is not None:
            return BrokenError(
                where, AuditFault.SWAPPED, f"its link was exchanged with that of position {twin}"
            )
        how = "its link does not follow from the one before"
        return BrokenError(where, AuditFault.ALTERED, how)

    async def _record(self, row: Any, where: str, reads: Reads) -> None:
        if row["mac"] is None:
            raise await self._missing(row["linked_id"], where)
        if row["mac"] != row["record_mac"]:
            how = f"the keyed hash of record {row['id']} is not the one in the chain"
            raise BrokenError(where, AuditFault.ALTERED, how)
        if not self._is_ours(row):
            how = (
                f"the content of record {row['id']} is not what its keyed hash was made of: it was"
                " changed, or put in without the bank's key"
            )
            raise BrokenError(where, AuditFault.ALTERED, how)
        if row["reads_hash"] is not None and reads_hash(reads[row["id"]]) != row["reads_hash"]:
            how = f"reads that record {row['id']} tells of were changed, taken away or put in"
            raise BrokenError(where, AuditFault.ALTERED, how)

    async def _missing(self, record_id: UUID, where: str) -> BrokenError:
        await self.connection.execute(_AS_PLANNED)
        if await self.connection.fetchval(_FOUND_ELSEWHERE, record_id) is None:
            return BrokenError(where, AuditFault.REMOVED, f"record {record_id} is gone")
        how = f"record {record_id} has another time than its link"
        return BrokenError(where, AuditFault.ALTERED, how)

    def _is_ours(self, row: Any) -> bool:
        """Tell whether a record's keyed hash is that of its content."""
        # What no record of ours can hold makes Record refuse it.
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            return bool(Record.of_row(row).mac(self.keys) == row["mac"])
        return False

    def _head(self, row: Any, position: int) -> None:
        head = Head(position, row["head_hash"], row["signed_at"], row["signature"])
        where = f"head of position {position}"
        if not head.is_signed(self.keys):
            raise BrokenError(where, AuditFault.FORGED, "its signature is not of the bank's key")
        if head.hash != self.before:
            how = f"it was signed over another chain: links after {self.signed} were replaced"
            raise BrokenError(where, AuditFault.FORGED, how)
        self.signed = position
        self.heads += 1

    async def end(self, kept: Head | None, file: HeadFile) -> None:
        """Look for signed heads of positions that are gone, in the database and in the file."""
        beyond = await self.connection.fetchval(_HEAD_WITHOUT_LINK)
        if beyond is not None:
            raise _cut_off(self.last, f"the head of position {beyond}")
        if kept is None:
            return
        if kept.position > self.last:
            raise _cut_off(self.last, f"the head of position {kept.position} in {file.path}")
        if await self.connection.fetchval(_HASH_AT, kept.position) != kept.hash:
            where = f"head of position {kept.position} in {file.path}"
            how = "it was signed over another chain: links before it were replaced"
            raise BrokenError(where, AuditFault.FORGED, how)

    async def queue(self) -> None:
        """Check the records that have no position yet."""
        await self.connection.execute(_BY_KEY)
        serial = 0
        while rows := await self.connection.fetch(_PENDING, serial):
            for row in rows:
                serial = row["serial"]
                where = f"record {row['linked_id']}, not numbered yet"
                if row["mac"] is None:
                    raise BrokenError(where, AuditFault.REMOVED, "it is gone")
                if row["is_linked"]:
                    how = "it has a position already"
                    raise BrokenError(where, AuditFault.INSERTED, how)
                if not self._is_ours(row):
                    how = "its keyed hash was made without the bank's key, or of other content"
                    raise BrokenError(where, AuditFault.INSERTED, how)
                self.pending += 1
        await self.connection.execute(_AS_PLANNED)

    async def strays(self) -> None:
        """Look for records that have no way into the chain, and for reads that no record tells."""
        stray = await self.connection.fetchval(_WITHOUT_LINK)
        if stray is not None:
            where, how = f"record {stray}", "it has no position, and does not wait for one"
            raise BrokenError(where, AuditFault.INSERTED, how)
        read = await self.connection.fetchval(_READ_WITHOUT_RECORD)
        if read is not None:
            where, how = f"read {read}", "no record tells of it"
            raise BrokenError(where, AuditFault.INSERTED, how)


def _removed_link(position: int) -> BrokenError:
    return BrokenError(f"position {position}", AuditFault.REMOVED, "its link is gone")


def _cut_off(last: int, witness: str) -> BrokenError:
    how = f"the end of the trail was cut off: it ends at {last}, and there is {witness}"
    return BrokenError(f"position {last + 1}", AuditFault.REMOVED, how)
