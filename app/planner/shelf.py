"""The rows that a plan reads of one relation: one JSON array for each, in one statement with all.

The SQL of the rows is that of the reference path (``app.planner.rows``); here it is wrapped in
JSON aggregation, and what hangs below a row stands beside its columns as sub-queries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.types import TypeEngine

from app.planner import ordering
from app.planner.collecting import Reason, UnplannedError
from app.planner.fields import Relation
from app.planner.filters import Filter
from app.planner.projection import ID, KEY, OWNER, Projection, Scope
from app.planner.rows import Window, child_rows
from app.planner.wire import sent

# The most arguments that a function of PostgreSQL takes.
_ENTRIES_MAX: Final = 100
Keys = Mapping[str, ColumnElement[Any]]


@dataclass
class Shelf:
    """What is read of each row: its place in the row's array by label or sub-query.

    ``alias`` names the rows in the statement; sub-queries refer to its columns.
    """

    projection: Projection
    relation: Relation
    scope: Scope
    alias: str
    window: Window = field(default_factory=Window)
    size: int | None = None
    filter: Filter | None = None
    names: dict[str, None] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    types: dict[str, TypeEngine[Any]] = field(default_factory=dict)
    entries: list[str | ColumnElement[Any]] = field(default_factory=list)
    ordered: bool = False

    def __post_init__(self) -> None:
        """Every row with an identity carries it."""
        for label, column in self.projection.identity(self.projection.table).items():
            self._known(label, column.type)

    def _known(self, label: str, type_: TypeEngine[Any]) -> None:
        self.types.setdefault(label, type_)

    def field(self, name: str) -> list[str]:
        """Read what a field needs; gives its labels."""
        projection = self.projection
        self.names[name] = None
        kind = projection.fields[name]
        found = []
        for label, expression in kind.selects(name, projection, projection.table, self.scope):
            self._known(label, expression.type)
            found.append(label)
        if kind.reads_ciphertext(projection):
            self._known(KEY, sa.LargeBinary())
        return found

    def place(self, label: str) -> int:
        """Give a label's place in a row's array, putting it there at first."""
        if label not in self.labels:
            self.labels[label] = len(self.entries)
            self.entries.append(label)
        return self.labels[label]

    def order(self) -> list[str]:
        """Read the columns of the order; gives their labels, for cursors."""
        self.ordered = True
        found = []
        for term in ordering.terms(self.projection, self.window.order):
            label = f":{term.column}"
            self._known(label, self.projection.table.c[term.column].type)
            found.append(label)
        return found

    def below(self, query: ColumnElement[Any]) -> int:
        """Put a sub-query into each row's array; gives its place."""
        self.entries.append(query)
        return len(self.entries) - 1

    def column(self, label: str) -> ColumnElement[Any]:
        """Give a label as sub-queries refer to it.

        As text: an inner SELECT would take a column object's table for one of its own.
        """
        return sa.literal_column(f'{self.alias}."{label}"', self.types[label])

    def keys(self, relation: Relation) -> Keys:
        """Give the columns that a relation's rows are found by."""
        return {name: self.column(f":{name}") for name in relation.parent_columns()}

    def rows(self, keys: Keys) -> ColumnElement[Any]:
        """Give the rows of one parent as a JSON array of arrays; null where there are none."""
        if len(self.entries) > _ENTRIES_MAX:
            raise UnplannedError(Reason.SIZE, "more fields of one object than a row's array takes")
        terms = ordering.terms(self.projection, self.window.order) if self.ordered else ()
        statement = child_rows(
            self.relation,
            self.projection,
            tuple(self.names),
            keys,
            self.window,
            scope=self.scope,
            given_filter=self.filter,
            labels=[term.column for term in terms],
        )
        if self.size is not None:
            # Written out: the planner of PostgreSQL expects a tenth of the rows of a parameter.
            statement = statement.limit(sa.literal_column(str(self.size)))
        rows = statement.subquery(self.alias)
        array = sa.func.json_build_array(
            *(
                sent(rows.c[entry], self.types[entry]) if isinstance(entry, str) else entry
                for entry in self.entries
            )
        )
        return sa.select(sa.func.json_agg(array)).select_from(rows).scalar_subquery()

    @property
    def identity(self) -> tuple[int, int]:
        """The places of owner and id."""
        return self.place(OWNER), self.place(ID)
