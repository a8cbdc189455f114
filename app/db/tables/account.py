"""Accounts, who may use them, standing orders, cards, and the double-entry ledger."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field, SQLModel

from app.db.tables import columns
from app.domain.account import (
    AccountKind,
    AccountStatus,
    CardLevel,
    CardStatus,
    HolderRole,
    HoldReason,
    InterestPosting,
    InternalPurpose,
    OrderFrequency,
    OrderPurpose,
    OrderStatus,
    StatementFrequency,
    TransactionKind,
)
from app.domain.customer import DataSource
from app.domain.interest import AutoRenewal, DayCount
from app.domain.money import Currency
from app.domain.service import Channel


def _to_account(*local: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(local, ["account.customer_id", "account.id"])


class AccountProduct(SQLModel, table=True):
    """What kind of account the bank offers, and on what terms."""

    __tablename__ = "account_product"
    __table_args__ = (
        CheckConstraint("kind in ('DEMAND', 'TIME_DEPOSIT')", name="kind_offered"),
        CheckConstraint("(kind = 'TIME_DEPOSIT') = (term_months is not null)", name="term_given"),
    )

    id: UUID = Field(primary_key=True)
    code: str = columns.text(unique=True)
    name: str = columns.text()
    name_zh: str = columns.text()
    kind: str = columns.closed("kind", AccountKind)
    currency: str = columns.closed("currency", Currency)
    annual_rate: Decimal = columns.numeric(9, 6)
    day_count: str = columns.closed("day_count", DayCount)
    interest_posting: str = columns.closed("interest_posting", InterestPosting)
    term_months: int | None = columns.integer(null=True)
    minimum: Decimal = columns.money("minimum", default="0.00", check="minimum >= 0")
    transfer_fee: Decimal = columns.money("transfer_fee", default="0.00", check="transfer_fee >= 0")
    offered: bool = columns.boolean()
    rate_source: str = columns.text()


class Account(SQLModel, table=True):
    """An account; ``customer_id`` is its owner. Internal accounts keep no balance."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'INTERNAL') = (internal_purpose is not null)", name="internal_purpose_given"
        ),
        CheckConstraint("(kind = 'INTERNAL') = (balance is null)", name="balance_kept"),
        CheckConstraint("version > 0", name="version"),
        ForeignKeyConstraint(
            ["customer_id", "settlement_account_id"], ["account.customer_id", "account.id"]
        ),
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
    product_id: UUID | None = columns.uuid(null=True, references="account_product.id")
    overdraft_limit: Decimal = columns.money(
        "overdraft_limit", default="0.00", check="overdraft_limit >= 0"
    )
    interest_accrued: Decimal = columns.numeric(20, 10, default="0")
    accrued_until: date | None = columns.day(null=True)
    auto_renewal: str = columns.closed("auto_renewal", AutoRenewal, default=AutoRenewal.NONE)
    settlement_account_id: UUID | None = columns.uuid(null=True)
    term_began_on: date | None = columns.day(null=True)


class AccountHold(SQLModel, table=True):
    """Money that may not leave an account: an amount, or (null) the whole account."""

    __tablename__ = "account_hold"
    __table_args__ = (
        _to_account("customer_id", "account_id"),
        Index("ix_account_hold_customer_id_account_id_id", "customer_id", "account_id", "id"),
    )

    customer_id: UUID = columns.owner_key()
    id: UUID = columns.key()
    account_id: UUID = columns.uuid()
    amount: Decimal | None = columns.money("amount", null=True, check="amount > 0")
    currency: str = columns.closed("currency", Currency)
    reason: str = columns.closed("reason", HoldReason)
    note_ciphertext: bytes | None = columns.ciphertext()
    placed_by: UUID = columns.uuid()
    placed_at: datetime = columns.moment()
    lifted_at: datetime | None = columns.moment(null=True)


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
    payee_name_ciphertext: bytes | None = columns.ciphertext()
    text_ciphertext: bytes | None = columns.ciphertext()
    first_on: date | None = columns.day(null=True)
    ends_on: date | None = columns.day(null=True)
    version: int = columns.integer(default="1")


class Payee(SQLModel, table=True):
    """Whom a customer pays; ``bank`` is null for an account of this bank."""

    __tablename__ = "payee"
    __table_args__ = (
        Index(
            "uq_payee_customer_id_number_digest_bank",
            "customer_id",
            "number_digest",
            "bank",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("times_paid >= 0", name="times_paid"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    bank: str | None = columns.text(null=True)
    number_digest: bytes = columns.binary()
    name_ciphertext: bytes | None = columns.ciphertext()
    number_ciphertext: bytes | None = columns.ciphertext()
    added_at: datetime = columns.moment()
    last_paid_at: datetime | None = columns.moment(null=True)
    times_paid: int = columns.integer(default="0")


class DailyOutgoing(SQLModel, table=True):
    """What a customer ordered to be paid to others on a business date, for the day's limit.

    ``to_new`` is the part of it that went to payees that were new: together they get little.
    """

    __tablename__ = "daily_outgoing"

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    ordered_on: date = columns.day(primary_key=True)
    currency: str = columns.closed("currency", Currency, primary_key=True)
    amount: Decimal = columns.money("amount", check="amount > 0")
    to_new: Decimal = columns.money("to_new", default="0.00", check="to_new >= 0")


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
        # An entry is reversed once.
        Index(
            "uq_journal_entry_customer_id_reverses_id",
            "customer_id",
            "reverses_id",
            unique=True,
            postgresql_where=text("reverses_id is not null"),
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
    counterparty_name_ciphertext: bytes | None = columns.ciphertext()
    text_ciphertext: bytes | None = columns.ciphertext()
