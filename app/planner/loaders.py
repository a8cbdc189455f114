"""Batches: one SQL statement per relation and level, however many parents there are."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from aiodataloader import DataLoader
from sqlalchemy import ColumnElement, Select

from app.planner import ordering
from app.planner.fields import Relation
from app.planner.filters import Filter
from app.planner.prepared import prepared
from app.planner.projection import ID, OWNER, Projection, Row
from app.planner.reader import Reader
from app.planner.rows import (
    Branch,
    Window,
    child_rows,
    count_rows,
    limit,
    merged_rows,
    newest,
)

Keys = tuple[Any, ...]
# Parents in one statement; more are split, so that no statement grows without bound.
_PARENTS_MAX: Final = 1_000
_PARENT: Final = ":parent"


@dataclass(frozen=True)
class Children:
    """What is read of a relation: the loader's identity within one operation."""

    relation: Relation
    projection: Projection
    names: tuple[str, ...]
    window: Window
    filter: Filter | None = None
    arguments: tuple[tuple[str, Any], ...] = ()

    def identity(self) -> tuple[object, ...]:
        """Give what two places of an operation must share to be read in one batch."""
        # An argument is converted for each parent anew, so filters are compared by content.
        wanted = self.filter and self.filter.identity
        return (id(self.relation), self.names, self.window, wanted, self.arguments)


def _batched(
    relation_types: Sequence[sa.types.TypeEngine[Any]],
    columns: Sequence[str],
    inner: Callable[[Mapping[str, ColumnElement[Any]]], Select[Any]],
    order: Callable[[Any], Sequence[ColumnElement[Any]]] = lambda _: (),
) -> Select[Any]:
    """Wrap a statement about one parent into one about many, each row with its parent's place."""
    if not columns:
        # A root field has no parent, so there is one list.
        whole = inner({}).subquery("rows")
        return sa.select(sa.literal_column("1").label(_PARENT), *whole.c).order_by(*order(whole.c))
    keys = [sa.column(_key(n), type_) for n, type_ in enumerate(relation_types)]
    arrays = [
        sa.bindparam(_key(n), None, type_=sa.ARRAY(type_)) for n, type_ in enumerate(relation_types)
    ]
    parents = (
        sa.func.unnest(*arrays)
        .table_valued(*keys, with_ordinality="place")
        .render_derived(name="parents")
    )
    # As text: an inner SELECT would take a column object's table for one of its own, and read the
    # rows of all parents for each.
    tied = {
        column: sa.literal_column(f"parents.{key.name}", key.type)
        for column, key in zip(columns, keys, strict=True)
    }
    rows = inner(tied).lateral("rows")
    return (
        sa.select(parents.c.place.label(_PARENT), *rows.c)
        .select_from(parents.join(rows, sa.true()))
        .order_by(parents.c.place, *order(rows.c))
    )


def _key(position: int) -> str:
    return f"key_{position}"


def _key_values(keys: Sequence[Keys]) -> dict[str, Any]:
    return {_key(n): list(values) for n, values in enumerate(zip(*keys, strict=True))}


class _Loader(DataLoader[Keys, Any], ABC):
    """What the loaders of a relation share."""

    max_batch_size = _PARENTS_MAX

    def __init__(self, reader: Reader, children: Children) -> None:
        """Read what ``children`` says with ``reader``."""
        super().__init__()
        self._reader = reader
        self._children = children

    @abstractmethod
    def _statement(self) -> Select[Any]:
        """Build the statement for the parents' keys."""

    async def _fetch(self, keys: Sequence[Keys]) -> Sequence[Any]:
        what = self._children
        scope = self._reader.scope
        filtered = what.filter and what.filter.shape
        shape = (type(self), what.relation, what.names, what.window.shape, filtered, scope.shape)
        statement = prepared(shape, self._statement)
        values = _key_values(keys) | what.window.values() | dict(scope.values)
        values |= dict(what.arguments)
        if what.filter is not None:
            values |= what.filter.parameters()
        return await self._reader.fetch(statement, values)


