"""Reference tables: small, shared, the same on every shard."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, Column
from sqlalchemy.dialects.postgresql import BOOLEAN, SMALLINT
from sqlmodel import Field, SQLModel

from app.auth.permissions import Role
from app.db.tables import columns


class Branch(SQLModel, table=True):
    """A branch and the area it serves."""

    __tablename__ = "branch"

    id: UUID = columns.key()
    code: str = columns.text(unique=True)
    name: str = columns.text()
    city: str = columns.text()
    state: str | None = columns.text(null=True)
    region: str | None = columns.text(null=True)
    division: str | None = columns.text(null=True)


class Staff(SQLModel, table=True):
    """A person who works for the bank."""

    __tablename__ = "staff"

    id: UUID = columns.key()
    number: str = columns.text(unique=True)
    name: str = columns.text()
    branch_id: UUID | None = columns.uuid(null=True, references="branch.id", index=True)
    active: bool = Field(sa_column=Column(BOOLEAN, nullable=False, server_default="true"))


class StaffRole(SQLModel, table=True):
    """A post that a member of staff holds; one person may hold several."""

    __tablename__ = "staff_role"

    staff_id: UUID = Field(foreign_key="staff.id", primary_key=True)
    role: str = columns.closed("role", Role, primary_key=True)


class StaffQueue(SQLModel, table=True):
    """A queue of the service desk that a member of staff works on."""

    __tablename__ = "staff_queue"

    staff_id: UUID = Field(foreign_key="staff.id", primary_key=True)
    queue: str = columns.text(primary_key=True)


class BusinessDate(SQLModel, table=True):
    """The bank's business date, and what moves it: one row (app.domain.business_day.Clock)."""

    __tablename__ = "business_date"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(sa_column=Column(SMALLINT, primary_key=True, autoincrement=False))
    current_on: date = columns.day()
    follows_calendar: bool = Field(
        sa_column=Column(BOOLEAN, nullable=False, server_default="true"), default=True
    )
    run_to: date | None = columns.day(null=True)


class KeyCheck(SQLModel, table=True):
    """A known value under the bank's keys, to tell foreign keys before they do harm: one row."""

    __tablename__ = "key_check"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(sa_column=Column(SMALLINT, primary_key=True, autoincrement=False))
    master: bytes = columns.binary()
    digest: bytes = columns.binary()
