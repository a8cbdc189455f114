"""Numbers audit records: takes what is pending, and gives each record its place in the chain.

Only whoever holds an advisory lock of the session numbers. The lock and the work share one
connection, so that whoever loses the lock can no longer write either.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from app.db.audit_chain import GENESIS, POSITIONS_PER_HEAD, Head, link_hash
from app.db.audit_keys import AuditKeys
from app.db.roles import JOBS

# One statement's work: short enough to stop between two, and memory stays bounded.
BATCH: Final = 512
# What a record that was taken away before it was numbered is linked with: its loss is then named.
NO_MAC: Final = bytes(32)
# Any fixed number that no other use of advisory locks in this database takes.
_LOCK: Final = 7_236_036_014
_CONNECT_TIMEOUT_SECONDS: Final = 10
_COMMAND_TIMEOUT_SECONDS: Final = 30
_CLOSE_TIMEOUT_SECONDS: Final = 2
_SESSION: Final = {
    "role": JOBS,
    "application_name": "bank360 sequencer",
    "statement_timeout": f"{_COMMAND_TIMEOUT_SECONDS}s",
    # PostgreSQL gives the lock of a machine that vanished to the next one within half a minute.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # The queue is empty whenever it is analysed, and records are many: only indexes will do.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

_TRY_LOCK: Final = "select pg_try_advisory_lock($1)"
_LAST_LINK: Final = "select position, hash from audit_link order by position desc limit 1"
_LAST_HEAD: Final = """
select position, hash, signed_at, signature from audit_head order by position desc limit 1
"""
_HASH_AT: Final = "select hash from audit_link where position = $1"
_PENDING: Final = """
select pending.serial, pending.recorded_at, pending.record_id, record.mac
from (select * from audit_pending order by serial limit $1) as pending
left join audit_record as record
    on record.recorded_at = pending.recorded_at and record.id = pending.record_id
order by pending.serial
"""
# One statement is one transaction: links appear when their records stop being pending.
_NUMBER: Final = """
with numbered as (delete from audit_pending where serial = any($1::bigint[])),
signed as (
    insert into audit_head (position, hash, signed_at, signature)
    select * from unnest($7::bigint[], $8::bytea[], $9::timestamptz[], $10::bytea[])
    on conflict do nothing
)
insert into audit_link (position, recorded_at, record_id, record_mac, hash)
select * from unnest($2::bigint[], $3::timestamptz[], $4::uuid[], $5::bytea[], $6::bytea[])
"""
# A head that somebody put past the chain's end stays where it is, for the audit to find.
_SIGN: Final = """
insert into audit_head (position, hash, signed_at, signature) values ($1, $2, $3, $4)
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Numbered:
    """What one batch did: how many records got a position, and which heads were signed.

    ``oldest`` is when the first of them was recorded; ``missing`` of them were gone.
    """

    count: int
    oldest: datetime | None = None
    heads: int = 0
    missing: int = 0

    @property
    def has_more(self) -> bool:
        """Whether there may be more to number at once."""
        return self.count == BATCH


@dataclass
class Sequencer:
    """One connection in the role ``jobs``; it numbers once it has the lock."""

    connection: asyncpg.Connection
    keys: AuditKeys
    position: int = 0
    hash: bytes = GENESIS
    head: Head | None = None

    @classmethod
    @asynccontextmanager
    async def connected(cls, dsn: str, keys: AuditKeys) -> AsyncIterator["Sequencer"]:
        """Open the connection; it is closed, and the lock given up, at the end."""
        connection = await asyncpg.connect(
            dsn,
            timeout=_CONNECT_TIMEOUT_SECONDS,
            command_timeout=_COMMAND_TIMEOUT_SECONDS,
            server_settings=_SESSION,
        )
        try:
            yield cls(connection, keys)
        finally:
            try:
                await connection.close(timeout=_CLOSE_TIMEOUT_SECONDS)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def take_turn(self) -> bool:
        """Take the lock and read where the chain ends; gives False while somebody else has it.

        It is asked for again and again rather than waited for: a waiting statement would hold a
        snapshot, and with it every dead row of the database, for as long as it waits.
        """
        if not await self.connection.fetchval(_TRY_LOCK, _LOCK):
            return False
        last = await self.connection.fetchrow(_LAST_LINK)
        if last is not None:
            self.position, self.hash = last
        head = await self.connection.fetchrow(_LAST_HEAD)
        if head is not None:
            self.head = Head(*head)
        return True

    async def holds(self, head: Head) -> bool:
        """Tell whether the chain has this hash at the head's position."""
        return bool(await self.connection.fetchval(_HASH_AT, head.position) == head.hash)

    async def number(self) -> Numbered:
        """Give the next batch of pending records their positions, oldest serial first."""
        rows = await self.connection.fetch(_PENDING, BATCH)
        if not rows:
            return Numbered(0)
        positions = range(self.position + 1, self.position + 1 + len(rows))
        macs = [row["mac"] or NO_MAC for row in rows]
        hashes = []
        tip = self.hash
        for position, row, mac in zip(positions, rows, macs, strict=True):
            tip = link_hash(tip, position, row["record_id"], mac)
            hashes.append(tip)
        heads = self._heads(positions, hashes)
        await self.connection.execute(
            _NUMBER,
            [row["serial"] for row in rows],
            positions,
            [row["recorded_at"] for row in rows],
            [row["record_id"] for row in rows],
            macs,
            hashes,
            *_columns(heads),
        )
        self.position, self.hash = positions[-1], tip
        if heads:
            self.head = heads[-1]
        oldest = min(row["recorded_at"] for row in rows)
        return Numbered(len(rows), oldest, len(heads), macs.count(NO_MAC))

    def _heads(self, positions: range, hashes: Sequence[bytes]) -> tuple[Head, ...]:
        """Sign every position that is a multiple: heads that everybody can expect."""
        now = datetime.now(UTC)
        return tuple(
            Head.sign(self.keys, position, hash_, now)
            for position, hash_ in zip(positions, hashes, strict=True)
            if position % POSITIONS_PER_HEAD == 0
        )

    @property
    def is_unsigned(self) -> bool:
        """Whether the chain goes on after its last head."""
        return self.position > 0 and (self.head is None or self.head.position != self.position)

    async def sign(self) -> None:
        """Sign the chain's end."""
        head = Head.sign(self.keys, self.position, self.hash, datetime.now(UTC))
        await self.connection.execute(
            _SIGN, head.position, head.hash, head.signed_at, head.signature
        )
        self.head = head


def _columns(heads: Sequence[Head]) -> tuple[list[Any], ...]:
    return (
        [head.position for head in heads],
        [head.hash for head in heads],
        [head.signed_at for head in heads],
        [head.signature for head in heads],
    )
