"""Queries that stand for a table: what several columns or tables together say."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select
from sqlmodel import SQLModel

from app.db import tables
from app.domain.audit import AuditKind
from app.domain.money import Currency, minor_unit

_DIGITS_USUAL: Final = 2
AUDIT_ENTRY: Final = "audit_entry"
RECORD_PREFIX: Final = "aud"
READ_PREFIX: Final = "rea"


def _table(model: type[SQLModel]) -> Any:
    return cast("Any", model).__table__


def business_date(_row: object = None) -> ColumnElement[date]:
    """Give the business date; today where none was set."""
    current_on = sa.select(_table(tables.BusinessDate).c.current_on).scalar_subquery()
    return sa.func.coalesce(current_on, sa.func.current_date())


def rounded(amount: ColumnElement[Any], currency: ColumnElement[Any]) -> ColumnElement[Any]:
    """Round half-even to the currency's minor unit, as ``app.domain.money.rounded`` does.

    PostgreSQL's own ``round`` takes ties away from zero.
    """
    digits = sa.case(
        *(
            (currency == member.value, _digits(member))
            for member in Currency
            if _digits(member) != _DIGITS_USUAL
        ),
        else_=_DIGITS_USUAL,
    )
    units = amount * sa.func.power(sa.cast(10, sa.Numeric), digits)
    floor = sa.func.floor(units)
    tie = units - floor == sa.cast("0.5", sa.Numeric)
    even = floor + sa.func.mod(sa.func.abs(floor), 2)
    whole = sa.case((tie, even), else_=sa.func.round(units))
    return sa.func.round(whole / sa.func.power(sa.cast(10, sa.Numeric), digits), digits)


def _digits(currency: Currency) -> int:
    return -int(cast("int", minor_unit(currency).as_tuple().exponent))


def schedule_lines() -> FromClause:
    """Give schedule lines with their loan's currency."""
    line, loan = _table(tables.Instalment), _table(tables.Loan)
    of_loan = sa.and_(line.c.customer_id == loan.c.customer_id, line.c.loan_id == loan.c.id)
    return sa.select(line, loan.c.currency).join(loan, of_loan).subquery("instalment")


def is_past_due(line: FromClause) -> ColumnElement[bool]:
    """Tell whether a schedule line is due before the business date and not paid in full."""
    unpaid = line.c.paid < line.c.principal + line.c.interest
    return sa.and_(unpaid, line.c.due_on < business_date())


def days_past_due(line: FromClause) -> ColumnElement[int]:
    """Give the days since the oldest of some past-due lines was due; 0 where there is none."""
    return sa.func.coalesce(business_date() - sa.func.min(line.c.due_on), 0)


def _at_latest_price(
    product_id: ColumnElement[Any], value: Callable[[Any], ColumnElement[Any]]
) -> Select[Any]:
    """Give what follows from a product's latest price up to the business date, as one row at most.

    As a sub-query of its own it costs nothing where nobody asks for it, as a join would.
    """
    price = _table(tables.ProductPrice)
    return (
        sa.select(value(price.c))
        .where(price.c.product_id == product_id, price.c.price_on <= business_date())
        .order_by(price.c.price_on.desc())
        .limit(sa.literal_column("1"))
    )


def _value_of(holding: Any) -> Select[Any]:
    return _at_latest_price(
        holding.c.product_id,
        lambda price: rounded(holding.c.units * price.price, holding.c.currency).label("value"),
    )


def priced_products() -> FromClause:
    """Give products with their latest price up to the business date."""
    product = _table(tables.Product)
    price = _at_latest_price(product.c.id, lambda price: price.price).scalar_subquery()
    price_on = _at_latest_price(product.c.id, lambda price: price.price_on).scalar_subquery()
    return sa.select(product, price.label("price"), price_on.label("price_on")).subquery("product")


def valued_holdings() -> FromClause:
    """Give holdings with the value of their units at the latest price."""
    holding = _table(tables.Holding)
    value = _value_of(holding).scalar_subquery()
    return sa.select(holding, value.label("value")).subquery("holding")


def holding_lots() -> FromClause:
    """Give lots with their holding's currency."""
    lot, holding = _table(tables.HoldingLot), _table(tables.Holding)
    of_holding = sa.and_(
        lot.c.customer_id == holding.c.customer_id, lot.c.holding_id == holding.c.id
    )
    return sa.select(lot, holding.c.currency).join(holding, of_holding).subquery("holding_lot")


