"""How rows stand to the viewer, as SQL for `viewerCan`.

What stands here reads through row-level security: a row that the viewer does not see says nothing.
These expressions choose no rows, so they need no fence of their own.
"""

from datetime import timedelta
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlmodel import SQLModel

from app.db import tables
from app.domain.account import AccountStatus, CardStatus, HolderRole, OrderStatus

_STAFF: Final = sa.cast(sa.func.viewer().op("->>")("staff"), sa.Uuid())
_ONESELF: Final = sa.cast(sa.func.viewer().op("->>")("customer"), sa.Uuid())


def _alias(model: type[SQLModel]) -> Any:
    return cast("Any", model).__table__.alias()


def owner_status(row: FromClause) -> ColumnElement[Any]:
    """Give the status of the customer whom a row belongs to; null where the viewer does not see it.

    Staff who do not see the owner come to an account by somebody else who may use it.
    """
    owner = _alias(tables.Customer)
    query = sa.select(owner.c.status).where(owner.c.id == row.c.customer_id)
    return query.correlate(row).scalar_subquery()


def viewer_tier(_row: FromClause) -> ColumnElement[Any]:
    """Give the tier of a customer who asks; null for staff."""
    oneself = _alias(tables.Customer)
    return sa.select(oneself.c.tier).where(oneself.c.id == _ONESELF).scalar_subquery()


def is_joint(owner: ColumnElement[Any], account: ColumnElement[Any]) -> ColumnElement[bool]:
    """Tell whether the customer who asks owns an account together with its owner."""
    link = _alias(tables.AccountHolder)
    joint = sa.exists().where(
        link.c.customer_id == owner,
        link.c.account_id == account,
        link.c.holder_id == _ONESELF,
        link.c.role == HolderRole.JOINT_HOLDER.value,
    )
    return joint.correlate(cast("Any", owner).table)


def is_in_use(account: FromClause) -> ColumnElement[bool]:
    """Tell whether something that the viewer sees depends on an account, as its closing asks."""
    order, card = _alias(tables.StandingOrder), _alias(tables.Card)
    paid_out = _alias(tables.Account)
    owner, row = account.c.customer_id, account.c.id
    orders = sa.exists().where(
        order.c.customer_id == owner,
        order.c.account_id == row,
        order.c.status == OrderStatus.ACTIVE.value,
    )
    cards = sa.exists().where(
        card.c.account_owner_id == owner,
        card.c.account_id == row,
        card.c.status == CardStatus.ACTIVE.value,
    )
    deposits = sa.exists().where(
        paid_out.c.customer_id == owner,
        paid_out.c.settlement_account_id == row,
        paid_out.c.status != AccountStatus.CLOSED.value,
    )
    return sa.or_(*(each.correlate(account) for each in (orders, cards, deposits)))


def is_in_own_queue(ticket: FromClause) -> ColumnElement[bool]:
    """Tell whether a ticket waits in a queue that the member of staff who asks works on."""
    works_on = _alias(tables.StaffQueue)
    found = sa.exists().where(works_on.c.staff_id == _STAFF, works_on.c.queue == ticket.c.queue)
    return found.correlate(ticket)


def is_ended_before(ticket: FromClause, span: timedelta) -> ColumnElement[bool]:
    """Tell whether a ticket was answered longer ago than a span, or nobody knows when."""
    ended_at = sa.func.coalesce(ticket.c.resolved_at, ticket.c.closed_at)
    return sa.func.coalesce(ended_at < sa.func.now() - span, sa.true())
