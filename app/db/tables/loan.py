"""Loans and their repayment schedules."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from app.db.tables import columns
from app.domain.customer import DataSource
from app.domain.loan import LoanPurpose, LoanStatus, RepaymentMethod
from app.domain.money import Currency


class Loan(SQLModel, table=True):
    """A loan; amounts in its currency, ``annual_rate`` a fraction (0.03359 is 3.359 %)."""

    __tablename__ = "loan"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id", "account_id"], ["account.customer_id", "account.id"]),
        CheckConstraint("annual_rate >= 0", name="annual_rate"),
        CheckConstraint("term_months > 0", name="term_months"),
        Index("ix_loan_customer_id_granted_on_id", "customer_id", "granted_on", "id"),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    number: str = columns.text()
    account_id: UUID | None = columns.uuid(null=True)
    purpose: str = columns.closed("purpose", LoanPurpose)
    currency: str = columns.closed("currency", Currency)
    principal: Decimal = columns.money("principal", check="principal > 0")
    outstanding: Decimal = columns.money("outstanding", check="outstanding >= 0")
    monthly_payment: Decimal = columns.money("monthly_payment")
    annual_rate: Decimal = columns.numeric(9, 6)
    term_months: int = columns.integer()
    repayment_method: str = columns.closed("repayment_method", RepaymentMethod)
    status: str = columns.closed("status", LoanStatus)
    granted_on: date = columns.day()
    ends_on: date = columns.day()
    collateral_value: Decimal | None = columns.money("collateral_value", null=True)
    version: int = columns.integer(default="1")
    source: str = columns.closed("source", DataSource)
    source_status: str | None = columns.text(null=True)


class Instalment(SQLModel, table=True):
    """One line of a loan's schedule."""

    __tablename__ = "instalment"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id", "loan_id"], ["loan.customer_id", "loan.id"]),
        CheckConstraint("number > 0", name="number"),
        Index(
            "ix_instalment_customer_id_loan_id_number",
            "customer_id",
            "loan_id",
            "number",
            unique=True,
        ),
    )

    customer_id: UUID = columns.owner_key()
    id: UUID = columns.key()
    loan_id: UUID = columns.uuid()
    number: int = columns.smallint()
    due_on: date = columns.day()
    principal: Decimal = columns.money("principal", check="principal >= 0")
    interest: Decimal = columns.money("interest", check="interest >= 0")
    paid: Decimal = columns.money(
        "paid", default="0.00", check="paid between 0 and principal + interest"
    )
    paid_on: date | None = columns.day(null=True)