def total_return(holding: FromClause) -> ColumnElement[Any]:
    """Give the unrealised profit as a fraction of the cost, to six digits; null without cost."""
    profit = holding.c.value - holding.c.cost
    return sa.func.round(profit / sa.func.nullif(holding.c.cost, 0), 6)


def money_parts() -> FromClause:
    """Give what customers own and owe, one row an account, loan or holding.

    Of ``deposits``, ``overdrafts``, ``loans`` and ``holdings`` only one differs from zero; debts
    are positive amounts.
    """
    account, loan, holding = (
        _table(each) for each in (tables.Account, tables.Loan, tables.Holding)
    )
    # Joined, as the value is needed several times.
    value = _value_of(holding).lateral("priced").c.value
    # Zero times an amount keeps the amount's scale, which is its currency's.
    nothing = account.c.balance * 0
    return sa.union_all(
        sa.select(
            account.c.customer_id,
            account.c.currency,
            sa.func.greatest(account.c.balance, nothing).label("deposits"),
            sa.func.greatest(-account.c.balance, nothing).label("overdrafts"),
            nothing.label("loans"),
            nothing.label("holdings"),
        ).where(account.c.kind.in_(["DEMAND", "TIME_DEPOSIT"])),
        sa.select(
            loan.c.customer_id,
            loan.c.currency,
            loan.c.outstanding * 0,
            loan.c.outstanding * 0,
            loan.c.outstanding,
            loan.c.outstanding * 0,
        ),
        sa.select(
            holding.c.customer_id,
            holding.c.currency,
            value * 0,
            value * 0,
            value * 0,
            value,
        ).where(value.is_not(None)),
    ).subquery("parts")


def currency_totals() -> FromClause:
    """Give what each customer owns and owes, one row a currency."""
    parts = money_parts()
    return (
        sa.select(
            parts.c.customer_id,
            parts.c.currency,
            sa.func.sum(parts.c.deposits + parts.c.holdings).label("assets"),
            sa.func.sum(parts.c.overdrafts + parts.c.loans).label("liabilities"),
        )
        .group_by(parts.c.customer_id, parts.c.currency)
        .subquery("totals")
    )


def audit_entries() -> FromClause:
    """Give what was done and what was shown, one row a command or an operation's customer.

    Records of batches of reads are left out: their reads stand here one by one. ``owner_id`` is
    what finds a row beside its own id. Both branches are a table's plain columns without
    conditions: only then do conditions and orders from outside reach the tables' indexes.
    """
    record, read = _table(tables.AuditRecord), _table(tables.AuditRead)

    def literal(value: str | None) -> ColumnElement[Any]:
        return sa.cast(sa.null() if value is None else sa.literal_column(f"'{value}'"), sa.Text)

    whole = sa.union_all(
        sa.select(
            record.c.id,
            record.c.id.label("owner_id"),
            literal(RECORD_PREFIX).label("prefix"),
            record.c.kind,
            record.c.kind.label("record_kind"),
            record.c.recorded_at,
            record.c.actor_id,
            record.c.role,
            record.c.command,
            literal(None).label("operation"),
            record.c.event,
            record.c.customer_id,
            record.c.subject_prefix,
            record.c.subject_id,
            record.c.fields,
            record.c.request_id,
            record.c.id.label("record_id"),
        ),
        sa.select(
            read.c.id,
            read.c.customer_id,
            literal(READ_PREFIX),
            literal(AuditKind.READ.value),
            literal(AuditKind.WRITE.value),
            read.c.recorded_at,
            read.c.actor_id,
            read.c.role,
            literal(None),
            read.c.operation,
            literal(None),
            read.c.customer_id,
            literal(None),
            sa.cast(sa.null(), sa.Uuid),
            read.c.fields,
            read.c.request_id,
            read.c.record_id,
        ),
    ).subquery("whole")
    listed = whole.c.record_kind == AuditKind.WRITE.value
    return sa.select(whole).where(listed).subquery(AUDIT_ENTRY)


def chain_position(entry: FromClause) -> ColumnElement[Any]:
    """Give the place in the chain of the record that tells of an entry; null before it has one."""
    link = _table(tables.AuditLink)
    position = sa.select(link.c.position).where(link.c.record_id == entry.c.record_id)
    return sa.cast(position.correlate(entry).scalar_subquery(), sa.Numeric)
