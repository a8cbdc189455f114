"""Plans: an operation compiled to one statement, and the function that writes its answer.

A plan fits one role, with or without strong authentication, and the values of those variables
that change its text; the ids of root fields, look-up values and cursors are parameters.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
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
from app.planner.compiling import Compiler
from app.planner.enforcement import needs
from app.planner.fields import Relation
from app.planner.global_id import GlobalId
from app.planner.graph_field import KIND
from app.planner.loaders import by_identity
from app.planner.plans import KeptPlans, Outline, Plan, PlanFailedError, Plans, Unplanned
from app.planner.prepared import prepare
from app.planner.projection import ID, OWNER, Projection
from app.planner.roots import ROOT, NamedRow, OfAsker
from app.planner.rows import Window

_CURSORS: Final = frozenset({"after", "before"})


@dataclass
class Planner:
    """Plans and runs the queries of one schema."""

    schema: GraphQLSchema
    page_size_max: int
    convert: Mapping[str, Any]
    _kept: KeptPlans = field(default_factory=KeptPlans)
    _compiling: asyncio.Lock = field(default_factory=asyncio.Lock)

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
            plan = await self._plan(outline, rows, collector, run)
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

    async def _plan(
        self,
        outline: Outline,
        rows: Mapping[str, GlobalId | None],
        collector: Collector,
        run: Run,
    ) -> Plan:
        types = tuple(found and found.prefix for found in rows.values())
        plan = outline.plans.get(types)
        if plan is None:
            # One at a time, and beside the event loop: others are answered meanwhile.
            async with self._compiling:
                plan = outline.plans.get(types)
                if plan is None:
                    make = partial(self._made, outline.roots, rows, collector, run)
                    plan = await asyncio.to_thread(make)
                    self._kept.keep(outline, types, plan)
        if isinstance(plan, Unplanned):
            raise plan.error()
        return plan

    def _made(
        self,
        roots: Mapping[str, list[FieldNode]],
        rows: Mapping[str, GlobalId | None],
        collector: Collector,
        run: Run,
    ) -> Plan | Unplanned:
        try:
            return self._compiled(roots, rows, collector, run)
        except UnplannedError as error:
            return Unplanned(error.reason, error.detail)

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
        query = self.schema.query_type
        assert query is not None
        uses = _Uses(
            {name for name in query.fields if isinstance(self._metadata(name).get(ROOT), NamedRow)}
        )
        uses.walk(operation.selection_set, at_root=True)
        uses.fixed.update(*(_variables(each) for each in operation.directives or ()))
        for fragment in fragments.values():
            uses.walk(
                fragment.selection_set, at_root=fragment.type_condition.name.value == query.name
            )
        return uses.parameters - uses.fixed

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


@dataclass
class _Uses:
    """How variables are used: in look-ups of root fields and cursors, or in what fixes the text."""

    named_rows: AbstractSet[str]
    parameters: set[str] = field(default_factory=set)
    fixed: set[str] = field(default_factory=set)

    def walk(self, selections: SelectionSetNode, *, at_root: bool) -> None:
        """Note the uses in selections, at the root or below it."""
        for node in selections.selections:
            self.fixed.update(*(_variables(each) for each in node.directives or ()))
            if isinstance(node, FieldNode):
                names_row = at_root and node.name.value in self.named_rows
                for argument in node.arguments or ():
                    is_free = names_row or argument.name.value in _CURSORS
                    (self.parameters if is_free else self.fixed).update(_variables(argument.value))
                if node.selection_set:
                    self.walk(node.selection_set, at_root=False)
            elif isinstance(node, InlineFragmentNode):
                self.walk(node.selection_set, at_root=at_root)


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
