"""Plans: an operation compiled to one statement, and the function that writes its answer.

A plan fits one role, with or without strong authentication, and the values of those variables
that change its text; the ids of root fields, look-up values and cursors are parameters.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
import sqlalchemy as sa
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    VariableNode,
    VariableValues,
    get_named_type,
    is_non_null_type,
)

from app.auth.permissions import Access
from app.auth.viewer import ALWAYS, Viewer
from app.planner.answering import (
    DEFINITION,
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
)
from app.planner.collecting import Collector, Reason, UnplannedError
from app.planner.compiling import Compiler, Values
from app.planner.enforcement import needs
from app.planner.fields import Relation
from app.planner.global_id import GlobalId
from app.planner.graph_field import KIND
from app.planner.loaders import by_identity
from app.planner.prepared import Prepared, prepare
from app.planner.projection import ID, OWNER, Projection
from app.planner.roots import ROOT, NamedRow, OfAsker
from app.planner.rows import Window

# With 500 documents kept, some 150 MB of statements at the very most.
_PLANS_MAX: Final = 10
_CURSORS: Final = frozenset({"after", "before"})


class PlanFailedError(Exception):
    """The database failed while a plan ran: each of the root fields ``keys`` is null for it."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the response keys of the root fields."""
        super().__init__()
        self.keys = keys


@dataclass(frozen=True)
class Plan:
    """What answers an operation: a statement, unless nothing is read, and what reads its array."""

    statement: Prepared | None
    reading: Reading
    parameters: Sequence[Values]

    async def run(self, run: Run) -> dict[str, Any]:
        """Give the operation's data; raises UnplannedError where the reference path must answer."""
        row: Any = []
        if self.statement is not None:
            values = dict(run.reader.scope.values)
            for parameter in self.parameters:
                values.update(parameter(run))
            statement = self.statement
            (record,) = await run.reader.run(statement.sql, statement.arguments(values))
            row = orjson.loads(record[0])
        data: dict[str, Any] = self.reading.read(row, run)
        return data


@dataclass
class Outline:
    """An operation's root fields under some variables, and its plans by the types of their rows."""

    roots: Mapping[str, list[FieldNode]]
    plans: dict[tuple[str | None, ...], Plan | UnplannedError] = field(default_factory=dict)


@dataclass
class Plans:
    """The outlines and plans of one document, kept as long as the document is."""

    dynamic: Mapping[str | None, frozenset[str]] = field(default_factory=dict)
    outlines: OrderedDict[tuple[Any, ...], Outline] = field(default_factory=OrderedDict)

    def outline(self, key: tuple[Any, ...]) -> Outline | None:
        """Give what is known under a key."""
        found = self.outlines.get(key)
        if found is not None:
            self.outlines.move_to_end(key)
        return found

    def keep(self, key: tuple[Any, ...], outline: Outline) -> Outline:
        """Keep an outline; the one that was not used for longest goes."""
        self.outlines[key] = outline
        if len(self.outlines) > _PLANS_MAX:
            self.outlines.popitem(last=False)
        return outline


