"""Compiling root fields: what each is stands beside its resolver (``roots``)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import sqlalchemy as sa
from graphql import FieldNode, GraphQLField, GraphQLSchema, is_non_null_type

from app.auth.permissions import Access
from app.planner.answering import (
    DEFINITION,
    TYPENAME,
    Asked,
    Named,
    Reading,
    Run,
    constant,
    denied,
    exposing,
    of_viewer,
    present,
)
from app.planner.collecting import Reason, UnplannedError
from app.planner.compiling import Compiler
from app.planner.enforcement import Needs, needs
from app.planner.fields import Relation
from app.planner.global_id import GlobalId
from app.planner.graph_field import KIND
from app.planner.named_rows import RowsById, row_shelf
from app.planner.projection import ID, OWNER, Projection
from app.planner.roots import ROOT, NamedRow, NamedRows, OfAsker, OfContext

# The prefixes of the ids that a root field names: its plan has the types that they stand for.
Types = str | tuple[str, ...] | None


def types_of(named: Named) -> Types:
    """Give what a plan is kept under of the rows that a root field names."""
    if named is None or isinstance(named, GlobalId):
        return named and named.prefix
    return tuple(sorted({each.prefix for each in named}))


@dataclass(frozen=True)
class RootField:
    """A root field as an operation asks for it."""

    schema: GraphQLSchema
    nodes: Sequence[FieldNode]

    @cached_property
    def asked(self) -> Asked:
        """The field, on the type of all queries."""
        query = self.schema.query_type
        assert query is not None
        return Asked(query, self.nodes)

    @property
    def is_meta(self) -> bool:
        """Whether it asks about the schema."""
        return self.asked.name.startswith("__")

    @cached_property
    def definition(self) -> GraphQLField:
        """The field of the schema."""
        return self.asked.definition

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """What the field says of itself."""
        if self.is_meta:
            return {}
        declared = self.definition.extensions.get(DEFINITION)
        found: Mapping[str, Any] = declared.metadata if declared else {}
        return found

    @cached_property
    def needs(self) -> Needs:
        """What the field needs."""
        return needs(self.definition)

    @property
    def is_never_null(self) -> bool:
        """Whether a null in its place leaves nothing of the answer."""
        return self.is_meta or is_non_null_type(self.definition.type)


def compile_root(compiler: Compiler, key: str, field: RootField, types: Types) -> Reading:
    """Compile a root field; ``types`` are those of the rows that it names."""
    asked = field.asked
    if asked.name == TYPENAME:
        return constant(asked.type.name)
    if field.is_meta:
        raise UnplannedError(Reason.FIELD, f"root field {asked.name}")
    found = needs(asked.definition)
    access, permission = found.access(compiler.viewer)
    if access is not Access.CLEAR:
        assert permission is not None
        return denied(permission, access)
    with compiler.at(key):
        reading = _compiled(compiler, key, field, types)
    if found.personal:
        reading = exposing(reading, found.personal, None)
    return present(reading) if is_non_null_type(asked.definition.type) else reading


def _compiled(compiler: Compiler, key: str, field: RootField, types: Types) -> Reading:
    asked, root = field.asked, field.metadata.get(ROOT)
    kind = field.metadata.get(KIND)
    if isinstance(kind, Relation):
        return compiler.relation(None, kind, asked)
    if isinstance(root, OfAsker):
        return of_viewer(root.function, compiler.made(asked))
    if isinstance(root, OfContext):
        made = compiler.made(asked, key).read
        return Reading(lambda _array, run: made(run.made[key], run), marks=True)
    if isinstance(root, NamedRow):
        if types is None:
            return constant(None)
        assert isinstance(types, str)
        return _row(compiler, key, root.projections[types], field.nodes)
    if isinstance(root, NamedRows):
        assert isinstance(types, tuple)
        return _rows(compiler, key, {each: root.projections[each] for each in types}, field.nodes)
    raise UnplannedError(Reason.FIELD, f"root field {asked.name}")


def _guarded(
    compiler: Compiler, projection: Projection, compile_: Callable[[], Reading]
) -> Reading:
    """Compile rows of a type that the root field itself does not guard."""
    guard = projection.guard
    if guard is None or guard.permission is None:
        return compile_()
    access = guard.access(compiler.viewer)
    if access is not Access.CLEAR:
        return denied(guard.permission, access)
    reading = compile_()
    return exposing(reading, str(guard.permission), None) if guard.is_personal else reading


def _row(
    compiler: Compiler, key: str, projection: Projection, nodes: Sequence[FieldNode]
) -> Reading:
    """Compile a root field that gives one row."""

    def compiled() -> Reading:
        shelf, reading = row_shelf(compiler, projection, nodes)
        names = {label: f"{shelf.alias}{label[1:]}" for label in (OWNER, ID)}
        keys = {label: sa.bindparam(name, None, type_=sa.Uuid()) for label, name in names.items()}
        place = compiler.root.below(shelf.rows(keys))

        def identity(run: Run) -> Mapping[str, Any]:
            found = run.rows[key]
            assert isinstance(found, GlobalId)
            return {names[OWNER]: found.owner, names[ID]: found.id}

        compiler.parameters.append(identity)
        read = reading.read
        return Reading(
            lambda array, run: read(array[place][0], run) if array[place] else None,
            reading.marks,
        )

    return _guarded(compiler, projection, compiled)


def _rows(
    compiler: Compiler,
    key: str,
    projections: Mapping[str, Projection],
    nodes: Sequence[FieldNode],
) -> Reading:
    """Compile a root field that gives rows of several types, in the order of their ids."""

    def named(run: Run, prefix: str | None = None) -> Iterator[GlobalId]:
        found = run.rows[key]
        assert isinstance(found, list)
        return (each for each in found if prefix in {None, each.prefix})

    places: dict[str, int] = {}

    def compiled(prefix: str) -> Reading:
        rows = RowsById.compiled(
            compiler,
            projections[prefix],
            nodes,
            lambda run: ((each.owner, each.id) for each in named(run, prefix)),
        )
        places[prefix] = rows.place
        return Reading(rows.read, rows.reading.marks)

    reads = {
        prefix: _guarded(compiler, projection, partial(compiled, prefix)).read
        for prefix, projection in projections.items()
    }

    def read(array: Any, run: Run) -> list[Any]:
        # The rows of a type come in the order of its ids, so that each is taken in its turn.
        turns = {prefix: iter(array[place] or ()) for prefix, place in places.items()}
        shown = []
        for index, each in enumerate(named(run)):
            run.place.append(index)
            row = next(turns[each.prefix]) if each.prefix in turns else None
            shown.append(reads[each.prefix](row, run))
            run.place.pop()
        return shown

    return Reading(read, marks=True)
