"""Loans and their schedules."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.permissions import Permission
from app.db import tables, views
from app.domain.loan import Classification, LoanPurpose, LoanStatus, RepaymentMethod, classify
from app.planner.declare import (
    Node,
    aggregate,
    column,
    computed,
    embedded,
    projection,
    relation,
)
from app.planner.enums import graphql_enum
from app.planner.projection import Order
from app.schema import buttons
from app.schema.access import ViewerCan
from app.schema.account import Account
from app.schema.scalars import Money

if TYPE_CHECKING:
    from app.schema.customer import Customer

for members in (Classification, LoanPurpose, LoanStatus, RepaymentMethod):
    graphql_enum(members)


@projection(
    views.schedule_lines,
    prefix="ins",
    requires=Permission.MONEY_READ,
    description="One line of a loan's repayment schedule.",
    orders={"DUE": Order(("number",), "First due first.")},
)
class Instalment(Node):
    """One line of a schedule."""

    number: int = column(description="Number of the line, from 1.")
    due_on: date = column(description="When it is due.")
    principal: Money = embedded(
        Money, amount="principal", currency="currency", description="Repayment of the loan."
    )
    interest: Money = embedded(
        Money, amount="interest", currency="currency", description="Interest for the month."
    )
    paid: Money = embedded(
        Money, amount="paid", currency="currency", description="What has been paid of both."
    )
    paid_on: date | None = column(
        description="When it was paid in full; null when it is not, or the source does not say."
    )


@projection(
    tables.Loan,
    prefix="loa",
    requires=Permission.MONEY_READ,
    description="A loan.",
    orders={
        "NEWEST": Order(("-granted_on",), "Last granted first."),
        "OLDEST": Order(("granted_on",), "First granted first."),
    },
)
class Loan(Node):
    """A loan."""

    number: str | None = column(requires=Permission.CUSTOMER_NAME_READ, description="Loan number.")
    purpose: LoanPurpose = column(description="What it is for.", filterable=True)
    status: LoanStatus = column(description="How far it has come.", filterable=True)
    principal: Money = embedded(
        Money,
        amount="principal",
        currency="currency",
        filter_part="amount",
        description="What was lent.",
    )
    outstanding: Money = embedded(
        Money,
        amount="outstanding",
        currency="currency",
        filter_part="amount",
        description="Principal not repaid yet.",
    )
    monthly_payment: Money = embedded(
        Money, amount="monthly_payment", currency="currency", description="What is due each month."
    )
    collateral_value: Money | None = embedded(
        Money,
        amount="collateral_value",
        currency="currency",
        description="Value of what secures it; null when unsecured.",
    )
    annual_rate: Decimal = column(
        description="Interest a year as a fraction (0.03359 is 3.359 %).", filterable=True
    )
    term_months: int = column(description="Agreed term in months.")
    repayment_method: RepaymentMethod = column(description="How it is repaid.")
    granted_on: date = column(description="When it was paid out.", filterable=True)
    ends_on: date = column(description="When the last instalment is due.")
    days_past_due: int = aggregate(
        "schedule",
        views.days_past_due,
        where=views.is_past_due,
        description="Days since the oldest unpaid instalment was due, at the business date.",
    )
    classification: Classification | None = computed(
        classify,
        days_past_due="days_past_due",
        requires=Permission.CREDIT_READ,
        description="Five-grade risk class by days past due (CBIRC and PBoC, Order 2023 No. 1).",
    )
    viewer_can: list[ViewerCan] = buttons.of_loan()
    version: int = column(description="Rises with every change; for `expectedVersion`.")
    schedule: list[Instalment] | None = relation(
        ("customer_id", "customer_id"),
        ("id", "loan_id"),
        description="Repayment schedule, line by line.",
    )
    account: Account | None = relation(
        ("customer_id", "customer_id"),
        ("account_id", "id"),
        description="The account that repayments draw on; null when none is agreed.",
    )
    borrower: Annotated["Customer", strawberry.lazy("app.schema.customer")] | None = relation(
        ("customer_id", "id"), description="Who owes it."
    )
