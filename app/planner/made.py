"""Values that Python makes: scalars, objects of plain attributes, and lists of them.

Such are computed fields, and whole root fields (``roots.OfContext``) whose objects may have more:
what is made only when asked for, and rows that the plan's statement reads (``made_fields``).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from strawberry.types.field import StrawberryField

from app.auth.permissions import Access
from app.planner.answering import (
    TYPENAME,
    Asked,
    Reading,
    Run,
    constant,
    denied,
    each_of,
    fields_of,
    present,
    unless_null,
)
from app.planner.collecting import Reason, UnplannedError
from app.planner.enforcement import needs
from app.planner.graph_field import GraphField
from app.planner.made_fields import Later, RowOf
from app.planner.named_rows import RowsById

if TYPE_CHECKING:
    from app.planner.compiling import Compiler


class MadeValues:
    """Compiles what is selected of a made value.

    ``root`` is the response key of the root field that it answers, None for a value of a row.
    """

    def __init__(self, compiler: "Compiler", root: str | None = None) -> None:
        """Take the compiler of the operation."""
        self._compiler = compiler
        self._root = root
        # The attributes that lead from the root field's value to where the compiler is.
        self._path: list[str] = []

    def reading(self, type_: GraphQLType, nodes: Sequence[FieldNode]) -> Reading:
        """Compile a value of a type."""
        if is_non_null_type(type_):
            return present(self.reading(type_.of_type, nodes))
        if is_list_type(type_):
            return unless_null(each_of(self.reading(type_.of_type, nodes)))
        if is_leaf_type(type_):
            serialize = type_.serialize
            return unless_null(Reading(lambda value, _run: serialize(value)))
        named = get_named_type(type_)
        if not is_object_type(named):
            raise UnplannedError(Reason.FIELD, f"objects of {named}")
        selected = self._compiler.collector.below(nodes, named)
        return unless_null(
            fields_of([(key, self._field(named, below)) for key, below in selected.items()])
        )

    def _field(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Reading:
        asked = Asked(type_, nodes)
        if asked.name == TYPENAME:
            return constant(type_.name)
        declared = asked.declared
        access, permission = needs(asked.definition).access(self._compiler.viewer)
        if access is not Access.CLEAR and (self._root is None or access is Access.MASKED):
            raise UnplannedError(Reason.FIELD, f"field {type_.name}.{asked.name}")
        if access is not Access.CLEAR:
            assert permission is not None
            return denied(permission, access)
        kind = declared.kind if isinstance(declared, GraphField) else None
        if isinstance(kind, RowOf):
            return self._row(kind, asked)
        if isinstance(kind, Later):
            self._fetch(kind, asked)
        elif not isinstance(declared, StrawberryField) or declared.base_resolver is not None:
            raise UnplannedError(Reason.FIELD, f"field {type_.name}.{asked.name}")
        attribute = declared.python_name
        self._path.append(attribute)
        inner = self.reading(asked.definition.type, nodes)
        self._path.pop()
        read = inner.read
        return Reading(lambda value, run: read(getattr(value, attribute), run), inner.marks)

    def _fetch(self, kind: Later, asked: Asked) -> None:
        """Let each run make an attribute of the root field's object before it is read."""
        root, attribute = self._root, asked.declared.python_name
        if root is None or self._path:
            raise UnplannedError(Reason.FIELD, f"field {asked.type.name}.{asked.name}")

        async def fetch(run: Run) -> None:
            made = run.made[root]
            if made is not None:
                setattr(made, attribute, await kind.function(run.context))

        self._compiler.steps[root, attribute] = fetch

    def _row(self, kind: RowOf, asked: Asked) -> Reading:
        """Compile a row that a made object names."""
        root, path, attribute = self._root, tuple(self._path), kind.attribute
        if root is None:
            raise UnplannedError(Reason.FIELD, f"field {asked.type.name}.{asked.name}")

        def named(run: Run) -> list[UUID]:
            objects = _objects(run.made[root], path)
            found = dict.fromkeys(getattr(each, attribute) for each in objects)
            return [row_id for row_id in found if row_id is not None]

        rows = RowsById.compiled(
            self._compiler,
            asked.declared.child(),
            asked.nodes,
            lambda run: [(row_id, row_id) for row_id in named(run)],
        )
        key = object()

        def read(value: Any, run: Run) -> Any:
            if key not in run.by_id:
                run.by_id[key] = dict(zip(named(run), run.array[rows.place] or (), strict=True))
            return rows.read(run.by_id[key].get(getattr(value, attribute)), run)

        return Reading(read, rows.reading.marks)


def _objects(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Give the objects that attributes lead to, through lists."""
    for each in value if isinstance(value, list) else [value]:
        if each is None:
            continue
        if path:
            yield from _objects(getattr(each, path[0]), path[1:])
        else:
            yield each
