"""Queries that say what a customer did in a period, its first and last day included (UTC)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from app.db import tables
from app.db.views import business_date
from app.domain.account import AccountKind, TransactionKind
from app.domain.behaviour import CATEGORIES, PERIOD_DAYS_MAX

# The values of a query's parameters, by name; none of them is a column of a table that could join
# the query's own.
Given: TypeAlias = Mapping[str, ColumnElement[Any]]
# What the queries below are given, and what a customer's period is made of.
OF_PERIOD: Final[dict[str, TypeEngine[Any]]] = {
    "customer_id": sa.Uuid(),
    "starts_on": sa.Date(),
    "ends_on": sa.Date(),
}
OF_CUSTOMER: Final[dict[str, TypeEngine[Any]]] = {
    "customer_id": sa.Uuid(),
    "from_": sa.Date(),
    "to": sa.Date(),
}
_CUSTOMERS_MONEY: Final = (AccountKind.DEMAND.value, AccountKind.TIME_DEPOSIT.value)


def _table(model: type[SQLModel]) -> Any:
    return cast("Any", model).__table__


def period(given: Given) -> FromClause:
    """Give a customer's period in whole months: the last twelve unless given.

    Days would tell single bookings to posts that may not see them. A period whose other end is
    not given is cut to the longest one that may be asked for.
    """
    last = sa.func.coalesce(given["to"], sa.func.greatest(business_date(), given["from_"]))
    longest = sa.func.coalesce(given["from_"] + (PERIOD_DAYS_MAX - 1), last)
    last_month = sa.func.date_trunc("month", sa.cast(sa.func.least(last, longest), sa.DateTime))
    first_month = sa.func.coalesce(
        sa.func.date_trunc("month", sa.cast(given["from_"], sa.DateTime)),
        last_month - sa.literal_column("interval '11 months'", sa.Interval),
    )
    after = last_month + sa.literal_column("interval '1 month'", sa.Interval)
    columns = (
        given["customer_id"].label("customer_id"),
        sa.cast(first_month, sa.Date).label("starts_on"),
        (sa.cast(after, sa.Date) - 1).label("ends_on"),
    )
    return sa.select(*columns).subquery("behaviour")


def _within(given: Given, table: Any, at: Any) -> list[ColumnElement[bool]]:
    return [
        table.c.customer_id == given["customer_id"],
        at >= sa.func.timezone("UTC", sa.cast(given["starts_on"], sa.DateTime)),
        at < sa.func.timezone("UTC", sa.cast(given["ends_on"] + 1, sa.DateTime)),
    ]


def _happenings(given: Given) -> Sequence[Select[Any]]:
    """Give what a customer did, one SELECT a kind: where it is counted, channel and time."""
    posting, ticket = _table(tables.Posting), _table(tables.Ticket)
    contact = _table(tables.Interaction)
    of_kinds: list[Select[Any]] = []
    for place, (table, at) in enumerate(
        (
            (posting, posting.c.booked_at),
            (contact, contact.c.started_at),
            (ticket, ticket.c.opened_at),
        )
    ):
        columns: list[ColumnElement[Any]] = [
            sa.literal_column("1" if place == n else "0", sa.Integer).label(name)
            for n, name in enumerate(_COUNTS)
        ]
        found = sa.select(*columns, table.c.channel, at.label("at"))
        of_kinds.append(found.where(*_within(given, table, at)))
    return of_kinds


_COUNTS: Final = ("transaction_count", "contact_count", "ticket_count")


def monthly_activity(given: Given) -> FromClause:
    """Give how often something happened, one row a month in which anything did."""
    did = sa.union_all(*_happenings(given)).subquery("did")
    month = sa.cast(sa.func.date_trunc("month", sa.func.timezone("UTC", did.c.at)), sa.Date)
    counts = [sa.func.sum(did.c[name]).label(name) for name in _COUNTS]
    return sa.select(month.label("month"), *counts).group_by(month).subquery("activity")


def channel_use(given: Given) -> FromClause:
    """Give how often each channel was used, with its share of all uses with a known channel."""
    did = sa.union_all(*_happenings(given)).subquery("did")
    uses = sa.func.count()
    share = sa.func.round(sa.cast(uses, sa.Numeric) / sa.func.sum(uses).over(), 4)
    return (
        sa.select(
            did.c.channel,
            uses.label("uses"),
            share.label("share"),
            sa.cast(sa.func.timezone("UTC", sa.func.max(did.c.at)), sa.Date).label("last_used_on"),
        )
        .where(did.c.channel.is_not(None))
        .group_by(did.c.channel)
        .subquery("channel_use")
    )


def _bookings(given: Given) -> Select[Any]:
    """Give bookings on the customer's own money, without moves between own accounts."""
    posting, account = _table(tables.Posting), _table(tables.Account)
    other = _table(tables.Posting).alias("other")
    own_move = sa.exists(
        sa.select(other.c.id)
        .where(
            other.c.entry_id == posting.c.entry_id,
            other.c.customer_id == posting.c.customer_id,
            other.c.id != posting.c.id,
            other.c.amount == -posting.c.amount,
        )
        .correlate(posting)
    )
    transfers = [TransactionKind.TRANSFER_IN.value, TransactionKind.TRANSFER_OUT.value]
    return (
        sa.select(posting.c.kind, posting.c.amount, posting.c.currency, posting.c.booked_at)
        .join(
            account,
            sa.and_(
                account.c.customer_id == posting.c.customer_id,
                account.c.id == posting.c.account_id,
            ),
        )
        .where(
            *_within(given, posting, posting.c.booked_at),
            account.c.kind.in_(_CUSTOMERS_MONEY),
            sa.not_(sa.and_(posting.c.kind.in_(transfers), own_move)),
        )
    )


def monthly_flow(given: Given) -> FromClause:
    """Give the money that came and went, one row a month and currency."""
    booked = _bookings(given).subquery("booked")
    month = sa.cast(
        sa.func.date_trunc("month", sa.func.timezone("UTC", booked.c.booked_at)), sa.Date
    )
    nothing = booked.c.amount * 0
    return (
        sa.select(
            month.label("month"),
            booked.c.currency,
            sa.func.sum(sa.func.greatest(booked.c.amount, nothing)).label("money_in"),
            sa.func.sum(sa.func.greatest(-booked.c.amount, nothing)).label("money_out"),
        )
        .group_by(month, booked.c.currency)
        .subquery("flow")
    )


def spending(given: Given) -> FromClause:
    """Give what was spent, one row a category and currency."""
    booked = _bookings(given).subquery("booked")
    category = sa.case(
        *((booked.c.kind == kind.value, member.value) for kind, member in CATEGORIES.items())
    )
    return (
        sa.select(
            category.label("category"),
            booked.c.currency,
            sa.func.count().label("count"),
            sa.func.sum(-booked.c.amount).label("amount"),
        )
        .where(booked.c.amount < 0, category.is_not(None))
        .group_by(category, booked.c.currency)
        .subquery("spending")
    )
