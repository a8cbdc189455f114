"""Named orders and keyset paging: where in the order a page begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import BindParameter, ColumnElement

from app.planner.projection import Projection

# What an order names, by name.
Columns: TypeAlias = Mapping[str, ColumnElement[Any]]


@dataclass(frozen=True)
class Term:
    """One column of an order."""

    column: str
    descending: bool


def terms(projection: Projection, order: str | None) -> tuple[Term, ...]:
    """Give the columns of a named order, the first declared one by default.

    Each order ends in the row's key, which makes it total; it runs in the direction of the column
    before it, so that one index serves both.
    """
    chosen = projection.orders[order] if order else next(iter(projection.orders.values()), None)
    names = chosen.columns if chosen else ()
    found = tuple(Term(name.removeprefix("-"), name.startswith("-")) for name in names)
    if projection.key is None or any(term.column == projection.key for term in found):
        return found
    return (*found, Term(projection.key, found[-1].descending if found else False))


def order_by(
    columns: Columns, order: Sequence[Term], *, backwards: bool
) -> list[ColumnElement[Any]]:
    """Give the ORDER BY of an order, read from its end when ``backwards``."""
    return [
        columns[term.column].desc() if term.descending != backwards else columns[term.column].asc()
        for term in order
    ]


def place(columns: Columns, order: Sequence[Term], prefix: str) -> list[BindParameter[Any]]:
    """Give the parameters that hold a row's place in an order, to be filled in for each run."""
    return [
        sa.bindparam(place_name(position, prefix), None, type_=columns[term.column].type)
        for position, term in enumerate(order)
    ]


def place_name(position: int, prefix: str) -> str:
    """Name the parameter of an order's column in the window with this prefix."""
    return f"{prefix}place_{position}"


def beyond(
    columns: Columns,
    order: Sequence[Term],
    places: Sequence[ColumnElement[Any]],
    *,
    backwards: bool,
) -> ColumnElement[bool]:
    """Give the condition "after this place in the order" (before it when ``backwards``).

    An order of one direction compares whole rows, which an index answers in one range; one of
    mixed direction is written out as (a > x) or (a = x and b < y) and so on.
    """
    compared = [columns[term.column] for term in order]
    falling = [term.descending != backwards for term in order]
    if len(set(falling)) == 1:
        row: ColumnElement[Any] = sa.tuple_(*compared)
        reached: ColumnElement[Any] = sa.tuple_(*places)
        # An index search begins at a bound of the first column. Without this one it may begin at
        # that of a filter on the same column, and read all that lies between.
        first = compared[0] <= places[0] if falling[0] else compared[0] >= places[0]
        return sa.and_(first, row < reached if falling[0] else row > reached)
    alternatives = []
    for position, (column, reached) in enumerate(zip(compared, places, strict=True)):
        equal = [compared[earlier] == places[earlier] for earlier in range(position)]
        step = column < reached if falling[position] else column > reached
        alternatives.append(sa.and_(*equal, step))
    return sa.or_(*alternatives)
