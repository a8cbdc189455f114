"""The bank in numbers: counts and totals over the customers that a viewer's reports cover.

These are the only statements that read whole tables.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select
from sqlmodel import SQLModel

from app.db import tables
from app.db.views import business_date, money_parts, valued_holdings
from app.domain.account import AccountKind
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


def counts(covered: Covered) -> Select[Any]:
    """Give one row: the business date and how many of each the covered customers have."""
    customer, account = _table(tables.Customer), _table(tables.Account)
    loan, ticket = _table(tables.Loan), _table(tables.Ticket)
    kinds = [AccountKind.DEMAND.value, AccountKind.TIME_DEPOSIT.value]
    running = [LoanStatus.ACTIVE.value, LoanStatus.IN_ARREARS.value]
    ended = [TicketStatus.RESOLVED.value, TicketStatus.CLOSED.value]

    def number(owner: ColumnElement[Any], *which: ColumnElement[bool]) -> ColumnElement[int]:
        return sa.select(sa.func.count()).where(covered(owner), *which).scalar_subquery()

    current = (account.c.kind.in_(kinds), account.c.closed_on.is_(None))
    numbers: dict[str, ColumnElement[Any]] = {
        "on": business_date(),
        "customer_count": number(customer.c.id),
        "account_count": number(account.c.customer_id, *current),
        "loan_count": number(loan.c.customer_id, loan.c.status.in_(running)),
        "open_ticket_count": number(ticket.c.customer_id, ticket.c.status.not_in(ended)),
    }
    return sa.select(*(column.label(name) for name, column in numbers.items()))


def customers_by(dimension: Dimension, covered: Covered) -> Select[Any]:
    """Give one row a member of the dimension: ``member`` and ``customer_count``."""
    customer = _table(tables.Customer)
    member = customer.c[dimension.value]
    return (
        sa.select(member.label("member"), sa.func.count().label("customer_count"))
        .where(covered(customer.c.id))
        .group_by(member)
        .order_by(member)
    )


def totals_by(dimension: Dimension, covered: Covered) -> Select[Any]:
    """Give one row a member and currency: ``member``, ``currency`` and the four amounts."""
    customer, parts = _table(tables.Customer), money_parts()
    sums = [sa.func.sum(parts.c[name]).label(name) for name in AMOUNTS]
    if dimension is Dimension.WHOLE:
        member: ColumnElement[Any] = sa.null()
        origin: FromClause = parts
    else:
        member = customer.c[dimension.value]
        origin = parts.join(customer, customer.c.id == parts.c.customer_id)
    grouping = [parts.c.currency] if dimension is Dimension.WHOLE else [member, parts.c.currency]
    return (
        sa.select(member.label("member"), parts.c.currency, *sums)
        .select_from(origin)
        .where(covered(parts.c.customer_id))
        .group_by(*grouping)
        .order_by(*grouping)
    )


def products(covered: Covered) -> Select[Any]:
    """Give one row a product that is held: ``product_id``, holders, units, cost and value."""
    holding, product = valued_holdings(), _table(tables.Product)
    sums = [sa.func.sum(holding.c[name]).label(name) for name in ("units", "cost", "value")]
    return (
        sa.select(
            holding.c.product_id,
            holding.c.currency,
            sa.func.count(holding.c.customer_id.distinct()).label("holder_count"),
            *sums,
        )
        .select_from(holding.join(product, product.c.id == holding.c.product_id))
        .where(covered(holding.c.customer_id), holding.c.units > 0)
        .group_by(holding.c.product_id, holding.c.currency, product.c.code)
        .order_by(product.c.code, holding.c.currency)
    )
