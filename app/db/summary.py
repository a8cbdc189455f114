"""The bank in numbers: counts and totals over the customers that a viewer's reports cover.

These are the only statements that read whole tables.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select
from sqlmodel import SQLModel

from app.db import tables
from app.db.views import business_date, money_parts, valued_holdings
from app.domain.account import AccountKind
from app.domain.customer import CustomerType
from app.domain.loan import LoanStatus
from app.domain.service import TicketStatus

# Which customers a report covers, as a condition on a column with their ids. Every table is asked:
# under row-level security only its own conditions reach an index.
Covered = Callable[[ColumnElement[Any]], ColumnElement[bool]]

AMOUNTS: Final = ("deposits", "overdrafts", "loans", "holdings")


class Dimension(Enum):
    """What the bank's customers are divided by."""

    WHOLE = None
    BRANCH = "branch_id"
    TIER = "tier"


def _table(model: type[SQLModel]) -> Any:
    return cast("Any", model).__table__


def _customers(covered: Covered) -> tuple[Any, ColumnElement[bool]]:
    customer = _table(tables.Customer)
    return customer, sa.and_(customer.c.type != CustomerType.BANK.value, covered(customer.c.id))


def counts(covered: Covered) -> Select[Any]:
    """Give one row: the business date and how many of each the covered customers have."""
    customer, condition = _customers(covered)
    account, loan = _table(tables.Account), _table(tables.Loan)
    ticket = _table(tables.Ticket)
    kinds = [AccountKind.DEMAND.value, AccountKind.TIME_DEPOSIT.value]
    running = [LoanStatus.ACTIVE.value, LoanStatus.IN_ARREARS.value]
    ended = [TicketStatus.RESOLVED.value, TicketStatus.CLOSED.value]

    def owned(table: Any, *which: ColumnElement[bool]) -> ColumnElement[int]:
        found = sa.select(sa.func.count()).join(customer, customer.c.id == table.c.customer_id)
        of_covered = covered(table.c.customer_id)
        return found.select_from(table).where(condition, of_covered, *which).scalar_subquery()

    every = sa.select(sa.func.count()).select_from(customer).where(condition).scalar_subquery()
    return sa.select(
        business_date().label("on"),
        every.label("customer_count"),
        owned(account, account.c.kind.in_(kinds), account.c.closed_on.is_(None)).label(
            "account_count"
        ),
        owned(loan, loan.c.status.in_(running)).label("loan_count"),
        owned(ticket, ticket.c.status.not_in(ended)).label("open_ticket_count"),
    )


def customers_by(dimension: Dimension, covered: Covered) -> Select[Any]:
    """Give one row a member of the dimension: ``member`` and ``customer_count``."""
    customer, condition = _customers(covered)
    member = customer.c[dimension.value]
    return (
        sa.select(member.label("member"), sa.func.count().label("customer_count"))
        .where(condition)
        .group_by(member)
        .order_by(member)
    )


def totals_by(dimension: Dimension, covered: Covered) -> Select[Any]:
    """Give one row a member and currency: ``member``, ``currency`` and the four amounts."""
    customer, condition = _customers(covered)
    parts = money_parts()
    member = sa.null() if dimension is Dimension.WHOLE else customer.c[dimension.value]
    sums = [sa.func.sum(parts.c[name]).label(name) for name in AMOUNTS]
    grouping = [parts.c.currency] if dimension is Dimension.WHOLE else [member, parts.c.currency]
    return (
        sa.select(member.label("member"), parts.c.currency, *sums)
        .select_from(parts.join(customer, customer.c.id == parts.c.customer_id))
        .where(condition, covered(parts.c.customer_id))
        .group_by(*grouping)
        .order_by(*grouping)
    )


def products(covered: Covered) -> Select[Any]:
    """Give one row a product that is held: ``product_id``, holders, units, cost and value."""
    customer, condition = _customers(covered)
    holding, product = valued_holdings(), _table(tables.Product)
    sums = [sa.func.sum(holding.c[name]).label(name) for name in ("units", "cost", "value")]
    return (
        sa.select(
            holding.c.product_id,
            holding.c.currency,
            sa.func.count(holding.c.customer_id.distinct()).label("holder_count"),
            *sums,
        )
        .select_from(
            holding.join(customer, customer.c.id == holding.c.customer_id).join(
                product, product.c.id == holding.c.product_id
            )
        )
        .where(condition, covered(holding.c.customer_id), holding.c.units > 0)
        .group_by(holding.c.product_id, holding.c.currency, product.c.code)
        .order_by(product.c.code, holding.c.currency)
    )
