"""Tickets with their history, contacts with customers, and segments."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import BOOLEAN, CheckConstraint, Column, ForeignKeyConstraint, Index
from sqlalchemy import text as literal_sql
from sqlmodel import Field, SQLModel

from app.db.tables import columns
from app.domain.customer import DataSource
from app.domain.service import (
    CallOutcome,
    CallPurpose,
    Channel,
    InteractionKind,
    TicketCategory,
    TicketEventKind,
    TicketPriority,
    TicketResolution,
    TicketStatus,
    TicketTopic,
)
from app.domain.service_level import NEVER, Milestone


def _to_ticket() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["customer_id", "ticket_id"], ["ticket.customer_id", "ticket.id"])


# Conditions of indexes, which queries repeat word for word to be served by them.
WAITING: Final = literal_sql("status = 'OPEN' and assignee_id is null")
DUE_SOON_UNTOLD: Final = literal_sql("running_since is not null and due_soon_told_at is null")
BREACH_UNTOLD: Final = literal_sql("running_since is not null and breach_told_at is null")
GIVEN: Final = literal_sql(
    "status = 'IN_PROGRESS' and first_answered_at is null and why_assigned is not null"
)


class Ticket(SQLModel, table=True):
    """A customer's request to the service desk.

    Subject and queue are the bank's own words: nothing that a customer writes stands here.
    ``internal_event_count`` of the ``event_count`` steps are for staff only.

    Its clock (app.domain.service_level.ServiceClock): ``worked`` up to ``running_since``. What is
    due next: ``due_for`` at ``due_at``, with ``left_seconds`` of working time when the clock last
    changed, and whether that was told. ``urgent_at`` orders a queue: when something is due, and
    the end of time while nothing is. ``why_assigned`` is JSON of app.db.routing.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        CheckConstraint("csat between 1 and 5", name="csat"),
        CheckConstraint("event_count >= 0", name="event_count"),
        CheckConstraint(
            "internal_event_count between 0 and event_count", name="internal_event_count"
        ),
        CheckConstraint(
            "(status in ('RESOLVED', 'CLOSED')) = (resolution is not null)", name="resolution_given"
        ),
        ForeignKeyConstraint(["customer_id", "account_id"], ["account.customer_id", "account.id"]),
        CheckConstraint("running_since is null or left_seconds is not null", name="running_since"),
        Index("ix_ticket_customer_id_opened_at_id", "customer_id", "opened_at", "id"),
        Index("ix_ticket_opened_at_id", "opened_at", "id"),
        Index("ix_ticket_queue_opened_at_id", "queue", "opened_at", "id"),
        Index("ix_ticket_queue_status_opened_at_id", "queue", "status", "opened_at", "id"),
        Index("ix_ticket_queue_closed_at", "queue", "closed_at"),
        Index("ix_ticket_status_opened_at_id", "status", "opened_at", "id"),
        Index("ix_ticket_urgent_at_id", "urgent_at", "id"),
        Index("ix_ticket_queue_urgent_at_id", "queue", "urgent_at", "id"),
        Index("ix_ticket_waiting", "queue", "urgent_at", "id", postgresql_where=WAITING),
        Index("ix_ticket_due_soon_at", "due_soon_at", postgresql_where=DUE_SOON_UNTOLD),
        Index("ix_ticket_due_at", "due_at", postgresql_where=BREACH_UNTOLD),
        Index("ix_ticket_given", "queue", "assignee_id", postgresql_where=GIVEN),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    number: str = columns.text()
    category: str = columns.closed("category", TicketCategory)
    subject: str = columns.text()
    status: str = columns.closed("status", TicketStatus)
    priority: str = columns.closed("priority", TicketPriority)
    channel: str = columns.closed("channel", Channel)
    queue: str = columns.text()
    assignee_id: UUID | None = columns.uuid(null=True, references="staff.id", index=True)
    opened_at: datetime = columns.moment()
    due_at: datetime | None = columns.moment(null=True)
    breached_at: datetime | None = columns.moment(null=True)
    closed_at: datetime | None = columns.moment(null=True)
    resolution: str | None = columns.closed("resolution", TicketResolution, null=True)
    csat: int | None = columns.smallint(null=True)
    event_count: int = columns.integer(default="0")
    version: int = columns.integer(default="1")
    source: str = columns.closed("source", DataSource)
    topic: str | None = columns.closed("topic", TicketTopic, null=True)
    account_id: UUID | None = columns.uuid(null=True)
    first_answered_at: datetime | None = columns.moment(null=True)
    resolved_at: datetime | None = columns.moment(null=True)
    rated_at: datetime | None = columns.moment(null=True)
    internal_event_count: int = columns.integer(default="0")
    worked: timedelta = columns.duration(default="0")
    running_since: datetime | None = columns.moment(null=True)
    due_for: str | None = columns.closed("due_for", Milestone, null=True)
    left_seconds: int | None = columns.integer(null=True)
    due_soon_at: datetime | None = columns.moment(null=True)
    due_soon_told_at: datetime | None = columns.moment(null=True)
    breach_told_at: datetime | None = columns.moment(null=True)
    urgent_at: datetime = columns.moment(default=f"'{NEVER.isoformat(' ')}'")
    why_assigned: str | None = columns.text(null=True)


