"""Compiling pages: of one relation, and of several merged in one order."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from graphql import (
    FieldNode,
    GraphQLObjectType,
    StringValueNode,
    VariableNode,
    get_named_type,
)
from sqlalchemy import ColumnElement

from app.planner import ordering
from app.planner.answering import (
    TYPENAME,
    Asked,
    Reading,
    Run,
    constant,
    each_of,
    fields_of,
)
from app.planner.collecting import Reason, UnplannedError
from app.planner.fields import Relation, Union, relation_child
from app.planner.loaders import by_identity
from app.planner.pages import PageArguments
from app.planner.projection import ID, OWNER
from app.planner.rows import Branch, Window, count_rows, merged_rows
from app.planner.shelf import Shelf
from app.planner.wire import typed

if TYPE_CHECKING:
    from app.planner.compiling import Compiler

# Any place at all: what it is told to the statement is given for each run.
_SOMEWHERE = ((),)


@dataclass
class Rows:
    """What a page is made of.

    ``item`` compiles what nodes select of a row of the page, ``place`` gives a row's place in the
    order, and ``scope`` what cursors are bound to, of the row that the page hangs below.
    """

    item: Callable[[Sequence[FieldNode]], Reading]
    place: Callable[[Any], Sequence[object]]
    arguments: PageArguments
    scope: Callable[[Any], str]
    uses_cursors: bool = False

    def cursor(self, row: Any, run: Run) -> str:
        """Write a row's cursor."""
        return run.reader.cursors.write(run.scope, self.place(row))


