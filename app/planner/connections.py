"""Compiling pages: of one relation, and of several merged in one order."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from graphql import FieldNode, GraphQLObjectType, get_named_type, located_error
from sqlalchemy import ColumnElement

from app.planner import ordering
from app.planner.answering import (
    TYPENAME,
    Asked,
    Reading,
    Run,
    column,
    constant,
    each_of,
    fields_of,
)
from app.planner.arguments import Given
from app.planner.collecting import Reason, UnplannedError
from app.planner.cursors import refusal
from app.planner.fields import Relation, Union, relation_child
from app.planner.named_rows import identity_keys, row_shelf
from app.planner.pages import PageArguments
from app.planner.projection import ID, OWNER
from app.planner.rows import Branch, Window, count_rows, merged_rows
from app.planner.shelf import Shelf
from app.planner.wire import typed

if TYPE_CHECKING:
    from app.planner.compiling import Compiler

# Any place at all: what it is told to the statement is given for each run.
_SOMEWHERE = ((),)
# Compiles what nodes select of a row of a page.
Item = Callable[[Sequence[FieldNode]], Reading]


@dataclass
class Rows:
    """What a page is made of: the window of its list, and how many of its rows are shown.

    ``scope`` is what cursors are bound to, ``place`` gives a row's place in the order, and ``keys``
    those of the row that the page hangs below.
    """

    window: Window
    size: int
    scope: str
    place: Callable[[Any], Sequence[object]]
    keys: Callable[[Any], list[object]]
    uses_cursors: bool = False

    @property
    def entered(self) -> bool:
        """Whether the page begins at a cursor."""
        return self.window.place is not None

    def cursor(self, row: Any, run: Run) -> str:
        """Write a row's cursor."""
        return run.reader.cursors.write(self.scope, run.keys, self.place(row))

    def refuses(self, row: Any, run: Run) -> bool:
        """Tell whether the run's cursor belongs to the page of another row."""
        return self.entered and run.entrances[self.window.prefix].keys != self.keys(row)


class Connections:
    """Compiles connections for a compiler."""

    def __init__(self, compiler: "Compiler") -> None:
        """Take the compiler of the operation."""
        self._compiler = compiler

    def page(self, parent: Shelf | None, relation: Relation, asked: Asked, given: Given) -> Reading:
        """Compile a page of a relation's rows."""
        compiler = self._compiler
        child, now = asked.declared.child(), given.of(compiler.collector.variables)
        arguments = self._arguments(now)
        sort = now.get("sort")
        order = sort.name if sort else next(iter(child.orders), "")
        window = self._window(order or None, arguments)
        wanted = compiler.fill_in(child, relation, window, given)
        shelf = compiler.shelf(child, relation, window, wanted)
        shelf.size = arguments.size + 1
        row_type = _row_type(asked)
        steps = [(shelf.place(label), typed(shelf.types[label])) for label in shelf.order()]
        rows = Rows(
            window,
            arguments.size,
            f"{compiler.viewer.role.value}/{child.type_name}.{order}"
            f"/{asked.type.name}.{asked.name}",
            lambda row: [read(row[place]) for place, read in steps],
            _keys_of(parent, relation.parent_columns()),
        )
        terms = ordering.terms(child, order or None)
        self._enter(rows, given, [child.column_type(term.column) for term in terms])

        def counted() -> ColumnElement[Any]:
            return count_rows(
                relation,
                child,
                parent.keys(relation) if parent else {},
                scope=compiler.scope,
                given_filter=wanted,
                prefix=window.prefix,
            ).scalar_subquery()

        def item(nodes: Sequence[FieldNode]) -> Reading:
            return compiler.objects(shelf, row_type, nodes)

        parts, total = self._connection(parent, rows, asked, item, counted)
        return _page(rows, asked.nodes, parts, compiler.below(parent, shelf, relation), total)

    def union(
        self,
        parent: Shelf,
        union: Union,
        asked: Asked,
    ) -> Reading:
        """Compile a page of several relations' rows, newest first."""
        compiler = self._compiler
        given = compiler.given(asked)
        arguments = self._arguments(given.of(compiler.collector.variables))
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
        at, own = typed(merged.c[":at"].type), typed(merged.c[":id"].type)
        name = asked.declared.python_name
        rows = Rows(
            window,
            arguments.size,
            f"{compiler.viewer.role.value}/{parent.projection.type_name}.{name}",
            lambda row: [at(row[1]), own(row[3])],
            _keys_of(parent, columns),
        )
        first = branches[0]
        types = [first.projection.column_type(column) for column in (first.at, first.key)]
        self._enter(rows, given, types)
        items: list[ColumnElement[Any]] = []

        def item(nodes: Sequence[FieldNode]) -> Reading:
            return self._member(branches, nodes, alias, items)

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

        parts, total = self._connection(parent, rows, asked, item, counted)
        entries = [merged.c[label] for label in (":type", ":at", OWNER, ":id")]
        array = sa.func.json_build_array(*entries, *items)
        query = sa.select(sa.func.json_agg(array)).select_from(merged).scalar_subquery()
        return _page(rows, asked.nodes, parts, parent.below(query), total)

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
            name = branch.projection.type_name
            shelf, readings[name] = row_shelf(compiler, branch.projection, nodes)
            is_type = sa.literal_column(f'{alias}.":type"') == sa.literal(name)
            cases.append((is_type, shelf.rows(identity_keys(alias, OWNER, ID))))
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

    def _enter(self, rows: Rows, given: Given, types: Sequence[type]) -> None:
        """Let each run begin after the cursor that it is given."""
        if not rows.entered:
            return
        prefix = rows.window.prefix

        def enter(run: Run) -> Mapping[str, Any]:
            arguments = run.given(given)
            cursor = arguments.get("after") or arguments.get("before") or ""
            entrance = run.reader.cursors.read(rows.scope, cursor, types)
            run.entrances[prefix] = entrance
            return {ordering.place_name(n, prefix): each for n, each in enumerate(entrance.place)}

        self._compiler.parameters.append(enter)

    def _connection(
        self,
        parent: Shelf | None,
        rows: Rows,
        asked: Asked,
        item: Item,
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
            elif name in {"nodes", "edges"}:
                with compiler.at(key):
                    row = item(below) if name == "nodes" else self._edge(rows, type_, below, item)
                found.append((key, name, each_of(row)))
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
        self,
        rows: Rows,
        connection: GraphQLObjectType,
        nodes: Sequence[FieldNode],
        item: Item,
    ) -> Reading:
        type_ = get_named_type(connection.fields["edges"].type)
        assert isinstance(type_, GraphQLObjectType)
        fields = []
        for key, below in self._compiler.collector.below(nodes, type_).items():
            name = below[0].name.value
            if name == TYPENAME:
                fields.append((key, constant(type_.name)))
            elif name == "node":
                with self._compiler.at(key):
                    fields.append((key, item(below)))
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
        entered, backwards = rows.entered, rows.window.backwards

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


