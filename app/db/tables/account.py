"""Accounts, who may use them, standing orders, cards, and the double-entry ledger."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from app.db.tables import columns
from app.domain.account import (
    AccountKind,
    AccountStatus,
    CardLevel,
    CardStatus,
    HolderRole,
    InternalPurpose,
    OrderFrequency,
    OrderPurpose,
    OrderStatus,
    StatementFrequency,
    TransactionKind,
)
from app.domain.customer import DataSource
from app.domain.money import Currency
from app.domain.service import Channel


def _to_account(*local: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(local, ["account.customer_id", "account.id"])


class Account(SQLModel, table=True):
    """An account; ``customer_id`` is its owner. Internal accounts keep no balance."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'INTERNAL') = (internal_purpose is not null)", name="internal_purpose_given"
        ),
        CheckConstraint("(kind = 'INTERNAL') = (balance is null)", name="balance_kept"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("(status = 'CLOSED') = (closed_on is not null)", name="closed_on_given"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    kind: str = columns.closed("kind", AccountKind)
    internal_purpose: str | None = columns.closed("internal_purpose", InternalPurpose, null=True)
    currency: str = columns.closed("currency", Currency)
    balance: Decimal | None = columns.money("balance", null=True)
    held: Decimal = columns.money("held", default="0.00", check="held >= 0")
    status: str = columns.closed("status", AccountStatus)
    number_ciphertext: bytes | None = columns.ciphertext()
    branch_id: UUID | None = columns.uuid(null=True, references="branch.id")
    statement_frequency: str = columns.closed(
        "statement_frequency", StatementFrequency, default=StatementFrequency.NONE
    )
    opened_on: date = columns.day()
    closed_on: date | None = columns.day(null=True)
    annual_rate: Decimal | None = columns.numeric(9, 6, null=True)
    term_months: int | None = columns.integer(null=True)
    matures_on: date | None = columns.day(null=True)
    version: int = columns.integer(default="1")
    source: str = columns.closed("source", DataSource)
    source_ref: str | None = columns.text(null=True)


class AccountNumberIndex(SQLModel, table=True):
    """Blind index of account numbers: makes them unique and finds the account by one."""

    __tablename__ = "account_number_index"

    digest: bytes = columns.binary(primary_key=True)
    customer_id: UUID = columns.uuid()
    account_id: UUID = columns.uuid()

    __table_args__ = (
        Index("ix_account_number_index_customer_id_account_id", "customer_id", "account_id"),
    )


class AccountHolder(SQLModel, table=True):
    """Owner's side of the link to somebody else who may use the account."""

    __tablename__ = "account_holder"
    __table_args__ = (_to_account("customer_id", "account_id"),)

    customer_id: UUID = columns.owner_key()
    account_id: UUID = columns.key()
    holder_id: UUID = columns.key()
    role: str = columns.closed("role", HolderRole)
    since: date | None = columns.day(null=True)


class HeldAccount(SQLModel, table=True):
    """Holder's side of the same link; written in the same transaction."""

    __tablename__ = "held_account"

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    owner_id: UUID = columns.key()
    account_id: UUID = columns.key()
    role: str = columns.closed("role", HolderRole)


class StandingOrder(SQLModel, table=True):
    """An order to pay the same amount again and again."""

    __tablename__ = "standing_order"
    __table_args__ = (
        _to_account("customer_id", "account_id"),
        Index("ix_standing_order_customer_id_account_id_id", "customer_id", "account_id", "id"),
    )

    customer_id: UUID = columns.owner_key()
    id: UUID = columns.key()
    account_id: UUID = columns.uuid()
    purpose: str = columns.closed("purpose", OrderPurpose)
    amount: Decimal = columns.money("amount", check="amount > 0")
    currency: str = columns.closed("currency", Currency)
    frequency: str = columns.closed("frequency", OrderFrequency)
    status: str = columns.closed("status", OrderStatus)
    next_on: date | None = columns.day(null=True)
    payee_bank: str | None = columns.text(null=True)
    payee_account_ciphertext: bytes | None = columns.ciphertext()
    source: str = columns.closed("source", DataSource)
    source_ref: str | None = columns.text(null=True)


class Card(SQLModel, table=True):
    """A payment card; ``customer_id`` is its holder, the account may be somebody else's."""

    __tablename__ = "card"
    __table_args__ = (
        Index("ix_card_customer_id_issued_on_id", "customer_id", "issued_on", "id"),
        Index("ix_card_account_owner_id_account_id", "account_owner_id", "account_id"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    account_owner_id: UUID = columns.uuid()
    account_id: UUID = columns.uuid()
    level: str = columns.closed("level", CardLevel)
    status: str = columns.closed("status", CardStatus)
    issued_on: date = columns.day()
    expires_on: date | None = columns.day(null=True)
    number_ciphertext: bytes | None = columns.ciphertext()
    source: str = columns.closed("source", DataSource)


class JournalEntry(SQLModel, table=True):
    """One immutable ledger entry, booked on behalf of ``customer_id``; its postings sum to zero."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "reverses_id"], ["journal_entry.customer_id", "journal_entry.id"]
        ),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    kind: str = columns.closed("kind", TransactionKind)
    booked_at: datetime = columns.moment()
    value_on: date = columns.day()
    reverses_id: UUID | None = columns.uuid(null=True)
    source: str = columns.closed("source", DataSource)
    source_ref: str | None = columns.text(null=True)


class Posting(SQLModel, table=True):
    """One side of a ledger entry on one account, immutable.

    The entry may be another customer's, so it is named by both ids and repeated in the columns
    that a statement shows: reading an account never joins across customers.
    """

    __tablename__ = "posting"
    __table_args__ = (
        _to_account("customer_id", "account_id"),
        Index(
            "ix_posting_customer_id_account_id_booked_at_id",
            "customer_id",
            "account_id",
            "booked_at",
            "id",
        ),
        Index("ix_posting_customer_id_booked_at_id", "customer_id", "booked_at", "id"),
        Index("ix_posting_entry_id", "entry_id"),
    )

    customer_id: UUID = columns.owner_key()
    id: UUID = columns.key()
    account_id: UUID = columns.uuid()
    entry_customer_id: UUID = columns.uuid()
    entry_id: UUID = columns.uuid()
    kind: str = columns.closed("kind", TransactionKind)
    channel: str | None = columns.closed("channel", Channel, null=True)
    amount: Decimal = columns.money("amount", check="amount <> 0")
    currency: str = columns.closed("currency", Currency)
    balance_after: Decimal | None = columns.money("balance_after", null=True)
    booked_at: datetime = columns.moment()
    value_on: date = columns.day()
    counterparty_bank: str | None = columns.text(null=True)
    counterparty_account_ciphertext: bytes | None = columns.ciphertext()
