"""Column kinds that the tables share, each with the constraints its rule needs."""

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Identity, Integer, MetaData
from sqlalchemy import text as literal_sql
from sqlalchemy.dialects.postgresql import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    INTERVAL,
    NUMERIC,
    SMALLINT,
    TEXT,
    TIMESTAMP,
)
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlmodel import Field, SQLModel

from app.domain.closed_set import ClosedSet

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
).naming_convention

# Minor units of ISO 4217 have at most 4 digits.
MONEY_SCALE_MAX = 4


def owner_key() -> Any:
    """Declare ``customer_id``, the first part of every customer-owned table's primary key."""
    return Field(sa_column=Column(PG_UUID(as_uuid=True), primary_key=True, nullable=False))


def key() -> Any:
    """Declare a UUIDv7 primary key (part)."""
    return owner_key()


def uuid(*, null: bool = False, references: str | None = None, index: bool = False) -> Any:
    """Declare a reference by id; ``references`` is ``table.column`` for a foreign key."""
    foreign = (ForeignKey(references),) if references else ()
    column: Column[UUID] = Column(PG_UUID(as_uuid=True), *foreign, nullable=null, index=index)
    return Field(sa_column=column, default=None)


def text(
    *,
    null: bool = False,
    unique: bool = False,
    primary_key: bool = False,
    references: str | None = None,
) -> Any:
    """Declare a text; ``references`` is ``table.column`` for a foreign key."""
    foreign = (ForeignKey(references),) if references else ()
    column: Column[str] = Column(
        TEXT, *foreign, nullable=null, unique=unique, primary_key=primary_key
    )
    return Field(sa_column=column, default=None)


def closed(
    name: str,
    members: type[ClosedSet],
    *,
    null: bool = False,
    default: ClosedSet | None = None,
    primary_key: bool = False,
) -> Any:
    """Declare a member of a closed set: text with a CHECK.

    Enum types of PostgreSQL are not used because under row-level security only leakproof
    operators reach an index, and adding a member to an enum type cannot be undone.
    """
    values = ", ".join(f"'{member.value}'" for member in members)
    column: Column[str] = Column(
        name,
        TEXT,
        CheckConstraint(f"{name} in ({values})", name=name),
        nullable=null,
        server_default=default.value if default else None,
        primary_key=primary_key,
    )
    return Field(sa_column=column, default=None)


def money(
    name: str, *, null: bool = False, default: str | None = None, check: str | None = None
) -> Any:
    """Declare an amount of money, exact.

    The column keeps the scale it is given, so that an amount rounded to its currency's minor unit
    reads back as it was written: 700.00, not 700.0000.
    """
    condition = f"scale({name}) <= {MONEY_SCALE_MAX}" + (f" and {check}" if check else "")
    column: Column[Any] = Column(
        name, NUMERIC, CheckConstraint(condition, name=name), nullable=null, server_default=default
    )
    return Field(sa_column=column, default=None)


def numeric(precision: int, scale: int, *, null: bool = False, default: str | None = None) -> Any:
    """Declare an exact number that is not money: units, rates, prices."""
    column: Column[Any] = Column(NUMERIC(precision, scale), nullable=null, server_default=default)
    return Field(sa_column=column, default=None)


def boolean() -> Any:
    """Declare yes or no."""
    return Field(sa_column=Column(BOOLEAN, nullable=False), default=None)


def integer(*, null: bool = False, default: str | None = None) -> Any:
    """Declare an integer."""
    return Field(sa_column=Column(Integer, nullable=null, server_default=default), default=None)


def smallint(*, null: bool = False) -> Any:
    """Declare a small integer."""
    return Field(sa_column=Column(SMALLINT, nullable=null), default=None)


def smallint_key() -> Any:
    """Declare a small integer as a part of the primary key."""
    return Field(
        sa_column=Column(SMALLINT, primary_key=True, nullable=False, autoincrement=False),
        default=None,
    )


def duration(*, default: str | None = None, null: bool = False) -> Any:
    """Declare a span of time."""
    return Field(sa_column=Column(INTERVAL, nullable=null, server_default=default), default=None)


def day(*, null: bool = False, primary_key: bool = False) -> Any:
    """Declare a calendar date."""
    return Field(sa_column=Column(DATE, nullable=null, primary_key=primary_key), default=None)


def moment(*, null: bool = False, default: str | None = None, primary_key: bool = False) -> Any:
    """Declare a point in time, stored as UTC."""
    column = Column(
        TIMESTAMP(timezone=True),
        nullable=null,
        server_default=literal_sql(default) if default else None,
        primary_key=primary_key,
    )
    return Field(sa_column=column, default=None)


def binary(*, null: bool = False, primary_key: bool = False) -> Any:
    """Declare bytes: a keyed hash or a wrapped key."""
    return Field(sa_column=Column(BYTEA, nullable=null, primary_key=primary_key), default=None)


def texts() -> Any:
    """Declare a list of texts."""
    return Field(sa_column=Column(ARRAY(TEXT), nullable=False), default=None)


def bigint(*, primary_key: bool = False) -> Any:
    """Declare a 64-bit integer."""
    column: Column[int] = Column(
        BIGINT, nullable=False, primary_key=primary_key, autoincrement=False
    )
    return Field(sa_column=column, default=None)


def serial() -> Any:
    """Declare a primary key that the database counts up: with gaps, in no order of commits."""
    return Field(
        sa_column=Column(BIGINT, Identity(always=True), primary_key=True, nullable=False),
        default=None,
    )


def ciphertext(*, null: bool = True) -> Any:
    """Declare an encrypted value of class C2 (see app.db.crypto).

    Null means that there is no value; erasure destroys the key and leaves the ciphertext.
    """
    return Field(sa_column=Column(BYTEA, nullable=null), default=None)
