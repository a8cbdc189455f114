"""The arguments of a field, and whether they ask for more than the viewer sees.

Filters and sorts must not tell what a viewer does not see: they would be oracles.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import strawberry
from graphql import (
    FieldNode,
    GraphQLField,
    Node,
    VariableNode,
    VariableValues,
    get_argument_values,
)
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.utils.str_converters import to_camel_case

from app.auth.permissions import Access
from app.auth.viewer import Viewer
from app.planner.disclosure import refusal
from app.planner.errors import RefusedError
from app.planner.fields import Column, Embedded
from app.planner.filters import filterable
from app.planner.projection import Projection

_COMBINING: Final = ("and_", "or_")


# By identity: plans are kept with them, and runs remember what they gave.
@dataclass(frozen=True, eq=False)
class Given:
    """The arguments of one field of a document, with the variables of whoever asks."""

    definition: GraphQLField
    node: FieldNode
    declared: list[StrawberryArgument]
    convert: Mapping[str, Any]

    @property
    def is_fixed(self) -> bool:
        """Whether they are the same for whoever asks."""
        return not any(variables_in(self.node.arguments or ()))

    def of(self, variables: VariableValues) -> dict[str, Any]:
        """Give them as the field's resolver would get them."""
        coerced = get_argument_values(self.definition, self.node, variables)
        return convert_arguments(coerced, self.declared, **self.convert)


def variables_in(nodes: Iterable[Node]) -> Iterator[str]:
    """Give the names of the variables in parts of a document."""
    for node in nodes:
        if isinstance(node, VariableNode):
            yield node.name.value
        for key in node.keys:
            below = getattr(node, key, None)
            if isinstance(below, Node):
                yield from variables_in([below])
            elif isinstance(below, tuple | list):
                yield from variables_in(each for each in below if isinstance(each, Node))


def check_arguments(
    projection: Projection, given: Mapping[str, Any], viewer: Viewer
) -> Callable[[], RefusedError] | None:
    """Refuse a filter on, or an order by, a field that is masked for the viewer or denied.

    Gives what makes the refusal: each is an error of its own, which is given its position.
    """
    named: list[tuple[str, str]] = []
    used = given.get("filter")
    if used:
        filtered = _filtered(projection, used)
        named += [(name, f"filter.{to_camel_case(name)}") for name in filtered]
    sort = given.get("sort")
    if sort:
        columns = {column.removeprefix("-") for column in projection.orders[sort.name].columns}
        named += [(name, f"sort: {sort.name}") for name in _showing(projection, columns)]
    for name, what in named:
        guard = projection.guards[name]
        if guard is not None and guard.access(viewer) is not Access.CLEAR:
            assert guard.permission is not None
            return partial(refusal, guard.permission, what)
    return None


def _filtered(projection: Projection, given: Any) -> Iterator[str]:
    """Give the fields that a filter names, at any depth."""
    for name in filterable(projection):
        conditions = getattr(given, name, None)
        if conditions is not None and conditions is not strawberry.UNSET:
            yield name
    inner = getattr(given, "not_", None)
    if inner:
        yield from _filtered(projection, inner)
    for combining in _COMBINING:
        for inner in getattr(given, combining, None) or ():
            yield from _filtered(projection, inner)


def _showing(projection: Projection, columns: set[str]) -> Iterator[str]:
    """Give the fields that show any of some columns."""
    for name, kind in projection.fields.items():
        if (isinstance(kind, Column) and (kind.expression or name) in columns) or (
            isinstance(kind, Embedded)
            and columns & {part for part in kind.parts.values() if isinstance(part, str)}
        ):
            yield name
