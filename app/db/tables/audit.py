"""The audit trail, which is also what events are read from, and the keys that make writes safe.

Records, reads, links and heads are never changed or deleted.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from app.auth.permissions import Role
from app.db.tables import columns
from app.domain.audit import AuditKind

_IS_WRITE: Final = text(f"kind = '{AuditKind.WRITE.value}'")


class AuditRecord(SQLModel, table=True):
    """One thing that somebody did, written in the transaction that did it.

    ``detail_ciphertext`` is encrypted with the customer's key, or with the bank's where no
    customer is concerned; ``mac`` is a keyed hash of all other columns (app.db.audit).
    """

    __tablename__ = "audit_record"
    __table_args__ = (
        # Without the records of batches of reads, which are many and read one by one.
        Index("ix_audit_record_recorded_at_id", "recorded_at", "id", postgresql_where=_IS_WRITE),
        Index("ix_audit_record_id", "id", postgresql_where=_IS_WRITE),
        Index("ix_audit_record_customer_id_recorded_at_id", "customer_id", "recorded_at", "id"),
        Index("ix_audit_record_actor_id_recorded_at_id", "actor_id", "recorded_at", "id"),
        {"postgresql_partition_by": "RANGE (recorded_at)"},
    )

    recorded_at: datetime = columns.moment(primary_key=True)
    id: UUID = columns.key()
    kind: str = columns.closed("kind", AuditKind)
    actor_id: UUID | None = columns.uuid(null=True)
    role: str | None = columns.closed("role", Role, null=True)
    command: str = columns.text()
    payload_hash: bytes | None = columns.binary(null=True)
    customer_id: UUID | None = columns.uuid(null=True)
    subject_prefix: str | None = columns.text(null=True)
    subject_id: UUID | None = columns.uuid(null=True)
    event: str | None = columns.text(null=True)
    # Names of the fields that were changed, or of the classes of fields that were shown.
    fields: list[str] = columns.texts()
    detail_ciphertext: bytes | None = columns.ciphertext()
    # Of a batch of reads: a hash of its rows in audit_read.
    reads_hash: bytes | None = columns.binary(null=True)
    request_id: str | None = columns.text(null=True)
    mac: bytes = columns.binary()


class AuditPending(SQLModel, table=True):
    """A record that has no position yet; the sequencer takes it away.

    ``serial`` rises among the records of one subject, whose row their transactions lock.
    """

    __tablename__ = "audit_pending"

    serial: int = columns.serial()
    recorded_at: datetime = columns.moment()
    record_id: UUID = columns.uuid()


class AuditLink(SQLModel, table=True):
    """A record's place in the one chain: positions are dense and in the order of commits.

    ``hash`` is SHA-256 over the link before, the position, and the record's id and mac.
    """

    __tablename__ = "audit_link"
    __table_args__ = (
        CheckConstraint("position > 0", name="position"),
        Index("ix_audit_link_record_id", "record_id", unique=True),
    )

    position: int = columns.bigint(primary_key=True)
    recorded_at: datetime = columns.moment()
    record_id: UUID = columns.uuid()
    record_mac: bytes = columns.binary()
    hash: bytes = columns.binary()


class AuditHead(SQLModel, table=True):
    """The chain's end at a moment, signed with the bank's audit key (Ed25519)."""

    __tablename__ = "audit_head"

    position: int = columns.bigint(primary_key=True)
    hash: bytes = columns.binary()
    signed_at: datetime = columns.moment()
    signature: bytes = columns.binary()


class AuditRead(SQLModel, table=True):
    """What somebody was shown of one customer's personal data by one operation."""

    __tablename__ = "audit_read"
    __table_args__ = (
        Index("ix_audit_read_recorded_at_id", "recorded_at", "id"),
        Index("ix_audit_read_actor_id_recorded_at_id", "actor_id", "recorded_at", "id"),
        {"postgresql_partition_by": "RANGE (recorded_at)"},
    )

    customer_id: UUID = columns.owner_key()
    recorded_at: datetime = columns.moment(primary_key=True)
    id: UUID = columns.key()
    record_id: UUID = columns.uuid()
    actor_id: UUID = columns.uuid()
    role: str = columns.closed("role", Role)
    operation: str | None = columns.text(null=True)
    # The permissions that guard what was shown: the classes of fields.
    fields: list[str] = columns.texts()
    request_id: str | None = columns.text(null=True)


class IdempotencyKey(SQLModel, table=True):
    """What became of a command, so that sending it again does nothing again.

    Either ``result_id`` names what it made or changed, or ``problem`` is the refusal (JSON).
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (
        CheckConstraint("(problem is null) = (result_id is not null)", name="one_outcome"),
        Index("ix_idempotency_key_recorded_at", "recorded_at"),
    )

    actor_id: UUID = columns.key()
    key: str = columns.text(primary_key=True)
    command: str = columns.text()
    payload_hash: bytes = columns.binary()
    recorded_at: datetime = columns.moment()
    result_prefix: str | None = columns.text(null=True)
    result_owner: UUID | None = columns.uuid(null=True)
    result_id: UUID | None = columns.uuid(null=True)
    problem: str | None = columns.text(null=True)