class TicketNumber(SQLModel, table=True):
    """Makes ticket numbers unique and finds the ticket by one."""

    __tablename__ = "ticket_number"

    number: str = columns.text(primary_key=True)
    customer_id: UUID = columns.uuid()
    ticket_id: UUID = columns.uuid()


class TicketComment(SQLModel, table=True):
    """A comment on a ticket; internal ones are for staff only."""

    __tablename__ = "ticket_comment"
    __table_args__ = (
        _to_ticket(),
        Index(
            "ix_ticket_comment_customer_id_ticket_id_written_at_id",
            "customer_id",
            "ticket_id",
            "written_at",
            "id",
        ),
    )

    customer_id: UUID = columns.owner_key()
    id: UUID = columns.key()
    ticket_id: UUID = columns.uuid()
    staff_id: UUID | None = columns.uuid(null=True, references="staff.id")
    internal: bool = Field(sa_column=Column(BOOLEAN, nullable=False))
    body_ciphertext: bytes | None = columns.ciphertext()
    written_at: datetime = columns.moment()


class TicketEvent(SQLModel, table=True):
    """One step of a ticket's history, numbered from 1 without gaps, immutable.

    ``queue`` and ``assignee_id`` are the ticket's after the step; where the step changed them,
    ``left_queue`` and ``left_assignee_id`` are those before. An ``internal`` step is for staff
    only, and ``internal_before`` of the steps before it are. ``record_id`` is that of the record
    that tells of the step; steps that came with an import or a seed have none, and no queue.
    """

    __tablename__ = "ticket_event"
    __table_args__ = (
        _to_ticket(),
        CheckConstraint("number > 0", name="number"),
        Index(
            "ix_ticket_event_customer_id_ticket_id_number",
            "customer_id",
            "ticket_id",
            "number",
            unique=True,
        ),
    )

    customer_id: UUID = columns.owner_key()
    id: UUID = columns.key()
    ticket_id: UUID = columns.uuid()
    number: int = columns.integer()
    kind: str = columns.closed("kind", TicketEventKind)
    occurred_at: datetime | None = columns.moment(null=True)
    staff_id: UUID | None = columns.uuid(null=True, references="staff.id")
    status: str | None = columns.closed("status", TicketStatus, null=True)
    queue: str | None = columns.text(null=True)
    assignee_id: UUID | None = columns.uuid(null=True)
    left_queue: str | None = columns.text(null=True)
    left_assignee_id: UUID | None = columns.uuid(null=True)
    internal: bool = Field(sa_column=Column(BOOLEAN, nullable=False, server_default="false"))
    internal_before: int = columns.integer(default="0")
    comment_id: UUID | None = columns.uuid(null=True)
    record_id: UUID | None = columns.uuid(null=True)


class Interaction(SQLModel, table=True):
    """A contact with a customer; one that names nobody belongs to the bank's own customer row."""

    __tablename__ = "interaction"
    __table_args__ = (
        _to_ticket(),
        CheckConstraint("stars between 1 and 5", name="stars"),
        Index("ix_interaction_customer_id_started_at_id", "customer_id", "started_at", "id"),
        Index("ix_interaction_branch_id_started_at_id", "branch_id", "started_at", "id"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    kind: str = columns.closed("kind", InteractionKind)
    channel: str = columns.closed("channel", Channel)
    ticket_id: UUID | None = columns.uuid(null=True)
    branch_id: UUID | None = columns.uuid(null=True, references="branch.id")
    started_at: datetime = columns.moment()
    ended_at: datetime | None = columns.moment(null=True)
    purpose: str | None = columns.closed("purpose", CallPurpose, null=True)
    outcome: str | None = columns.closed("outcome", CallOutcome, null=True)
    priority: int | None = columns.smallint(null=True)
    agent: str | None = columns.text(null=True)
    stars: int | None = columns.smallint(null=True)
    product: str | None = columns.text(null=True)
    phone_ciphertext: bytes | None = columns.ciphertext()
    text_ciphertext: bytes | None = columns.ciphertext()
    source: str = columns.closed("source", DataSource)
    source_ref: str | None = columns.text(null=True)


class Segment(SQLModel, table=True):
    """A named group of customers (reference table)."""

    __tablename__ = "segment"

    id: UUID = columns.key()
    code: str = columns.text(unique=True)
    name: str = columns.text()
    definition: str = columns.text()
    computed_at: datetime | None = columns.moment(null=True)


class SegmentMembership(SQLModel, table=True):
    """A customer belongs to a segment.

    ``customer_since`` is the customer's, for an index that has a segment's members in the order
    in which customers are listed.
    """

    __tablename__ = "segment_membership"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_since", "customer_id"], ["customer.customer_since", "customer.id"]
        ),
        Index(
            "ix_segment_membership_segment_id_customer_since_customer_id",
            "segment_id",
            "customer_since",
            "customer_id",
        ),
    )

    customer_id: UUID = columns.owner_key()
    segment_id: UUID = Field(foreign_key="segment.id", primary_key=True)
    since: datetime = columns.moment(default="now()")
    customer_since: date = columns.day()
