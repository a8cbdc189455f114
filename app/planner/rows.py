"""The SQL of rows, written once: join, filter, order and keyset of a relation's children.

The batch loader wraps it in ``unnest … cross join lateral``; a plan wraps it in JSON aggregation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BindParameter, ColumnElement, FromClause, Select

from app.planner import filters, ordering
from app.planner.fields import Relation
from app.planner.filters import Filter
from app.planner.projection import KEY, OWNER, Projection, Scope

# Where wrapped customer keys stand; looked up when a row's ciphertext is asked for.
CUSTOMER_KEY = sa.table(
    "customer_key", sa.column("customer_id", sa.Uuid), sa.column("wrapped_key", sa.LargeBinary)
)


@dataclass(frozen=True)
class Window:
    """Which part of an ordered list: up to ``size`` rows after (or before) a place.

    ``prefix`` sets the parameters of one window apart from those of others in the same statement.
    """

    order: str | None = None
    size: int | None = None
    place: tuple[Any, ...] | None = None
    backwards: bool = False
    prefix: str = ""

    @property
    def shape(self) -> tuple[object, ...]:
        """What changes the statement's text, as against the values in it."""
        return (self.order, self.size is None, self.place is None, self.backwards)

    def values(self) -> dict[str, Any]:
        """Give the values that the statement's parameters take."""
        places = {
            ordering.place_name(n, self.prefix): value for n, value in enumerate(self.place or ())
        }
        return {f"{self.prefix}{_SIZE}": self.size, **places}


@dataclass(frozen=True)
class Branch:
    """One relation of a union."""

    relation: Relation
    projection: Projection
    at: str

    @property
    def key(self) -> str:
        """The column with the row's own id."""
        assert self.projection.key is not None
        return self.projection.key


_SIZE = "size"
WHOLE = Window()


def labelled(
    projection: Projection, table: FromClause, names: Iterable[str], scope: Scope
) -> list[ColumnElement[Any]]:
    """Give the labelled expressions that the fields ``names`` read, and the row's identity."""
    selects = projection.identity(table)
    for name in names:
        selects.update(projection.fields[name].selects(name, projection, table, scope))
    return [expression.label(label) for label, expression in selects.items()]


def child_rows(
    relation: Relation,
    projection: Projection,
    names: Sequence[str],
    keys: Mapping[str, ColumnElement[Any]],
    window: Window,
    *,
    scope: Scope,
    given_filter: Filter | None = None,
    labels: Sequence[str] = (),
) -> Select[Any]:
    """Give the statement of a relation's child rows for one parent.

    ``keys`` are the parent's join columns as SQL; ``scope`` is the viewer's. ``labels`` are
    columns selected beside what the fields ``names`` need, under ``:column``: the order's, for
    cursors. The values of the filter and of the relation's arguments are parameters.
    """
    table = relation.child_rows(projection, keys, window.prefix)
    origin, conditions, ordered = relation.connect(projection, table, keys)
    columns = labelled(projection, table, names, scope)
    columns += [table.c[column].label(f":{column}") for column in labels]
    if any(projection.fields[name].reads_ciphertext(projection) for name in names):
        wrapped = CUSTOMER_KEY.alias()
        of_owner = wrapped.c.customer_id == projection.owner_of(table)
        # Not a join: a list would look up the keys of all its rows before it cuts off the page.
        key = sa.select(wrapped.c.wrapped_key).where(of_owner).correlate(table).scalar_subquery()
        columns.append(key.label(KEY))
    conditions += projection.narrowed(table, scope, relation.reach(projection))
    if given_filter is not None:
        shape = given_filter.shape
        conditions.append(filters.condition(projection, table, shape, window.prefix))
    order = ordering.terms(projection, window.order)
    if window.place is not None:
        place = ordering.place(ordered, order, window.prefix)
        conditions.append(ordering.beyond(ordered, order, place, backwards=window.backwards))
    statement = (
        sa.select(*_unique(columns))
        .select_from(origin)
        .where(*conditions)
        .order_by(*ordering.order_by(ordered, order, backwards=window.backwards))
    )
    return statement if window.size is None else statement.limit(limit())


def count_rows(
    relation: Relation,
    projection: Projection,
    keys: Mapping[str, ColumnElement[Any]],
    *,
    scope: Scope,
    given_filter: Filter | None = None,
    prefix: str = "",
) -> Select[Any]:
    """Give the statement that counts a relation's child rows for one parent.

    ``prefix`` is that of the window which shares the parameters.
    """
    table = relation.child_rows(projection, keys, prefix)
    origin, conditions, _ = relation.connect(projection, table, keys)
    conditions += projection.narrowed(table, scope, relation.reach(projection))
    if given_filter is not None:
        conditions.append(filters.condition(projection, table, given_filter.shape, prefix))
    return sa.select(sa.func.count().label("count")).select_from(origin).where(*conditions)


def identity_rows(
    relation: Relation,
    projection: Projection,
    keys: Mapping[str, ColumnElement[Any]],
    at: str,
    window: Window,
    *,
    scope: Scope,
    size: ColumnElement[int],
) -> Select[Any]:
    """Give one branch of a union: type, place in the order, and identity of child rows.

    A branch is ordered and limited itself, so that its index ends the search early.
    """
    table = relation.child_rows(projection, keys, window.prefix)
    origin, conditions, ordered = relation.connect(projection, table, keys)
    conditions += projection.narrowed(table, scope, relation.reach(projection))
    order = (
        ordering.Term(at, descending=True),
        ordering.Term(projection.key or "", descending=True),
    )
    if window.place is not None:
        place = ordering.place(ordered, order, window.prefix)
        conditions.append(ordering.beyond(ordered, order, place, backwards=window.backwards))
    return (
        sa.select(
            sa.literal(projection.type_name, sa.Text).label(":type"),
            table.c[at].label(":at"),
            projection.owner_of(table).label(OWNER),
            table.c[projection.key or ""].label(":id"),
        )
        .select_from(origin)
        .where(*conditions)
        .order_by(*ordering.order_by(ordered, order, backwards=window.backwards))
        .limit(size)
    )


def merged_rows(
    branches: Sequence[Branch],
    keys: Mapping[str, ColumnElement[Any]],
    window: Window,
    *,
    scope: Scope,
    size: ColumnElement[int],
) -> Select[Any]:
    """Give type, place and identity of the rows of several relations, merged in one order."""
    parts = [
        identity_rows(
            branch.relation, branch.projection, keys, branch.at, window, scope=scope, size=size
        )
        for branch in branches
    ]
    merged = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery()
    order = newest(merged.c, backwards=window.backwards)
    return sa.select(merged).order_by(*order).limit(size)


def newest(rows: Any, *, backwards: bool) -> list[ColumnElement[Any]]:
    """Give the order of merged rows."""
    columns = [rows[":at"], rows[":id"]]
    return columns if backwards else [column.desc() for column in columns]


def limit() -> BindParameter[int]:
    """Give the parameter that holds a window's size."""
    return sa.bindparam(_SIZE, None, type_=sa.Integer)


def _unique(columns: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    return list({column.key: column for column in columns}.values())
