"""Projections: a GraphQL type over a table, its fields declared as data."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel
from strawberry.utils.str_converters import to_camel_case

from app.auth.permissions import Access, Mask
from app.auth.viewer import Viewer
from app.db.reach import Reach
from app.planner.guards import Guard

# Labels that every row carries beside its fields. A colon never stands in a field's name.
OWNER: Final = ":owner"
ID: Final = ":id"
KEY: Final = ":key"
PREFIX: Final = ":prefix"

# A column's name, or an expression over the table as it is aliased in the statement.
Expression: TypeAlias = str | Callable[[FromClause], ColumnElement[Any]]
Source: TypeAlias = type[SQLModel] | Callable[..., FromClause]


class Scope(Protocol):
    """Which rows the viewer may come to, as SQL."""

    @property
    def viewer(self) -> Viewer:
        """Who is asking."""

    @property
    def shape(self) -> Hashable:
        """What changes the conditions' text, as against the values in it."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of the conditions' parameters."""

    @property
    def setting(self) -> str:
        """Who is asking, as the connection is told for row-level security."""

    def condition(
        self, name: str, table: FromClause, owner: ColumnElement[Any] | None, reach: Reach
    ) -> ColumnElement[bool] | None:
        """Give the condition on rows of the table ``name``, or None when all may be seen.

        ``owner`` is the customer they belong to, None when they belong to nobody; ``reach`` is
        how the statement comes to them.
        """


@dataclass(frozen=True)
class Order:
    """A named order: columns, ``-`` before one that falls, and a sentence for the API."""

    columns: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class PrefixColumn:
    """A column that holds the prefix of each row's id, and every prefix that it may hold."""

    name: str
    prefixes: tuple[str, ...]


@dataclass(eq=False)
class Projection:
    """How rows of one table (or query) become objects of one GraphQL type.

    A query with ``parameters`` (names and SQL types) is made anew for each relation, with what
    the relation pairs with them. ``owner`` is the column with the customer's id:
    ``customer_id`` unless the row belongs to nobody (None) or owns itself. ``key`` is the row's
    own id; None for rows without identity, such as totals. Where rows of several tables are told
    apart by their ids, ``prefix_column`` says how, and ``prefix`` is the first of them.
    """

    type_name: str
    source: Source
    prefix: str | None
    owner: str | None
    key: str | None
    orders: Mapping[str, Order]
    parameters: Mapping[str, TypeEngine[Any]] = field(default_factory=dict)
    prefix_column: PrefixColumn | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    # The projection of each relation's child rows, found when first asked for: types may refer to
    # each other in a circle.
    children: dict[str, Callable[[], "Projection"]] = field(default_factory=dict)
    guard: Guard | None = None
    guards: dict[str, Guard | None] = field(default_factory=dict)
    filter_input: Any = None
    sort_enum: Any = None

    @cached_property
    def table(self) -> FromClause:
        """The table or query that rows come from."""
        if isinstance(self.source, type):
            return cast("FromClause", cast("Any", self.source).__table__)
        if self.parameters:
            nothing = {name: sa.cast(sa.null(), type_) for name, type_ in self.parameters.items()}
            return self.source(nothing)
        return self.source()

    @cached_property
    def table_name(self) -> str:
        """The table's name, part of what ciphertexts are bound to."""
        return str(getattr(self.table, "name", self.type_name))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Every prefix that ids of its rows may have."""
        if self.prefix_column is not None:
            return self.prefix_column.prefixes
        return (self.prefix,) if self.prefix else ()

    @cached_property
    def shown(self) -> dict[str, str]:
        """The fields' Python names by the names that the API shows."""
        return {to_camel_case(name): name for name in self.fields}

    def access(self, name: str, viewer: Viewer) -> Access:
        """Say what a viewer sees of a field, as far as the field itself decides."""
        guard = self.guards[name]
        return Access.CLEAR if guard is None else guard.access(viewer)

    def is_visible(self, viewer: Viewer) -> bool:
        """Tell whether a viewer may see objects of this type at all."""
        return self.guard is None or self.guard.access(viewer) is Access.CLEAR

    def reads(self, name: str, viewer: Viewer) -> bool:
        """Tell whether showing a field to a viewer takes its value: what is not shown is not read.

        A pseudonym follows from the row's identity.
        """
        found = self.access(name, viewer)
        if found is Access.MASKED:
            guard = self.guards[name]
            return guard is not None and guard.mask is not Mask.PSEUDONYM
        return found is Access.CLEAR

    def column_type(self, name: str) -> type:
        """Give the Python type of a column's values."""
        return self.table.c[name].type.python_type

    def alias(self, given: Mapping[str, ColumnElement[Any]] | None = None) -> FromClause:
        """Give the table under a name of its own, for one place in a statement.

        ``given`` are the values of the parameters, where the projection has any.
        """
        if self.parameters:
            assert given is not None
            assert not isinstance(self.source, type)
            return self.source(given).alias()
        return self.table.alias()

    def owner_of(self, table: FromClause) -> ColumnElement[Any]:
        """Give the column with the owner's id; the row's own where it belongs to nobody."""
        return table.c[self.owner or self.key or ""]

    def narrowed(self, table: FromClause, scope: Scope, reach: Reach) -> list[ColumnElement[bool]]:
        """Give the conditions of the viewer's scope."""
        owner = None if self.owner is None else table.c[self.owner]
        found = scope.condition(self.table_name, table, owner, reach)
        return [] if found is None else [found]

    def identity(self, table: FromClause) -> dict[str, ColumnElement[Any]]:
        """Give the labels that name a row."""
        if self.key is None:
            return {}
        labels = {OWNER: self.owner_of(table), ID: table.c[self.key]}
        if self.prefix_column is not None:
            labels[PREFIX] = table.c[self.prefix_column.name]
        return labels


class Row(dict[str, Any]):
    """One row of a projection: its selected labels, as the database gave them."""

    __slots__ = ("projection",)

    def __init__(self, projection: Projection, values: Mapping[str, Any]) -> None:
        """Copy the values of a database record."""
        super().__init__(values)
        self.projection = projection


def row_value(source: Any, name: str) -> Any:
    """Give a plain field's value: the default resolver of the schema."""
    return source[name] if type(source) is Row else getattr(source, name)


def evaluate(expression: Expression, table: FromClause) -> ColumnElement[Any]:
    """Give the SQL of an expression over ``table``."""
    return table.c[expression] if isinstance(expression, str) else expression(table)
