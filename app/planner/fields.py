"""The kinds of field that a projection is made of, declared as data.

A kind says which labelled expressions it needs from the row's statement (``selects``) and how
its value follows from them (``value``). Relations say how child rows join instead.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlmodel import SQLModel

from app.db.reach import Reach
from app.planner.projection import ID, OWNER, PREFIX, Expression, Projection, Row, Scope, evaluate
from app.planner.reader import Reader

T = TypeVar("T")
Selects = Iterator[tuple[str, ColumnElement[Any]]]


class Kind(ABC):
    """What all kinds of field share."""

    def reads_ciphertext(self, projection: Projection) -> bool:
        """Tell whether the field needs the customer's key."""
        del projection
        return False

    @abstractmethod
    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Give the labels that the field ``name`` reads, with their SQL over ``table``."""


class Valued(Kind):
    """A kind whose value follows from the row itself."""

    @abstractmethod
    def value(self, name: str, row: Row, reader: Reader) -> Any:
        """Give the field's value from the row's labels."""


@dataclass(frozen=True)
class Identity(Valued):
    """The global id."""

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need nothing: every row carries its identity."""
        del name, projection, table, scope
        return iter(())

    def value(self, name: str, row: Row, reader: Reader) -> str:
        """Write the global id, as this viewer may know it."""
        del name
        prefix = row.get(PREFIX, row.projection.prefix)
        assert prefix is not None
        return reader.identities.write(prefix, row[OWNER], row[ID])


@dataclass(frozen=True)
class Column(Valued):
    """A column, or an SQL expression over columns that are not encrypted."""

    expression: Expression | None
    filterable: bool

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need the one expression, labelled with the field's name."""
        del projection, scope
        yield name, evaluate(self.expression or name, table)

    def value(self, name: str, row: Row, reader: Reader) -> Any:
        """Give what PostgreSQL gave."""
        del reader
        return row[name]


@dataclass(frozen=True)
class Encrypted(Valued, Generic[T]):
    """A column of ciphertext, decrypted for the answer; ``decode`` reads the clear text."""

    column: str
    decode: Callable[[str], T]

    def reads_ciphertext(self, projection: Projection) -> bool:
        """Need the customer's key."""
        del projection
        return True

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need the ciphertext; the statement adds the customer's wrapped key."""
        del projection, scope
        yield name, table.c[self.column]

    def value(self, name: str, row: Row, reader: Reader) -> T | None:
        """Decrypt; null where there is no value or the customer was erased."""
        clear = reader.decrypt(row, name, self.column)
        return None if clear is None else self.decode(clear)


