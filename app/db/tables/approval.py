"""Requests for a second person."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from app.auth.permissions import Role
from app.db.tables import columns
from app.domain.approval import ApprovalReason, ApprovalState


class Approval(SQLModel, table=True):
    """A command that waits for a second person, or waited.

    ``base`` is what the maker's decision rested upon, as JSON without personal data: versions of
    rows. The command itself, what it would change, and the checker's words are encrypted with the
    customer's key.
    """

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("expires_at > requested_at", name="expires_at"),
        CheckConstraint("cardinality(required_roles) > 0", name="required_roles"),
        CheckConstraint("(state = 'PENDING') = (decided_at is null)", name="decided_at"),
        CheckConstraint(
            "state not in ('APPROVED', 'REJECTED', 'WITHDRAWN') or decided_by is not null",
            name="decided_by",
        ),
        # The rule itself, whatever a program gets wrong: nobody decides what they asked for.
        CheckConstraint(
            "decided_by is null or (decided_by = maker_id) = (state = 'WITHDRAWN')",
            name="four_eyes",
        ),
        Index("ix_approval_requested_at_id", "requested_at", "id"),
        Index("ix_approval_expires_at_id", "expires_at", "id"),
        Index("ix_approval_state_requested_at_id", "state", "requested_at", "id"),
        Index("ix_approval_state_expires_at_id", "state", "expires_at", "id"),
        Index("ix_approval_maker_id_requested_at_id", "maker_id", "requested_at", "id"),
        Index("ix_approval_customer_id_requested_at_id", "customer_id", "requested_at", "id"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    command: str = columns.text()
    reason: str = columns.closed("reason", ApprovalReason)
    state: str = columns.closed("state", ApprovalState)
    maker_id: UUID = columns.uuid()
    maker_role: str = columns.closed("maker_role", Role)
    required_roles: list[str] = columns.texts()
    base: str = columns.text()
    payload_ciphertext: bytes = columns.ciphertext(null=False)
    diff_ciphertext: bytes = columns.ciphertext(null=False)
    requested_at: datetime = columns.moment()
    expires_at: datetime = columns.moment()
    decided_at: datetime | None = columns.moment(null=True)
    decided_by: UUID | None = columns.uuid(null=True)
    decided_role: str | None = columns.closed("decided_role", Role, null=True)
    # Why it was rejected, in the words of the checker; and what it would have changed once stale.
    answer_ciphertext: bytes | None = columns.ciphertext()
    fresh_diff_ciphertext: bytes | None = columns.ciphertext()
    # What the command made or changed once it was approved, by the parts of its global id.
    result_prefix: str | None = columns.text(null=True)
    result_owner: UUID | None = columns.uuid(null=True)
    result_id: UUID | None = columns.uuid(null=True)
    version: int = columns.integer(default="1")
