"""Plans: an operation compiled to one statement, and the function that writes its answer.

A plan fits one role, with or without strong authentication, and the values of those variables
that change its text (``plan_keys``); all others are parameters.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
)
from strawberry.types.arguments import convert_arguments

from app.auth.permissions import Access
from app.auth.viewer import ALWAYS, Viewer
from app.db.viewer_setting import telling
from app.planner.answering import DEFINITION, Named, Run, fields_of
from app.planner.collecting import Collector, Reason, UnplannedError
from app.planner.compiling import Compiler
from app.planner.global_id import GlobalId
from app.planner.plan_keys import Uses
from app.planner.plans import KeptPlans, Outline, Plan, PlanFailedError, Plans, Unplanned
from app.planner.prepared import prepare
from app.planner.projection import Scope
from app.planner.root_fields import RootField, Types, compile_root, types_of
from app.planner.roots import ROOT, NamedRow, NamedRows, OfContext

NOBODY: Final = UUID(int=0)


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
    ) -> ExecutionResult:
        """Answer a query.

        Raises UnplannedError where the reference path must answer, and PlanFailedError from what
        the database raised.
        """
        collector = Collector(self.schema, fragments, variables)
        # A strong authentication may end meanwhile, but the plan is kept for those who have one.
        strong = context.viewer.strongly_authenticated
        viewer = replace(context.viewer, strong_until=ALWAYS if strong else None)
        outline = self._outline(plans, operation, collector, viewer)
        try:
            rows, made = await self._found(outline, collector, viewer, context)
            run = Run(viewer, context, variables, rows, made)
            plan = await self._plan(outline, collector, run.rows, viewer, run.reader.scope)
            data = await plan.run(run)
        except (UnplannedError, GraphQLError):
            raise
        except Exception as error:
            if any(root.is_never_null for root in outline.roots.values()):
                raise UnplannedError(Reason.NULL, "a root field that is never null") from error
            raise PlanFailedError(list(outline.roots)) from error
        run.tell_exposures()
        self._tell_shown(outline, collector, run, data)
        return ExecutionResult(data, run.errors or None)

    async def _found(
        self, outline: Outline, collector: Collector, viewer: Viewer, context: Any
    ) -> tuple[dict[str, Named], dict[str, Any]]:
        """Find the rows that root fields name, and make the values of those that Python makes.

        Only of what the viewer may ask for.
        """
        rows: dict[str, Named] = {}
        made: dict[str, Any] = {}
        for key, field_ in outline.roots.items():
            root = field_.metadata.get(ROOT)
            if not isinstance(root, NamedRow | NamedRows | OfContext):
                continue
            access, _ = field_.needs.access(viewer)
            is_shown = access is Access.CLEAR
            given = collector.arguments(field_.definition, field_.nodes[0])
            if isinstance(root, OfContext):
                declared = field_.definition.extensions[DEFINITION].arguments
                arguments = convert_arguments(given, declared, **self.convert)
                made[key] = await root.make(context, **arguments) if is_shown else None
            elif isinstance(root, NamedRows):
                rows[key] = _known(root, root.find(context, given)) if is_shown else []
            else:
                found = await root.find(context, given) if is_shown else None
                rows[key] = found and _known(root, [found])[0]
        return rows, made

    def _tell_shown(
        self, outline: Outline, collector: Collector, run: Run, data: Mapping[str, Any]
    ) -> None:
        """Tell the root fields that want to know which rows were shown."""
        for key, found in run.rows.items():
            field_ = outline.roots[key]
            root = field_.metadata[ROOT]
            if isinstance(root, NamedRow) and root.shown is not None and data[key] is not None:
                assert isinstance(found, GlobalId)
                given = collector.arguments(field_.definition, field_.nodes[0])
                root.shown(run.context, given, found)

    async def plan_ahead(
        self,
        plans: Plans,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        viewer: Viewer,
        scope: Scope,
    ) -> bool:
        """Make the plan of a query before anybody asks it; False where it cannot be known yet.

        That is so where ids say what types of rows it reads, and where the variables are refused.
        """
        collector = Collector(self.schema, fragments, variables)
        outline = self._outline(plans, operation, collector, viewer)
        rows: dict[str, Named] = {}
        for key, field_ in outline.roots.items():
            root = field_.metadata.get(ROOT)
            if isinstance(root, NamedRows) or (isinstance(root, NamedRow) and root.prefix is None):
                return False
            if isinstance(root, NamedRow):
                is_shown = field_.needs.access(viewer)[0] is Access.CLEAR
                rows[key] = GlobalId(root.prefix or "", NOBODY, NOBODY) if is_shown else None
        try:
            await self._plan(outline, collector, rows, viewer, scope)
        except (UnplannedError, GraphQLError):
            return False
        return True

    async def _plan(
        self,
        outline: Outline,
        collector: Collector,
        rows: Mapping[str, Named],
        viewer: Viewer,
        scope: Scope,
    ) -> Plan:
        types = tuple(map(types_of, rows.values()))
        plan = outline.plans.get(types)
        if plan is None:
            # One at a time, and beside the event loop: others are answered meanwhile.
            async with self._compiling:
                plan = outline.plans.get(types)
                if plan is None:
                    named = dict(zip(rows, types, strict=True))
                    make = partial(self._made, outline.roots, named, collector, viewer, scope)
                    plan = await asyncio.to_thread(make)
                    self._kept.keep(outline, types, plan)
        if isinstance(plan, Unplanned):
            raise plan.error()
        return plan

    def _made(
        self,
        roots: Mapping[str, RootField],
        types: Mapping[str, Types],
        collector: Collector,
        viewer: Viewer,
        scope: Scope,
    ) -> Plan | Unplanned:
        compiler = Compiler(collector, viewer, scope, self.page_size_max, self.convert)
        try:
            reading = fields_of(
                [
                    (key, compile_root(compiler, key, root, types.get(key)))
                    for key, root in roots.items()
                ]
            )
            statement = None
            if compiler.root.entries:
                made = prepare(sa.select(sa.func.json_build_array(*compiler.root.entries)))
                statement = replace(made, sql=telling(made.sql, len(made.names)))
        except UnplannedError as error:
            return Unplanned(error.reason, error.detail)
        return Plan(statement, reading, compiler.parameters, list(compiler.steps.values()))

    def _outline(
        self, plans: Plans, operation: OperationDefinitionNode, collector: Collector, viewer: Viewer
    ) -> Outline:
        name = operation.name.value if operation.name else None
        uses = plans.uses.get(name)
        if uses is None:
            uses = Uses.of(operation, collector.fragments)
            plans.uses = {**plans.uses, name: uses}
        changing = uses.digest(collector.variables.coerced)
        key = (name, viewer.role, viewer.strongly_authenticated, changing)
        known = plans.outline(key)
        if known is not None:
            return known
        query = self.schema.query_type
        assert query is not None
        selected = collector.fields([operation.selection_set], query)
        roots = {name: RootField(self.schema, nodes) for name, nodes in selected.items()}
        return plans.keep(key, Outline(roots))


def _known(root: NamedRow | NamedRows, found: list[GlobalId]) -> list[GlobalId]:
    """Give identities of types that a root field may show."""
    if any(each.prefix not in root.projections for each in found):
        raise UnplannedError(Reason.ID, "an id of another type")
    return found