@dataclass
class Planner:
    """Plans and runs the queries of one schema."""

    schema: GraphQLSchema
    page_size_max: int
    convert: Mapping[str, Any]

    async def execute(
        self,
        plans: Plans,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        context: Any,
    ) -> dict[str, Any]:
        """Give a query's data.

        Raises UnplannedError where the reference path must answer, and PlanFailedError from what
        the database raised.
        """
        collector = Collector(self.schema, fragments, variables)
        # A strong authentication may end meanwhile, but the plan is kept for those who have one.
        strong = context.viewer.strongly_authenticated
        viewer = replace(context.viewer, strong_until=ALWAYS if strong else None)
        outline = self._outline(plans, operation, collector, viewer)
        try:
            rows = await self._rows_named(outline, collector, viewer, context)
            run = Run(viewer, context.reader, context.disclosure, rows, variables.coerced)
            plan = self._plan(outline, rows, collector, run)
            data = await plan.run(run)
        except (UnplannedError, GraphQLError):
            raise
        except Exception as error:
            if any(self._must_be(nodes) for nodes in outline.roots.values()):
                raise UnplannedError(Reason.NULL, "a root field that is never null") from error
            raise PlanFailedError(list(outline.roots)) from error
        run.tell_exposures()
        for key, found in rows.items():
            nodes = outline.roots[key]
            shown = self._root(nodes)[ROOT].shown
            if shown is not None and found is not None and data[key] is not None:
                given = collector.arguments(self._definition(nodes), nodes[0])
                shown(context, given, found)
        return data

    def _must_be(self, nodes: Sequence[FieldNode]) -> bool:
        """Tell whether a root field is never null."""
        is_meta = nodes[0].name.value.startswith("__")
        return is_meta or is_non_null_type(self._definition(nodes).type)

    async def _rows_named(
        self, outline: Outline, collector: Collector, viewer: Viewer, context: Any
    ) -> dict[str, GlobalId | None]:
        """Find the rows that root fields name, of those that the viewer may ask for."""
        rows: dict[str, GlobalId | None] = {}
        for key, nodes in outline.roots.items():
            named = self._root(nodes).get(ROOT)
            if not isinstance(named, NamedRow):
                continue
            definition = self._definition(nodes)
            access, _ = needs(definition).access(viewer)
            if access is not Access.CLEAR:
                rows[key] = None
                continue
            given = collector.arguments(definition, nodes[0])
            rows[key] = found = await named.find(context, given)
            if found is not None and found.prefix not in named.projections:
                raise UnplannedError(Reason.ID, "an id of another type")
        return rows

    def _plan(
        self,
        outline: Outline,
        rows: Mapping[str, GlobalId | None],
        collector: Collector,
        run: Run,
    ) -> Plan:
        types = tuple(found and found.prefix for found in rows.values())
        plan = outline.plans.get(types)
        if plan is None:
            try:
                plan = self._compiled(outline.roots, rows, collector, run)
            except UnplannedError as error:
                plan = error
            outline.plans[types] = plan
        if isinstance(plan, UnplannedError):
            raise plan
        return plan

    def _outline(
        self, plans: Plans, operation: OperationDefinitionNode, collector: Collector, viewer: Viewer
    ) -> Outline:
        name = operation.name.value if operation.name else None
        dynamic = plans.dynamic.get(name)
        if dynamic is None:
            dynamic = frozenset(self._dynamic(operation, collector.fragments))
            plans.dynamic = {**plans.dynamic, name: dynamic}
        given = collector.variables.coerced
        # Of what is a parameter, only whether it is there changes the text.
        values = tuple(
            (variable, value is None if variable in dynamic else repr(value))
            for variable, value in given.items()
        )
        key = (name, viewer.role, viewer.strongly_authenticated, values)
        query = self.schema.query_type
        assert query is not None
        return plans.outline(key) or plans.keep(
            key, Outline(collector.fields([operation.selection_set], query))
        )

    def _definition(self, nodes: Sequence[FieldNode]) -> GraphQLField:
        query = self.schema.query_type
        assert query is not None
        definition: GraphQLField = query.fields[nodes[0].name.value]
        return definition

    def _root(self, nodes: Sequence[FieldNode]) -> Mapping[str, Any]:
        """Give what a root field says of itself."""
        if nodes[0].name.value.startswith("__"):
            return {}
        declared = self._definition(nodes).extensions.get(DEFINITION)
        metadata: Mapping[str, Any] = declared.metadata if declared else {}
        return metadata

    def _dynamic(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> set[str]:
        """Give the variables that are parameters wherever they are used."""
        found: set[str] = set()
        fixed: set[str] = set()
        pending: list[Any] = [operation.selection_set, *(fragments.values())]
        pending += operation.directives or ()
        while pending:
            node = pending.pop()
            if isinstance(node, FieldNode):
                names_row = isinstance(self._metadata(node.name.value).get(ROOT), NamedRow)
                for argument in node.arguments or ():
                    is_cursor = argument.name.value in _CURSORS
                    used = set(_variables(argument.value))
                    (found if names_row or is_cursor else fixed).update(used)
                pending += node.directives or ()
                if node.selection_set:
                    pending.append(node.selection_set)
            elif isinstance(node, VariableNode):
                fixed.add(node.name.value)
            else:
                pending += _children(node)
        return found - fixed

    def _metadata(self, name: str) -> Mapping[str, Any]:
        query = self.schema.query_type
        assert query is not None
        definition = query.fields.get(name)
        declared = definition.extensions.get(DEFINITION) if definition else None
        metadata: Mapping[str, Any] = declared.metadata if declared else {}
        return metadata

    def _compiled(
        self,
        roots: Mapping[str, list[FieldNode]],
        rows: Mapping[str, GlobalId | None],
        collector: Collector,
        run: Run,
    ) -> Plan:
        scope = run.reader.scope
        compiler = Compiler(collector, run.viewer, scope, self.page_size_max, self.convert)
        reading = fields_of(
            [(key, self._field(compiler, key, nodes, rows)) for key, nodes in roots.items()]
        )
        statement = None
        if compiler.root.entries:
            statement = prepare(sa.select(sa.func.json_build_array(*compiler.root.entries)))
        return Plan(statement, reading, compiler.parameters)

    def _field(
        self,
        compiler: Compiler,
        key: str,
        nodes: Sequence[FieldNode],
        rows: Mapping[str, GlobalId | None],
    ) -> Reading:
        name = nodes[0].name.value
        query = self.schema.query_type
        assert query is not None
        if name == TYPENAME:
            return constant(query.name)
        definition = query.fields.get(name)
        if definition is None:
            raise UnplannedError(Reason.FIELD, f"root field {name}")
        found = needs(definition)
        access, permission = found.access(compiler.viewer)
        if access is not Access.CLEAR:
            assert permission is not None
            return denied(permission, access)
        metadata = self._metadata(name)
        kind, root = metadata.get(KIND), metadata.get(ROOT)
        if isinstance(kind, Relation):
            reading = compiler.relation(None, kind, Asked(query, nodes))
        elif isinstance(root, OfAsker):
            reading = of_viewer(root.function, compiler.writer(Asked(query, nodes)))
        elif isinstance(root, NamedRow):
            row = rows[key]
            if row is None:
                return constant(None)
            reading = self._row(compiler, key, root.projections[row.prefix], nodes)
        else:
            raise UnplannedError(Reason.FIELD, f"root field {name}")
        if found.personal:
            reading = exposing(reading, found.personal, None)
        return present(reading) if is_non_null_type(definition.type) else reading

    def _row(
        self, compiler: Compiler, key: str, projection: Projection, nodes: Sequence[FieldNode]
    ) -> Reading:
        """Compile a root field that gives one row."""
        guard = projection.guard
        if guard is not None and guard.permission is not None:
            access = guard.access(compiler.viewer)
            if access is not Access.CLEAR:
                return denied(guard.permission, access)
        if projection.prefix_column is not None:
            raise UnplannedError(Reason.ID, f"one {projection.type_name} of several tables")
        type_ = get_named_type(self.schema.type_map[projection.type_name])
        assert isinstance(type_, GraphQLObjectType)
        shelf = compiler.shelf(projection, by_identity(projection), Window())
        shelf.size, shelf.root = 1, key
        read = compiler.objects(shelf, type_, nodes)
        names = {label: f"{shelf.alias}{label[1:]}" for label in (OWNER, ID)}
        shelf.place(ID)
        keys = {label: sa.bindparam(name, None, type_=sa.Uuid()) for label, name in names.items()}
        place = compiler.root.below(shelf.rows(keys))

        def identity(run: Run) -> Mapping[str, Any]:
            found = run.rows[key]
            assert found is not None
            return {names[OWNER]: found.owner, names[ID]: found.id}

        compiler.parameters.append(identity)
        return Reading(
            lambda array, run: read.read(array[place][0], run) if array[place] else None,
            read.marks,
        )


def _variables(node: Node) -> Iterator[str]:
    if isinstance(node, VariableNode):
        yield node.name.value
    for below in _children(node):
        yield from _variables(below)


def _children(node: Node) -> Iterator[Node]:
    for key in node.keys:
        value = getattr(node, key, None)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple | list):
            yield from (each for each in value if isinstance(each, Node))