def _page(
    rows: Rows,
    nodes: Sequence[FieldNode],
    parts: Sequence[tuple[str, str, Reading]],
    place: int,
    total: int | None,
) -> Reading:
    """Read a page off the row that it hangs below."""
    size, backwards = rows.size, rows.window.backwards
    # One row more than asked for tells whether the list goes on.
    shown = f"(v[{place}] or ())[:{size}]" + ("[::-1]" if backwards else "")
    fields = []
    for key, name, reading in parts:
        if name == "totalCount":
            assert total is not None
            fields.append((key, column(total, None)))
        elif name == "pageInfo":
            fields.append((key, reading.of(f"({shown}, len(v[{place}] or ()) > {size})")))
        else:
            fields.append((key, reading.of(shown)))
    made = fields_of(fields)
    if not rows.entered and not rows.uses_cursors:
        return made
    inner = made.read

    def read(row: Any, run: Run) -> Any:
        if rows.refuses(row, run):
            run.errors.append(located_error(refusal(), nodes, run.place.as_list()))
            return None
        outer = run.keys
        if rows.uses_cursors:
            run.keys = rows.keys(row)
        found = inner(row, run)
        run.keys = outer
        return found

    return Reading(read, rows.entered or made.marks)


def _written(size: int) -> ColumnElement[int]:
    """Write a size out: the planner of PostgreSQL expects a tenth of the rows of a parameter."""
    return sa.literal_column(str(size), sa.Integer())


def _row_type(asked: Asked) -> GraphQLObjectType:
    """Give the type of a connection's rows."""
    type_ = get_named_type(asked.objects.fields["nodes"].type)
    assert isinstance(type_, GraphQLObjectType)
    return type_


def _keys_of(parent: Shelf | None, columns: Sequence[str]) -> Callable[[Any], list[object]]:
    """Give the values that rows are found by, as cursors hold them."""
    if parent is None:
        return lambda _row: []
    labels = [f":{column}" for column in columns]
    if not all(isinstance(parent.types[label], sa.Uuid) for label in labels):
        raise UnplannedError(Reason.CURSOR, "a list that is found by something else than ids")
    places = [parent.place(label) for label in labels]
    return lambda row: [row[place] for place in places]
