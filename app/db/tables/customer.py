"""Customers, their keys, and the look-up tables that find them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BOOLEAN, CheckConstraint, Column, Index
from sqlmodel import Field, SQLModel

from app.auth.permissions import Role
from app.db.bank_itself import BANK_ID
from app.db.tables import columns
from app.domain.audit import ConsentPurpose, ServiceEvidence, ServiceReason
from app.domain.customer import (
    ContactKind,
    CreditGrade,
    CustomerStatus,
    CustomerType,
    DataSource,
    Gender,
    KycStatus,
    RelationshipKind,
    RiskAppetite,
    Tier,
)
from app.domain.service import Channel


class Customer(SQLModel, table=True):
    """A party that does business with the bank; ``id`` is the ``customer_id`` of all it owns."""

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("credit_score between 0 and 1000", name="credit_score"),
        # Policies leave the bank's own rows out by this id.
        CheckConstraint(f"(type = 'BANK') = (id = '{BANK_ID}')", name="one_bank"),
        Index("ix_customer_branch_id_customer_since_id", "branch_id", "customer_since", "id"),
        Index("ix_customer_customer_since_id", "customer_since", "id", unique=True),
    )

    id: UUID = columns.key()
    number: str = columns.text()
    type: str = columns.closed("type", CustomerType)
    source: str = columns.closed("source", DataSource)
    status: str = columns.closed("status", CustomerStatus)
    kyc_status: str = columns.closed("kyc_status", KycStatus)
    tier: str = columns.closed("tier", Tier)
    gender: str | None = columns.closed("gender", Gender, null=True)
    occupation: str | None = columns.text(null=True)
    risk_appetite: str | None = columns.closed("risk_appetite", RiskAppetite, null=True)
    credit_grade: str | None = columns.closed("credit_grade", CreditGrade, null=True)
    credit_score: int | None = columns.integer(null=True)
    language: str | None = columns.text(null=True)
    preferred_channel: str | None = columns.closed("preferred_channel", Channel, null=True)
    branch_id: UUID | None = columns.uuid(null=True, references="branch.id")
    customer_since: date = columns.day()
    merged_into: UUID | None = columns.uuid(null=True)
    version: int = columns.integer(default="1")
    name_ciphertext: bytes | None = columns.ciphertext()
    birth_date_ciphertext: bytes | None = columns.ciphertext()
    national_id_ciphertext: bytes | None = columns.ciphertext()
    phone_ciphertext: bytes | None = columns.ciphertext()
    email_ciphertext: bytes | None = columns.ciphertext()
    address_ciphertext: bytes | None = columns.ciphertext()
    created_at: datetime = columns.moment(default="now()")
    erased_at: datetime | None = columns.moment(null=True)


class CustomerKey(SQLModel, table=True):
    """A customer's data key, wrapped by the master key set; deleting it erases the customer."""

    __tablename__ = "customer_key"

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    wrapped_key: bytes = columns.binary()
    created_at: datetime = columns.moment(default="now()")


class CustomerNumber(SQLModel, table=True):
    """Makes customer numbers unique and finds the customer by one."""

    __tablename__ = "customer_number"

    number: str = columns.text(primary_key=True)
    customer_id: UUID = columns.uuid(index=True)


class NationalIdIndex(SQLModel, table=True):
    """Blind index of national ids: a keyed hash, unique in the bank."""

    __tablename__ = "national_id_index"

    digest: bytes = columns.binary(primary_key=True)
    customer_id: UUID = columns.uuid(index=True)


class ContactIndex(SQLModel, table=True):
    """Blind index of phone numbers and e-mail addresses; families may share one."""

    __tablename__ = "contact_index"

    digest: bytes = columns.binary(primary_key=True)
    customer_id: UUID = columns.key()
    kind: str = columns.closed("kind", ContactKind)

    __table_args__ = (Index("ix_contact_index_customer_id", "customer_id"),)


class NameIndex(SQLModel, table=True):
    """Name search: keyed hashes of the beginnings of each word of a name."""

    __tablename__ = "name_index"

    digest: bytes = columns.binary(primary_key=True)
    customer_id: UUID = columns.key()

    __table_args__ = (Index("ix_name_index_customer_id", "customer_id"),)


class Assignment(SQLModel, table=True):
    """Which member of staff is responsible for a customer, in which post."""

    __tablename__ = "assignment"
    __table_args__ = (
        Index("ix_assignment_staff_id_role_customer_id", "staff_id", "role", "customer_id"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    role: str = columns.closed("role", Role, primary_key=True)
    staff_id: UUID = columns.uuid(references="staff.id")
    assigned_at: datetime = columns.moment(default="now()")


class BegunService(SQLModel, table=True):
    """A member of staff serves a customer who came or called: for a while, and on the record."""

    __tablename__ = "begun_service"
    __table_args__ = (
        CheckConstraint("ends_at > begun_at", name="ends_at"),
        Index("ix_begun_service_staff_id_role_ends_at", "staff_id", "role", "ends_at"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    staff_id: UUID = columns.uuid(references="staff.id")
    role: str = columns.closed("role", Role)
    reason: str = columns.closed("reason", ServiceReason)
    evidence: str = columns.closed("evidence", ServiceEvidence)
    begun_at: datetime = columns.moment()
    ends_at: datetime = columns.moment()


class Consent(SQLModel, table=True):
    """What a customer allowed or forbade; the newest row of a purpose holds."""

    __tablename__ = "consent"
    __table_args__ = (
        Index("ix_consent_customer_id_recorded_at_id", "customer_id", "recorded_at", "id"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    purpose: str = columns.closed("purpose", ConsentPurpose)
    granted: bool = Field(sa_column=Column(BOOLEAN, nullable=False))
    channel: str = columns.closed("channel", Channel)
    staff_id: UUID | None = columns.uuid(null=True, references="staff.id")
    recorded_at: datetime = columns.moment()


class Relationship(SQLModel, table=True):
    """A connection between two customers, written once under each of them."""

    __tablename__ = "relationship"
    __table_args__ = (CheckConstraint("customer_id <> related_customer_id", name="not_oneself"),)

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    related_customer_id: UUID = columns.uuid()
    kind: str = columns.closed("kind", RelationshipKind)
    since: date | None = columns.day(null=True)