@dataclass(frozen=True)
class Embedded(Valued, Generic[T]):
    """An object without a table, made of columns; null where its first column is null."""

    make: Callable[..., T]
    parts: Mapping[str, Expression]
    filter_part: str | None

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need each part."""
        del projection, scope
        for part, expression in self.parts.items():
            yield f"{name}:{part}", evaluate(expression, table)

    def value(self, name: str, row: Row, reader: Reader) -> T | None:
        """Make the object."""
        del reader
        values = {part: row[f"{name}:{part}"] for part in self.parts}
        return None if next(iter(values.values())) is None else self.make(**values)


@dataclass(frozen=True)
class Computed(Valued, Generic[T]):
    """A Python function of other fields and of SQL expressions.

    A text in ``needs`` names a field of the same projection, whose value (decrypted, where it is
    encrypted) is passed; anything else is an SQL expression. The value is null when any need is.
    """

    function: Callable[..., T]
    needs: Mapping[str, Expression]

    def reads_ciphertext(self, projection: Projection) -> bool:
        """Need the customer's key when a needed field does."""
        return any(
            projection.fields[need].reads_ciphertext(projection)
            for need in self.needs.values()
            if isinstance(need, str)
        )

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need what the needed fields need, and the expressions."""
        for need in self.needs.values():
            if isinstance(need, str):
                yield from projection.fields[need].selects(need, projection, table, scope)
        for parameter, need in self.needs.items():
            if not isinstance(need, str):
                yield f"{name}:{parameter}", need(table)

    def value(self, name: str, row: Row, reader: Reader) -> T | None:
        """Call the function."""
        values = {
            parameter: row.projection.fields[need].value(need, row, reader)
            if isinstance(need, str)
            else row[f"{name}:{parameter}"]
            for parameter, need in self.needs.items()
        }
        return None if None in values.values() else self.function(**values)


@dataclass(frozen=True)
class Through:
    """A join table between parent and child: ``parent`` and ``child`` pair its columns with theirs.

    Each pair is (column of the join table, column of the other side). Where the join table repeats
    the columns of an order, an index of its own gives the children of one parent in that order.
    """

    table: type[SQLModel]
    parent: tuple[tuple[str, str], ...]
    child: tuple[tuple[str, str], ...]


class Connected(NamedTuple):
    """Where child rows come from, what ties them to the parent, and what they are ordered by.

    ``columns`` are the child's, each taken from the join table where that repeats it.
    """

    origin: FromClause
    conditions: list[ColumnElement[bool]]
    columns: Mapping[str, ColumnElement[Any]]


@dataclass(frozen=True)
class Argument:
    """An argument of a relation that becomes a parameter of its child's query."""

    name: str
    type: Any
    description: str


@dataclass(frozen=True, eq=False)
class Relation(Kind):
    """Child rows: which columns pair parent and child, and which rows and order.

    ``join`` pairs (column of the parent, column or parameter of the child). ``arguments`` give
    further parameters, by their names in Python; ``check`` refuses values that do not fit.
    ``where`` narrows the child rows. An ``entry`` begins at a root field, so only rows in the
    viewer's scope are given.
    """

    join: tuple[tuple[str, str], ...] = ()
    through: Through | None = None
    paged: bool = False
    entry: bool = False
    where: Callable[[FromClause], ColumnElement[bool]] | None = None
    through_where: Callable[[FromClause], ColumnElement[bool]] | None = None
    arguments: tuple[Argument, ...] = ()
    check: Callable[..., None] | None = None

    def parent_columns(self) -> tuple[str, ...]:
        """Give the parent's columns that child rows are found by, each once."""
        pairs = self.through.parent if self.through else self.join
        columns = (parent for _, parent in pairs) if self.through else (name for name, _ in pairs)
        return tuple(dict.fromkeys(columns))

    def reach(self, child: Projection) -> Reach:
        """Tell how a statement comes to the child rows.

        A child whose owner is paired with the parent's ``customer_id``, or with a customer's own
        id, belongs to the parent's customer.
        """
        if self.through is not None or not self.join:
            return Reach.LISTED
        of_parent = {ours for ours, theirs in self.join if theirs == child.owner}
        inside = not self.entry and of_parent & {"customer_id", "id"}
        return Reach.INSIDE if inside else Reach.KEYED

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need the parent's join columns."""
        del name, projection, scope
        for column in self.parent_columns():
            yield f":{column}", table.c[column]

    def child_rows(
        self, projection: Projection, keys: Mapping[str, ColumnElement[Any]], prefix: str = ""
    ) -> FromClause:
        """Give the child's table or query for one place in a statement.

        The parameters of its arguments are named after ``prefix`` and the argument.
        """
        if not projection.parameters:
            return projection.alias()
        given = {
            theirs: keys[ours] for ours, theirs in self.join if theirs in projection.parameters
        }
        for argument in self.arguments:
            type_ = projection.parameters[argument.name]
            value = sa.bindparam(f"{prefix}{argument.name}", None, type_=type_)
            given[argument.name] = sa.cast(value, type_)
        return projection.alias(given)

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give the arguments among the values of a field's arguments; refuses those that clash."""
        arguments = {each.name: values.get(each.name) for each in self.arguments}
        if self.check is not None:
            self.check(**arguments)
        return arguments

    def key_types(self, child: Projection) -> list[sa.types.TypeEngine[Any]]:
        """Give the SQL types of the parent's columns, read off what they are paired with."""
        if self.through is None:
            types = {
                ours: child.parameters[theirs]
                if theirs in child.parameters
                else child.table.c[theirs].type
                for ours, theirs in self.join
            }
        else:
            link: Any = self.through.table
            types = {theirs: link.__table__.c[ours].type for ours, theirs in self.through.parent}
        return [types[column] for column in self.parent_columns()]

    def keys(self, row: Row) -> tuple[Any, ...]:
        """Give the values that the row's children are found by."""
        return tuple(row[f":{column}"] for column in self.parent_columns())

    def connect(
        self, projection: Projection, child: FromClause, keys: Mapping[str, ColumnElement[Any]]
    ) -> Connected:
        """Tie child rows to the parent's keys.

        Written once: the loader passes the keys of an ``unnest``, a plan the columns of the
        parent's own statement.
        """
        conditions: list[ColumnElement[bool]] = []
        origin = child
        columns: dict[str, ColumnElement[Any]] = dict(child.c.items())
        if self.through is None:
            conditions += [
                child.c[theirs] == keys[ours]
                for ours, theirs in self.join
                if theirs not in projection.parameters
            ]
        else:
            link = sa.alias(self.through.table.__table__)  # type: ignore[attr-defined]
            on = [link.c[ours] == child.c[theirs] for ours, theirs in self.through.child]
            origin = link.join(child, sa.and_(*on))
            conditions += [link.c[ours] == keys[theirs] for ours, theirs in self.through.parent]
            columns |= {theirs: link.c[ours] for ours, theirs in self.through.child}
            if self.through_where is not None:
                conditions.append(self.through_where(link))
        if self.where is not None:
            conditions.append(self.where(child))
        return Connected(origin, conditions, columns)