class ChildLoader(_Loader):
    """Loads the child rows of many parents by the values of their join columns."""

    def _statement(self) -> Select[Any]:
        what = self._children
        order = ordering.terms(what.projection, what.window.order)
        return _batched(
            what.relation.key_types(what.projection),
            what.relation.parent_columns(),
            lambda columns: child_rows(
                what.relation,
                what.projection,
                what.names,
                columns,
                what.window,
                given_filter=what.filter,
                scope=self._reader.scope,
                labels=[term.column for term in order],
            ),
            lambda rows: [
                rows[f":{term.column}"].desc()
                if term.descending != what.window.backwards
                else rows[f":{term.column}"]
                for term in order
            ],
        )

    async def batch_load_fn(self, keys: list[Keys]) -> list[list[Row]]:
        """Load every parent's rows in one statement."""
        return _grouped(await self._fetch(keys), len(keys), self._children.projection)


class CountLoader(_Loader):
    """Counts the child rows of many parents, regardless of the page."""

    def _statement(self) -> Select[Any]:
        what = self._children
        return _batched(
            what.relation.key_types(what.projection),
            what.relation.parent_columns(),
            lambda columns: count_rows(
                what.relation,
                what.projection,
                columns,
                given_filter=what.filter,
                scope=self._reader.scope,
            ),
        )

    async def batch_load_fn(self, keys: list[Keys]) -> list[int]:
        """Count every parent's rows in one statement."""
        return [record["count"] for record in await self._fetch(keys)]


class UnionLoader(DataLoader[Keys, list[Mapping[str, Any]]]):
    """Loads type, place and identity of the rows of several relations, merged in one order."""

    max_batch_size = _PARENTS_MAX

    def __init__(
        self, reader: Reader, branches: Sequence[Branch], columns: Sequence[str], window: Window
    ) -> None:
        """Merge ``branches``, all found by the parent's ``columns``."""
        super().__init__()
        self._reader = reader
        self._branches = branches
        self._columns = columns
        self._window = window

    def _merged(self, columns: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
        scope = self._reader.scope
        return merged_rows(self._branches, columns, self._window, scope=scope, size=limit())

    def _statement(self) -> Select[Any]:
        types: dict[str, sa.types.TypeEngine[Any]] = {}
        for branch in self._branches:
            found = branch.relation.key_types(branch.projection)
            types |= dict(zip(branch.relation.parent_columns(), found, strict=True))
        return _batched(
            [types[column] for column in self._columns],
            self._columns,
            self._merged,
            lambda rows: newest(rows, backwards=self._window.backwards),
        )

    async def batch_load_fn(self, keys: list[Keys]) -> list[list[Mapping[str, Any]]]:
        """Load every parent's merged rows in one statement."""
        relations = tuple(branch.relation for branch in self._branches)
        scope = self._reader.scope
        shape = (UnionLoader, relations, self._window.shape, scope.shape)
        statement = prepared(shape, self._statement)
        values = _key_values(keys) | self._window.values() | dict(scope.values)
        groups: list[list[Mapping[str, Any]]] = [[] for _ in keys]
        for record in await self._reader.fetch(statement, values):
            groups[record[_PARENT] - 1].append(record)
        return groups


def _grouped(records: Sequence[Any], parents: int, projection: Projection) -> list[list[Row]]:
    groups: list[list[Row]] = [[] for _ in range(parents)]
    for record in records:
        groups[record[_PARENT] - 1].append(Row(projection, record))
    return groups


def children_of(reader: Reader, children: Children) -> ChildLoader:
    """Give the operation's batch of these children."""
    key = ("children", *children.identity())
    return reader.loader(key, lambda: ChildLoader(reader, children))


def count_of(reader: Reader, children: Children) -> CountLoader:
    """Give the operation's batch that counts these children."""
    wanted = children.filter and children.filter.identity
    key = ("count", id(children.relation), wanted)
    return reader.loader(key, lambda: CountLoader(reader, children))


def by_identity(projection: Projection) -> Relation:
    """Give the relation from an identity to its row, the same object for a projection."""
    if projection not in _identities:
        assert projection.key is not None
        owner = projection.owner or projection.key
        join = ((OWNER, owner), (ID, projection.key))
        _identities[projection] = Relation(join=join, entry=True)
    return _identities[projection]


_identities: dict[Projection, Relation] = {}


async def load_row(
    reader: Reader, projection: Projection, owner: UUID, row_id: UUID, names: tuple[str, ...]
) -> Row | None:
    """Load one row by its identity; many loads of one operation share a statement."""
    children = Children(by_identity(projection), projection, names, Window())
    rows = await children_of(reader, children).load((owner, row_id))
    return rows[0] if rows else None
