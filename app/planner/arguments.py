"""Filters and sorts must not tell what a viewer does not see: they would be oracles."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.auth.permissions import Access
from app.auth.viewer import Viewer
from app.planner.disclosure import refusal
from app.planner.errors import RefusedError
from app.planner.fields import Column, Embedded
from app.planner.filters import filterable
from app.planner.projection import Projection

_COMBINING: Final = ("and_", "or_")


def check_arguments(
    projection: Projection, given: Mapping[str, Any], viewer: Viewer
) -> RefusedError | None:
    """Refuse a filter on, or an order by, a field that is masked for the viewer or denied."""
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
            return refusal(guard.permission, what)
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
