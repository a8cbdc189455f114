"""What became of promises: which a code was sent for, and which a transfer used."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import SQLModel

from app.db.tables import columns


class TransferPromise(SQLModel, table=True):
    """A promise of what a transfer will be asked for, from when it first matters.

    A code is stored as a keyed digest. ``actor_id`` is whoever orders; nobody's customer.
    """

    __tablename__ = "transfer_promise"
    __table_args__ = (
        CheckConstraint("(sent_at is null) = (code_digest is null)", name="code_sent"),
        CheckConstraint("wrong_codes >= 0", name="wrong_codes"),
        Index("ix_transfer_promise_valid_until", "valid_until"),
    )

    actor_id: UUID = columns.key()
    id: UUID = columns.key()
    valid_until: datetime = columns.moment()
    code_digest: bytes | None = columns.binary(null=True)
    sent_at: datetime | None = columns.moment(null=True)
    wrong_codes: int = columns.integer(default="0")
    used_at: datetime | None = columns.moment(null=True)
