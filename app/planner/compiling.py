"""Compiling selections into the SQL that reads their rows and the functions that write the answer.

What a field is, who sees it and what it reads stands in its declaration; nothing is said again
here. docs/planner.md walks through an example.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from graphql import FieldNode, GraphQLObjectType, is_non_null_type
from sqlalchemy import ColumnElement

from app.auth.permissions import Access, Mask
from app.auth.viewer import Viewer
from app.planner import filters, values
from app.planner.answering import (
    TYPENAME,
    Asked,
    Reading,
    Run,
    constant,
    denied,
    exposing,
    fields_of,
    of_viewer,
    present,
    refused,
    row_at,
    rows_at,
)
from app.planner.arguments import Given, check_arguments
from app.planner.collecting import Collector, Reason, UnplannedError
from app.planner.connections import Connections
from app.planner.disclosure import selection_of
from app.planner.enforcement import needs
from app.planner.fields import Relation, Union, Valued
from app.planner.filters import Filter
from app.planner.graph_field import GraphField
from app.planner.made import MadeValues
from app.planner.made_fields import OfViewer
from app.planner.projection import OWNER, Projection, Scope
from app.planner.rows import Window
from app.planner.shelf import Shelf

Values = Callable[[Run], Mapping[str, Any]]
Step = Callable[[Run], Awaitable[None]]


@dataclass
class Root:
    """What stands in the one array that a plan's statement gives: its root fields."""

    entries: list[ColumnElement[Any]] = field(default_factory=list)

    def below(self, query: ColumnElement[Any]) -> int:
        """Put a sub-query into the array; gives its place."""
        self.entries.append(query)
        return len(self.entries) - 1


class Compiler:
    """Compiles one operation for one role."""

    def __init__(
        self,
        collector: Collector,
        viewer: Viewer,
        scope: Scope,
        page_size_max: int,
        convert: Mapping[str, Any],
    ) -> None:
        """``convert`` is what Strawberry converts arguments with."""
        self.collector = collector
        self.viewer = viewer
        self.scope = scope
        self.page_size_max = page_size_max
        self.root = Root()
        self.parameters: list[Values] = []
        # What each run does before its statement, by root field and attribute.
        self.steps: dict[tuple[str, str], Step] = {}
        self._convert = convert
        self._aliases = count()
        # The response keys that lead to what is being compiled.
        self._place: list[str] = []
        self._connections = Connections(self)

    def alias(self) -> str:
        """Give a name that nothing else in the statement has."""
        return f"r{next(self._aliases)}"

    def given(self, asked: Asked) -> Given:
        """Give a field's arguments, for any variables."""
        return Given(asked.definition, asked.nodes[0], asked.declared.arguments, self._convert)

    def made(self, asked: Asked, root: str | None = None) -> Reading:
        """Compile a value of a field that Python made."""
        return MadeValues(self, root).reading(asked.definition.type, asked.nodes)

    def objects(
        self, shelf: Shelf, type_: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> Reading:
        """Compile what ``nodes`` select of each row."""
        fields = []
        for key, below in self.collector.below(nodes, type_).items():
            with self.at(key):
                fields.append((key, self.field(shelf, Asked(type_, below))))
        return fields_of(fields)

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """Compile what stands under a response key."""
        self._place.append(key)
        try:
            yield
        finally:
            self._place.pop()

    def field(self, shelf: Shelf, asked: Asked) -> Reading:
        """Compile one field of a row."""
        if asked.name == TYPENAME:
            return constant(asked.type.name)
        if not isinstance(asked.declared, GraphField):
            raise UnplannedError(Reason.FIELD, f"field {asked.type.name}.{asked.name}")
        reading = self._guarded(shelf, asked)
        return present(reading) if is_non_null_type(asked.definition.type) else reading

    def _guarded(self, shelf: Shelf, asked: Asked) -> Reading:
        found = needs(asked.definition)
        access, permission = found.access(self.viewer)
        if access in {Access.DENIED, Access.STEP_UP}:
            assert permission is not None
            return denied(permission, access)
        if access is Access.MASKED:
            assert found.mask is not None
            return self._masked(shelf, asked, found.mask)
        reading = self._clear(shelf, asked)
        if found.personal and shelf.projection.owner is not None:
            return exposing(reading, found.personal, shelf.place(OWNER))
        return reading

    def _masked(self, shelf: Shelf, asked: Asked, mask: Mask) -> Reading:
        if mask is Mask.PSEUDONYM:
            hidden = values.pseudonym(shelf)
        else:
            hidden = values.masked(shelf, asked.declared, mask, self.made(asked))

        selection = selection_of(self._place)

        def read(row: Any, run: Run) -> Any:
            run.disclosure.mask_selection(selection)
            return hidden(row, run)

        return Reading(read)

    def _clear(self, shelf: Shelf, asked: Asked) -> Reading:
        kind = asked.declared.kind
        if isinstance(kind, Relation):
            shelf.field(asked.declared.python_name)
            return self.relation(shelf, kind, asked)
        if isinstance(kind, Union):
            shelf.field(asked.declared.python_name)
            return self._connections.union(shelf, kind, asked)
        if isinstance(kind, OfViewer):
            return of_viewer(kind.function, self.made(asked))
        assert isinstance(kind, Valued)
        return values.clear(self, shelf, kind, asked)

    def relation(self, parent: Shelf | None, relation: Relation, asked: Asked) -> Reading:
        """Compile child rows of a row, or without a parent those of a root field."""
        child, given = asked.declared.child(), self.given(asked)
        now = given.of(self.collector.variables)
        refusing = check_arguments(child, now, self.viewer)
        if refusing is not None:
            return refused(refusing)
        if relation.paged:
            return self._connections.page(parent, relation, asked, given)
        is_list = relation.entry or asked.declared.is_list
        sort = now.get("sort")
        window = Window(order=sort.name if sort else None, prefix=f"{self.alias()}_")
        shelf = self.shelf(child, relation, window, self.fill_in(child, relation, window, given))
        shelf.size = None if is_list else 1
        reading = self.objects(shelf, asked.objects, asked.nodes)
        place = self.below(parent, shelf, relation)
        return rows_at(place, reading) if is_list else row_at(place, reading)

    def shelf(
        self,
        projection: Projection,
        relation: Relation,
        window: Window,
        filter_: Filter | None = None,
    ) -> Shelf:
        """Make the shelf of a relation's rows."""
        return Shelf(projection, relation, self.scope, self.alias(), window, filter=filter_)

    def below(self, parent: Shelf | None, shelf: Shelf, relation: Relation) -> int:
        """Put a shelf's rows into their parent's array, or into the root's; gives the place."""
        above = parent or self.root
        return above.below(shelf.rows(parent.keys(relation) if parent else {}))

    def fill_in(
        self, child: Projection, relation: Relation, window: Window, given: Given
    ) -> Filter | None:
        """Let each run fill in what a list's filter and arguments compare with.

        Gives the filter, of which a plan keeps the shape alone.
        """

        def values(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            found = relation.given(arguments)
            named = {f"{window.prefix}{name}": value for name, value in found.items()}
            wanted = filters.read(child, arguments.get("filter"))
            return named | (wanted.parameters(window.prefix) if wanted else {})

        now = given.of(self.collector.variables)
        found = values(now)
        if found and given.is_fixed:
            self.parameters.append(lambda _run: found)
        elif found:
            self.parameters.append(lambda run: values(run.given(given)))
        wanted = filters.read(child, now.get("filter"))
        return wanted and replace(wanted, values=())
