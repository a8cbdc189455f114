"""The SQL of ``filter:`` arguments: conditions inside one input hold together.

A filter is taken apart once: its shape, which decides the SQL, and its values, which are parameters
in the order of the shape. Filters of one shape share a statement.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
import strawberry
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.types import TypeEngine
from strawberry.utils.str_converters import to_camel_case

from app.planner.errors import bad_input, too_large
from app.planner.fields import Column, Embedded
from app.planner.projection import Projection, evaluate
from app.planner.references import Reference

# A filter with more conditions than this is a report.
_CONDITIONS_MAX: Final = 50
_ALTERNATIVES_MAX: Final = 100
_ESCAPE: Final = "/"


class Test(NamedTuple):
    """A comparison of a field with a value."""

    field: str
    operation: str


class Combined(NamedTuple):
    """Several groups of conditions: all of them (``and_``), any (``or_``) or not the one."""

    combining: str
    groups: tuple["Shape", ...]


# Conditions that hold together.
Shape = tuple[Test | Combined, ...]


@dataclass(frozen=True)
class Filter:
    """A filter taken apart; ``values`` come in the order of the tests in ``shape``."""

    shape: Shape
    values: tuple[Any, ...]

    def parameters(self, prefix: str = "") -> dict[str, Any]:
        """Give the statement's parameters; ``prefix`` is the one that its SQL was made with."""
        return {_parameter(prefix, n): value for n, value in enumerate(self.values)}

    @property
    def identity(self) -> tuple[object, ...]:
        """What two filters that give the same rows share."""
        return (self.shape, repr(self.values))


@cache
def filterable(projection: Projection) -> dict[str, Any]:
    """Give the expressions that may be filtered on, by field."""
    found: dict[str, Any] = {}
    for name, kind in projection.fields.items():
        if isinstance(kind, Column) and kind.filterable:
            found[name] = kind.expression or name
        elif isinstance(kind, Embedded) and kind.filter_part:
            found[name] = kind.parts[kind.filter_part]
        elif isinstance(kind, Reference):
            found[name] = kind.column
    return found


def read(projection: Projection, given: Any) -> Filter | None:
    """Take a filter input apart; None where there is none. Refuses what means nothing."""
    if not given:
        return None
    reading = _Reading(projection)
    return Filter(reading.conditions(given), tuple(reading.values))


def condition(
    projection: Projection, table: FromClause, shape: Shape, prefix: str = ""
) -> ColumnElement[bool]:
    """Give the SQL condition of a filter's shape; its parameters are named after ``prefix``."""
    return _all(projection, table, shape, map(partial(_parameter, prefix), count()))


class _Reading:
    """Takes one filter apart."""

    def __init__(self, projection: Projection) -> None:
        self.values: list[Any] = []
        self._projection = projection
        self._count = 0

    def _found(self) -> None:
        self._count += 1
        if self._count > _CONDITIONS_MAX:
            message = f"a filter has at most {_CONDITIONS_MAX} conditions"
            raise too_large(message)

    def conditions(self, given: Any) -> Shape:
        return tuple(self._conditions(given))

    def _conditions(self, given: Any) -> Iterator[Test | Combined]:
        self._found()
        for name in filterable(self._projection):
            operations = _given(given, name)
            if operations is not None:
                self._found()
                yield from self._tests(name, operations)
        for name in ("and_", "or_"):
            inputs = _given(given, name)
            if inputs is None:
                continue
            if not inputs:
                message = f"filter.{name.rstrip('_')}: an empty list; leave it out instead"
                raise bad_input(message)
            yield Combined(name, tuple(map(self.conditions, inputs)))
        inner = _given(given, "not_")
        if inner is not None:
            yield Combined("not_", (self.conditions(inner),))

    def _tests(self, name: str, operations: Any) -> Iterator[Test]:
        kind, shown = self._projection.fields[name], to_camel_case(name)
        text = partial(_text, shown)
        value = partial(kind.read, shown) if isinstance(kind, Reference) else text
        readers: Mapping[str, Callable[[Any], Any]] = {
            "eq": value,
            "gte": value,
            "lte": value,
            "contains": lambda given: _escaped(text(given)),
            "in_": lambda given: [value(each) for each in _few(shown, given)],
        }
        for operation, reader in readers.items():
            if (wanted := _given(operations, operation)) is not None:
                self.values.append(reader(wanted))
                yield Test(name, operation)


def _given(source: Any, name: str) -> Any:
    """Give a condition, None where it was left out; refuses null, which would mean nothing."""
    value = getattr(source, name, strawberry.UNSET)
    if value is None:
        message = f"filter: {name.rstrip('_')} is null; leave it out instead"
        raise bad_input(message)
    return None if value is strawberry.UNSET else value


def _text(name: str, value: Any) -> Any:
    if isinstance(value, str) and "\x00" in value:
        message = f"filter.{name}: a text cannot hold the character NUL"
        raise bad_input(message)
    return value


def _few(name: str, alternatives: list[Any]) -> list[Any]:
    if len(alternatives) > _ALTERNATIVES_MAX:
        message = f"filter.{name}.in: at most {_ALTERNATIVES_MAX} values"
        raise too_large(message)
    return alternatives


def _escaped(text: str) -> str:
    """Take the meaning from what LIKE reads as a pattern."""
    for letter in (_ESCAPE, "%", "_"):
        text = text.replace(letter, _ESCAPE + letter)
    return text


def _parameter(prefix: str, position: int) -> str:
    return f"{prefix}filter_{position}"


def _all(
    projection: Projection, table: FromClause, shape: Shape, names: Iterator[str]
) -> ColumnElement[bool]:
    return sa.and_(sa.true(), *_conditions(projection, table, shape, names))


def _conditions(
    projection: Projection, table: FromClause, shape: Shape, names: Iterator[str]
) -> Iterable[ColumnElement[bool]]:
    for part in shape:
        if isinstance(part, Test):
            column = evaluate(filterable(projection)[part.field], table)
            yield _compared(column, part.operation, next(names))
            continue
        groups = [_all(projection, table, group, names) for group in part.groups]
        if part.combining == "not_":
            # A comparison with null is neither true nor false; whatever is not true belongs to
            # "not".
            yield sa.not_(sa.func.coalesce(groups[0], sa.false()))
        else:
            yield (sa.and_ if part.combining == "and_" else sa.or_)(*groups)


def _compared(column: ColumnElement[Any], operation: str, name: str) -> ColumnElement[bool]:
    if operation == "in_":
        return column == sa.any_(sa.bindparam(name, None, sa.ARRAY(column.type)))
    if operation == "contains":
        return column.icontains(sa.bindparam(name, None, sa.Text()), escape=_ESCAPE)
    value = sa.bindparam(name, None, _widest(column.type))
    if operation == "eq":
        return column == value
    return column >= value if operation == "gte" else column <= value


def _widest(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Give the widest type of a family, lest a value be rounded to the column's."""
    if isinstance(type_, sa.Integer):
        return sa.BigInteger()
    return sa.Numeric() if isinstance(type_, sa.Numeric) else type_