@dataclass(frozen=True)
class Aggregate(Valued):
    """One value over a relation's rows, such as a count or a sum."""

    relation: str
    function: Callable[[FromClause], ColumnElement[Any]]
    where: Callable[[FromClause], ColumnElement[bool]] | None

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need the value of a sub-query over the relation's rows."""
        relation: Relation = projection.fields[self.relation]
        of_child = relation_child(projection, self.relation)
        child = of_child.alias()
        keys = {column: table.c[column] for column in relation.parent_columns()}
        origin, conditions, _ = relation.connect(of_child, child, keys)
        conditions += of_child.narrowed(child, scope, relation.reach(of_child))
        if self.where is not None:
            conditions.append(self.where(child))
        query = sa.select(self.function(child)).select_from(origin).where(*conditions)
        yield name, query.correlate(table).scalar_subquery()

    def value(self, name: str, row: Row, reader: Reader) -> Any:
        """Give what PostgreSQL gave."""
        del reader
        return row[name]


@dataclass(frozen=True)
class Member:
    """One relation in a union, and the child's column that its place in the order comes from."""

    relation: str
    at: str


@dataclass(frozen=True, eq=False)
class Union(Kind):
    """Several relations of one parent merged in one order, newest first."""

    members: tuple[Member, ...]

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need the join columns of every member."""
        for member in self.members:
            yield from projection.fields[member.relation].selects(name, projection, table, scope)

    def parent_columns(self, projection: Projection) -> tuple[str, ...]:
        """Give the parent's columns that any member is found by, each once."""
        return tuple(
            dict.fromkeys(
                column
                for member in self.members
                for column in projection.fields[member.relation].parent_columns()
            )
        )


def relation_child(projection: Projection, name: str) -> Projection:
    """Give the projection of a relation's child rows."""
    child = projection.children[name]()
    assert isinstance(child, Projection)
    return child
