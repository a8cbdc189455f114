"""The way from one audit record to the next signed head, for whoever wants to check it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.db.audit_chain import GENESIS, Head

Run = Callable[[str, Sequence[Any]], Awaitable[Sequence[Any]]]

# A row for each link from the one before the record's to the head's, or the record's own.
_PATH: Final = """
with record as (select position from audit_link where record_id = $1),
head as (
    select * from audit_head where position >= (select position from record)
    order by position limit 1
)
select link.position, link.record_id, link.record_mac, link.hash,
    head.hash as head_hash, head.signed_at, head.signature
from audit_link as link left join head on head.position = link.position
where link.position between (select position from record) - 1
    and coalesce((select position from head), (select position from record))
order by link.position
"""


@dataclass(frozen=True)
class Step:
    """A record on the way, as the chain's hash takes it in."""

    position: int
    record_id: UUID
    record_mac: bytes


@dataclass(frozen=True)
class Proof:
    """The record's step first; the last is that of the head, which may not be signed yet."""

    previous: bytes
    steps: Sequence[Step]
    head: Head | None


async def prove(run: Run, record_id: UUID) -> Proof | None:
    """Give the proof of a record, or None where no record with the id has a position."""
    rows = await run(_PATH, [record_id])
    first = next((n for n, row in enumerate(rows) if row["record_id"] == record_id), None)
    if first is None:
        return None
    steps = [Step(row["position"], row["record_id"], row["record_mac"]) for row in rows[first:]]
    last = rows[-1]
    head = None
    if last["signature"] is not None:
        head = Head(last["position"], last["head_hash"], last["signed_at"], last["signature"])
    return Proof(rows[0]["hash"] if first else GENESIS, steps, head)
