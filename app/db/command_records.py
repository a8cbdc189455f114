"""The audit records of a command: its own, that of what was approved, and those beside."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID

import orjson

from app.db import audit
from app.db.bank_itself import BANK_ID
from app.db.commands import Change, Command, Maker
from app.db.ids import new_id
from app.domain.audit import AuditKind

if TYPE_CHECKING:
    from app.db.unit_of_work import Unit

_PLACE_OF_DETAIL: Final = "audit_record.detail_ciphertext"

# A record's id, whose command it is (None is the bank's own doing), its hash, and what it did.
_Told = tuple[UUID, Command, Maker | None, bytes, Change]


async def write(unit: "Unit", change: Change, payload_hash: bytes, request_id: str) -> None:
    """Write the records of a command that was carried out, as its last statements."""
    for told in _told(unit, change, payload_hash):
        await audit.write(
            unit.connection, unit.keys.audit, await _record(unit, told, request_id=request_id)
        )


def _told(unit: "Unit", change: Change, payload_hash: bytes) -> Iterator[_Told]:
    actor = Maker(unit.viewer.id, unit.viewer.role)
    yield unit.record_id, unit.command, actor, payload_hash, change
    if (effect := change.effect) is not None:
        effect_hash = unit.keys.audit.mac(effect.command.content)
        yield new_id(), effect.command, effect.maker, effect_hash, effect.change
    for beside in unit.beside:
        by = None if beside.by_bank else actor
        yield beside.record_id, unit.command, by, payload_hash, beside.change


async def _record(unit: "Unit", told: _Told, *, request_id: str) -> audit.Record:
    record_id, command, actor, payload_hash, change = told
    sealed = None
    if change.detail is not None:
        cipher = await unit.open_cipher(change.customer_id or BANK_ID)
        assert cipher is not None, "detail of an erased customer"
        detail = orjson.dumps(change.detail, default=str).decode()
        sealed = cipher.encrypt(_PLACE_OF_DETAIL, record_id, detail)
    return audit.Record(
        recorded_at=unit.at,
        id=record_id,
        kind=AuditKind.WRITE,
        actor_id=None if actor is None else actor.id,
        role=None if actor is None else actor.role,
        command=command.name,
        payload_hash=payload_hash,
        customer_id=change.customer_id,
        subject_prefix=change.made.prefix,
        subject_id=change.made.id,
        event=change.event,
        fields=tuple(change.fields),
        detail_ciphertext=sealed,
        request_id=request_id,
    )