class Connections:
    """Compiles connections for a compiler."""

    def __init__(self, compiler: "Compiler") -> None:
        """Take the compiler of the operation."""
        self._compiler = compiler

    def page(
        self,
        parent: Shelf | None,
        relation: Relation,
        asked: Asked,
        given: Mapping[str, Any],
    ) -> Reading:
        """Compile a page of a relation's rows."""
        compiler = self._compiler
        child = asked.declared.child()
        arguments = self._arguments(given)
        sort = given.get("sort")
        order = sort.name if sort else next(iter(child.orders), "")
        window = self._window(order or None, arguments)
        shelf = compiler.shelf(child, relation, window, given.get("filter"))
        shelf.size = arguments.size + 1
        row_type = _row_type(asked)
        labels = shelf.order()
        steps = [(shelf.place(label), typed(shelf.types[label])) for label in labels]
        columns = relation.parent_columns()
        keys = _typed_keys(parent, columns)
        role = compiler.viewer.role.value
        scope = f"{role}/{child.type_name}.{order}/{asked.type.name}.{asked.name}"
        if arguments.cursor is not None:
            terms = ordering.terms(child, order or None)
            types = [child.column_type(term.column) for term in terms]
            self._enter(_Entrance(window, asked.nodes[0], scope, types), parent, columns)
        rows = Rows(
            lambda below: compiler.objects(shelf, row_type, below),
            lambda row: [read(row[place]) for place, read in steps],
            arguments,
            lambda row: f"{scope}/{keys(row)}",
        )

        def counted() -> ColumnElement[Any]:
            return count_rows(
                relation,
                child,
                parent.keys(relation) if parent else {},
                scope=compiler.scope,
                given_filter=given.get("filter"),
            ).scalar_subquery()

        parts, total = self._connection(parent, rows, asked, counted)
        return _page(rows, parts, compiler.below(parent, shelf, relation), total)

    def union(
        self,
        parent: Shelf,
        union: Union,
        asked: Asked,
    ) -> Reading:
        """Compile a page of several relations' rows, newest first."""
        compiler = self._compiler
        arguments = self._arguments(compiler.given(asked))
        branches = [
            Branch(parent.projection.fields[member.relation], child, member.at)
            for member in union.members
            if (child := relation_child(parent.projection, member.relation)).is_visible(
                compiler.viewer
            )
        ]
        columns = union.parent_columns(parent.projection)
        window = self._window(None, arguments)
        keys = {column: parent.column(f":{column}") for column in columns}
        merged = merged_rows(
            branches, keys, window, scope=compiler.scope, size=_written(arguments.size + 1)
        ).subquery(alias := compiler.alias())
        of_parent = _typed_keys(parent, columns)
        role = compiler.viewer.role.value
        scope = f"{role}/{parent.projection.type_name}.{asked.declared.python_name}"
        if arguments.cursor is not None:
            first = branches[0]
            types = [first.projection.column_type(column) for column in (first.at, first.key)]
            self._enter(_Entrance(window, asked.nodes[0], scope, types), parent, columns)
        at, own = typed(merged.c[":at"].type), typed(merged.c[":id"].type)
        items: list[ColumnElement[Any]] = []
        rows = Rows(
            lambda below: self._member(branches, below, alias, items),
            lambda row: [at(row[1]), own(row[3])],
            arguments,
            lambda row: f"{scope}/{of_parent(row)}",
        )

        def counted() -> ColumnElement[Any]:
            counts = (
                count_rows(
                    branch.relation,
                    branch.projection,
                    parent.keys(branch.relation),
                    scope=compiler.scope,
                ).scalar_subquery()
                for branch in branches
            )
            return reduce(operator.add, counts)

        parts, total = self._connection(parent, rows, asked, counted)
        entries = [merged.c[label] for label in (":type", ":at", OWNER, ":id")]
        array = sa.func.json_build_array(*entries, *items)
        query = sa.select(sa.func.json_agg(array)).select_from(merged).scalar_subquery()
        return _page(rows, parts, parent.below(query), total)

    def _member(
        self,
        branches: Sequence[Branch],
        nodes: Sequence[FieldNode],
        alias: str,
        items: list[ColumnElement[Any]],
    ) -> Reading:
        """Compile what is selected of a union's row, whichever type it has."""
        compiler = self._compiler
        readings: dict[str, Reading] = {}
        cases = []
        for branch in branches:
            projection = branch.projection
            type_ = compiler.collector.schema.type_map[projection.type_name]
            shelf = compiler.shelf(projection, by_identity(projection), Window())
            shelf.size = 1
            assert isinstance(type_, GraphQLObjectType)
            readings[projection.type_name] = compiler.objects(shelf, type_, nodes)
            if not shelf.entries:
                shelf.place(ID)
            keys = {
                label: sa.literal_column(f'{alias}."{column}"', sa.Uuid())
                for label, column in ((OWNER, OWNER), (ID, ":id"))
            }
            is_type = sa.literal_column(f'{alias}.":type"') == sa.literal(projection.type_name)
            cases.append((is_type, shelf.rows(keys)))
        place = 4 + len(items)
        items.append(sa.case(*cases))
        reads = {name: reading.read for name, reading in readings.items()}

        def read(row: Any, run: Run) -> Any:
            return reads[row[0]](row[place][0], run)

        return Reading(read, any(reading.marks for reading in readings.values()))

    def _arguments(self, given: Mapping[str, Any]) -> PageArguments:
        return PageArguments.check(
            given.get("first"),
            given.get("after"),
            given.get("last"),
            given.get("before"),
            self._compiler.page_size_max,
        )

    def _window(self, order: str | None, arguments: PageArguments) -> Window:
        return Window(
            order,
            None,
            _SOMEWHERE if arguments.cursor is not None else None,
            arguments.backwards,
            f"{self._compiler.alias()}_",
        )

    def _enter(self, entrance: "_Entrance", parent: Shelf | None, columns: Sequence[str]) -> None:
        """Let a run begin after the cursor that it is given.

        A cursor is bound to the row that its page hangs below, which must be known beforehand.
        """
        if parent is not None and parent.root is None:
            raise UnplannedError(Reason.CURSOR, "a cursor below rows that are not known yet")

        def enter(run: Run) -> Mapping[str, Any]:
            keys: tuple[Any, ...] | None = ()
            if parent is not None:
                assert parent.root is not None
                found = run.rows[parent.root]
                assert found is not None
                keys = parent.known(columns, found)
            if keys is None:
                raise UnplannedError(
                    Reason.CURSOR, "a cursor below a row whose keys are not known yet"
                )
            return entrance.places(run, keys)

        self._compiler.parameters.append(enter)

    def _connection(
        self,
        parent: Shelf | None,
        rows: Rows,
        asked: Asked,
        counted: Callable[[], ColumnElement[Any]],
    ) -> tuple[list[tuple[str, str, Reading]], int | None]:
        """Compile a connection's fields: of its rows, or of its count, which gets a place."""
        compiler = self._compiler
        type_ = asked.objects
        found: list[tuple[str, str, Reading]] = []
        total = None
        for key, below in compiler.collector.below(asked.nodes, type_).items():
            name = below[0].name.value
            if name == TYPENAME:
                found.append((key, name, constant(type_.name)))
            elif name == "nodes":
                found.append((key, name, each_of(rows.item(below))))
            elif name == "edges":
                found.append((key, name, each_of(self._edge(rows, type_, below))))
            elif name == "pageInfo":
                found.append((key, name, self._page_info(rows, type_, below)))
            elif name == "totalCount":
                if total is None:
                    total = (parent or compiler.root).below(counted())
                found.append((key, name, constant(None)))
            else:
                raise UnplannedError(Reason.FIELD, f"field {type_.name}.{name}")
        return found, total

    def _edge(
        self, rows: Rows, connection: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> Reading:
        type_ = get_named_type(connection.fields["edges"].type)
        assert isinstance(type_, GraphQLObjectType)
        fields = []
        for key, below in self._compiler.collector.below(nodes, type_).items():
            name = below[0].name.value
            if name == TYPENAME:
                fields.append((key, constant(type_.name)))
            elif name == "node":
                fields.append((key, rows.item(below)))
            elif name == "cursor":
                rows.uses_cursors = True
                fields.append((key, Reading(rows.cursor)))
            else:
                raise UnplannedError(Reason.FIELD, f"field {type_.name}.{name}")
        return fields_of(fields)

    def _page_info(
        self, rows: Rows, connection: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> Reading:
        type_ = get_named_type(connection.fields["pageInfo"].type)
        assert isinstance(type_, GraphQLObjectType)
        entered, backwards = rows.arguments.cursor is not None, rows.arguments.backwards

        def end(position: int) -> Reading:
            return Reading(
                lambda page, run: rows.cursor(page[0][position], run) if page[0] else None
            )

        # Of the page's rows, and whether the list goes on beyond them.
        more = Reading(lambda page, _run: page[1])
        readings = {
            "hasNextPage": constant(entered) if backwards else more,
            "hasPreviousPage": more if backwards else constant(entered),
            "startCursor": end(0),
            "endCursor": end(-1),
            TYPENAME: constant(type_.name),
        }
        selected = self._compiler.collector.below(nodes, type_)
        names = {key: below[0].name.value for key, below in selected.items()}
        rows.uses_cursors |= not {"startCursor", "endCursor"}.isdisjoint(names.values())
        return fields_of([(key, readings[name]) for key, name in names.items()])


@dataclass(frozen=True)
class _Entrance:
    """Where a page begins: at the cursor in an argument of its field."""

    window: Window
    node: FieldNode
    scope: str
    types: Sequence[type]

    def places(self, run: Run, keys: tuple[Any, ...]) -> Mapping[str, Any]:
        """Give the parameters of the place that the run's cursor names."""
        cursor = self._cursor(run)
        place = run.reader.cursors.read(f"{self.scope}/{keys}", cursor, self.types)
        prefix = self.window.prefix
        return {ordering.place_name(n, prefix): value for n, value in enumerate(place)}

    def _cursor(self, run: Run) -> str:
        given = {argument.name.value: argument.value for argument in self.node.arguments or ()}
        for name in ("after", "before"):
            value = given.get(name)
            if isinstance(value, VariableNode):
                cursor = run.variables.get(value.name.value)
            else:
                cursor = value.value if isinstance(value, StringValueNode) else None
            if cursor is not None:
                return str(cursor)
        raise UnplannedError(Reason.CURSOR, "no cursor")


def _page(
    rows: Rows, parts: Sequence[tuple[str, str, Reading]], place: int, total: int | None
) -> Reading:
    """Read a page off the row that it hangs below."""
    size, backwards = rows.arguments.size, rows.arguments.backwards

    def read(row: Any, run: Run) -> dict[str, Any]:
        # One row more than asked for tells whether the list goes on.
        found = row[place] or []
        shown = found[:size][::-1] if backwards else found[:size]
        outer, made = run.scope, {}
        if rows.uses_cursors:
            run.scope = rows.scope(row)
        for key, name, reading in parts:
            run.place.append(key)
            if name == "totalCount":
                assert total is not None
                made[key] = row[total]
            else:
                given = (shown, len(found) > size) if name == "pageInfo" else shown
                made[key] = reading.read(given, run)
            run.place.pop()
        run.scope = outer
        return made

    return Reading(read, any(reading.marks for _, _, reading in parts))


def _written(size: int) -> ColumnElement[int]:
    """Write a size out: the planner of PostgreSQL expects a tenth of the rows of a parameter."""
    return sa.literal_column(str(size), sa.Integer())


def _row_type(asked: Asked) -> GraphQLObjectType:
    """Give the type of a connection's rows."""
    type_ = get_named_type(asked.objects.fields["nodes"].type)
    assert isinstance(type_, GraphQLObjectType)
    return type_


def _typed_keys(parent: Shelf | None, columns: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Give the values that rows are found by, as the reference path has them."""
    if parent is None:
        return lambda _row: ()
    labels = [f":{column}" for column in columns]
    steps = [(parent.place(label), typed(parent.types[label])) for label in labels]
    return lambda row: tuple(read(row[place]) for place, read in steps)
