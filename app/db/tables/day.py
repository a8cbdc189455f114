"""What the end of each business day leaves: its steps, payments of standing orders, balances."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint
from sqlmodel import SQLModel

from app.db.tables import columns
from app.domain.business_day import DayStep, OrderOutcome
from app.domain.money import Currency


class BusinessDay(SQLModel, table=True):
    """A business day that is over.

    Everything booked before ``cut_off_at`` is of this day or an earlier one, everything after it
    of a later one. ``finished_at`` is null until its last step is done.
    """

    __tablename__ = "business_day"

    day_on: date = columns.day(primary_key=True)
    cut_off_at: datetime = columns.moment()
    finished_at: datetime | None = columns.moment(null=True)


class BusinessDayStep(SQLModel, table=True):
    """How far a step of a day's end has come: the last row that it has taken, in key order.

    Each transaction of the step locks this row and moves it together with what it does, so that
    nothing is done twice however many workers run or are killed.
    """

    __tablename__ = "business_day_step"
    __table_args__ = (
        ForeignKeyConstraint(["day_on"], ["business_day.day_on"]),
        CheckConstraint("done >= 0", name="done"),
        CheckConstraint("(after_owner is null) = (after_id is null)", name="after_given"),
    )

    day_on: date = columns.day(primary_key=True)
    step: str = columns.closed("step", DayStep, primary_key=True)
    after_owner: UUID | None = columns.uuid(null=True)
    after_id: UUID | None = columns.uuid(null=True)
    done: int = columns.integer(default="0")
    finished_at: datetime | None = columns.moment(null=True)


class OrderPayment(SQLModel, table=True):
    """One payment of a standing order: tried until it is paid or given up."""

    __tablename__ = "order_payment"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["standing_order.customer_id", "standing_order.id"]
        ),
        CheckConstraint("attempts > 0", name="attempts"),
        CheckConstraint("(outcome = 'PAID') = (entry_id is not null)", name="entry_given"),
    )

    customer_id: UUID = columns.owner_key()
    order_id: UUID = columns.key()
    due_on: date = columns.day(primary_key=True)
    outcome: str = columns.closed("outcome", OrderOutcome)
    attempts: int = columns.integer(default="1")
    tried_on: date = columns.day()
    entry_id: UUID | None = columns.uuid(null=True)


class InternalBalance(SQLModel, table=True):
    """The sum of an internal account's postings at the end of a business day."""

    __tablename__ = "internal_balance"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id", "account_id"], ["account.customer_id", "account.id"]),
        ForeignKeyConstraint(["day_on"], ["business_day.day_on"]),
    )

    customer_id: UUID = columns.owner_key()
    account_id: UUID = columns.key()
    day_on: date = columns.day(primary_key=True)
    currency: str = columns.closed("currency", Currency)
    balance: Decimal = columns.money("balance")
