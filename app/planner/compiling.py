"""Compiling selections into the SQL that reads their rows and the functions that write the answer.

What a field is, who sees it and what it reads stands in its declaration; nothing is said again
here. docs/planner.md walks through an example.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

from graphql import FieldNode, GraphQLObjectType, is_non_null_type
from sqlalchemy import ColumnElement
from strawberry.types.arguments import convert_arguments

from app.auth.permissions import Access, Mask
from app.auth.viewer import Viewer
from app.planner import values
from app.planner.answering import (
    TYPENAME,
    Asked,
    Reading,
    Run,
    constant,
    denied,
    each_of,
    exposing,
    fields_of,
    of_viewer,
    present,
    refused,
    writer,
)
from app.planner.arguments import check_arguments
from app.planner.collecting import Collector, Reason, UnplannedError
from app.planner.connections import Connections
from app.planner.enforcement import needs
from app.planner.fields import OfViewer, Relation, Union, Valued
from app.planner.graph_field import GraphField
from app.planner.projection import OWNER, Projection, Scope
from app.planner.rows import Window
from app.planner.shelf import Shelf

Values = Callable[[Run], Mapping[str, Any]]


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
        self._convert = convert
        self._aliases = count()
        self._fixed: dict[str, Any] = {}
        self._connections = Connections(self)

    def alias(self) -> str:
        """Give a name that nothing else in the statement has."""
        return f"r{next(self._aliases)}"

    def given(self, asked: Asked) -> dict[str, Any]:
        """Give a field's arguments as its resolver would get them."""
        coerced = self.collector.arguments(asked.definition, asked.nodes[0])
        return convert_arguments(coerced, asked.declared.arguments, **self._convert)

    def writer(self, asked: Asked) -> Callable[[Any], Any]:
        """Give what writes a value of a field that Python made."""
        return writer(self.collector, self.viewer, asked.definition.type, asked.nodes)

    def objects(
        self, shelf: Shelf, type_: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> Reading:
        """Compile what ``nodes`` select of each row."""
        selected = self.collector.below(nodes, type_)
        return fields_of(
            [(key, self.field(shelf, Asked(type_, below))) for key, below in selected.items()]
        )

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
            hidden = values.masked(shelf, asked.declared, mask, self.writer(asked))

        def read(row: Any, run: Run) -> Any:
            run.disclosure.mask(run.place)
            return hidden(row, run)

        return Reading(read, marks=True)

    def _clear(self, shelf: Shelf, asked: Asked) -> Reading:
        kind = asked.declared.kind
        if isinstance(kind, Relation):
            shelf.field(asked.declared.python_name)
            return self.relation(shelf, kind, asked)
        if isinstance(kind, Union):
            shelf.field(asked.declared.python_name)
            return self._connections.union(shelf, kind, asked)
        if isinstance(kind, OfViewer):
            return of_viewer(kind.function, self.writer(asked))
        assert isinstance(kind, Valued)
        return values.clear(self, shelf, kind, asked)

    def relation(self, parent: Shelf | None, relation: Relation, asked: Asked) -> Reading:
        """Compile child rows of a row, or without a parent those of a root field."""
        child, given = asked.declared.child(), self.given(asked)
        refusal = check_arguments(child, given, self.viewer)
        if refusal is not None:
            # Each run needs an error of its own: it is given its position.
            return refused(lambda: cast("Any", check_arguments(child, given, self.viewer)))
        if relation.paged:
            return self._connections.page(parent, relation, asked, given)
        self._fix(relation, given)
        is_list = relation.entry or asked.declared.is_list
        sort = given.get("sort")
        window = Window(order=sort.name if sort else None)
        shelf = self.shelf(child, relation, window, given.get("filter"))
        shelf.size = None if is_list else 1
        reading = self.objects(shelf, asked.objects, asked.nodes)
        place = self.below(parent, shelf, relation)
        if is_list:
            rows = each_of(reading)
            return Reading(lambda row, run: rows.read(row[place] or (), run), rows.marks)
        read = reading.read
        return Reading(
            lambda row, run: read(row[place][0], run) if row[place] else None, reading.marks
        )

    def shelf(
        self, projection: Projection, relation: Relation, window: Window, filter_: Any = None
    ) -> Shelf:
        """Make the shelf of a relation's rows."""
        return Shelf(projection, relation, self.scope, self.alias(), window, filter=filter_)

    def below(self, parent: Shelf | None, shelf: Shelf, relation: Relation) -> int:
        """Put a shelf's rows into their parent's array, or into the root's; gives the place."""
        above = parent or self.root
        return above.below(shelf.rows(parent.keys(relation) if parent else {}))

    def _fix(self, relation: Relation, given: Mapping[str, Any]) -> None:
        """Note the arguments that are parameters of the child's query."""
        arguments = {each.name: given.get(each.name) for each in relation.arguments}
        if relation.check is not None:
            relation.check(**arguments)
        for name, value in arguments.items():
            if self._fixed.setdefault(name, value) != value:
                raise UnplannedError(Reason.ARGUMENT, f"two values of the argument {name}")
        if arguments:
            self.parameters.append(lambda _run: arguments)
