"""The SQL of ``filter:`` arguments: conditions inside one input hold together."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

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


def condition(projection: Projection, table: FromClause, given: Any) -> ColumnElement[bool]:
    """Give the SQL condition of a filter input."""
    conditions = list(_conditions(projection, table, given, [0]))
    return sa.and_(sa.true(), *conditions)


def _conditions(
    projection: Projection, table: FromClause, given: Any, count: list[int]
) -> Iterator[ColumnElement[bool]]:
    count[0] += 1
    if count[0] > _CONDITIONS_MAX:
        message = f"a filter has at most {_CONDITIONS_MAX} conditions"
        raise too_large(message)
    for name, expression in filterable(projection).items():
        operations = _given(given, name)
        if operations is not None:
            count[0] += 1
            kind, shown = projection.fields[name], to_camel_case(name)
            read = partial(kind.read, shown) if isinstance(kind, Reference) else None
            yield from _operations(shown, evaluate(expression, table), operations, read)
    for name, combine in (("and_", sa.and_), ("or_", sa.or_)):
        inputs = _given(given, name)
        if inputs is None:
            continue
        if not inputs:
            message = f"filter.{name.rstrip('_')}: an empty list; leave it out instead"
            raise bad_input(message)
        yield combine(
            *(sa.and_(sa.true(), *_conditions(projection, table, inner, count)) for inner in inputs)
        )
    inner = _given(given, "not_")
    if inner is not None:
        # A comparison with null is neither true nor false; whatever is not true belongs to "not".
        holds = sa.and_(sa.true(), *_conditions(projection, table, inner, count))
        yield sa.not_(sa.func.coalesce(holds, sa.false()))


def _given(source: Any, name: str) -> Any:
    """Give a condition, None where it was left out; refuses null, which would mean nothing."""
    value = getattr(source, name, strawberry.UNSET)
    if value is None:
        message = f"filter: {name.rstrip('_')} is null; leave it out instead"
        raise bad_input(message)
    return None if value is strawberry.UNSET else value


def _operations(
    name: str,
    column: ColumnElement[Any],
    operations: Any,
    read: Callable[[Any], Any] | None = None,
) -> Iterator[ColumnElement[bool]]:
    read = read or partial(_text, name)
    if (equal := _given(operations, "eq")) is not None:
        yield column == _bound(column, read(equal))
    if (at_least := _given(operations, "gte")) is not None:
        yield column >= _bound(column, read(at_least))
    if (at_most := _given(operations, "lte")) is not None:
        yield column <= _bound(column, read(at_most))
    if (contained := _given(operations, "contains")) is not None:
        yield column.icontains(_text(name, contained), autoescape=True)
    if (alternatives := _given(operations, "in_")) is not None:
        if len(alternatives) > _ALTERNATIVES_MAX:
            message = f"filter.{name}.in: at most {_ALTERNATIVES_MAX} values"
            raise too_large(message)
        values = [read(value) for value in alternatives]
        bound = sa.bindparam(None, values, sa.ARRAY(column.type), unique=True)
        yield column == sa.any_(bound)


def _bound(column: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    """Bind a value with the widest type of its family, lest it be rounded to the column's."""
    type_: TypeEngine[Any] = column.type
    if isinstance(type_, sa.Integer):
        type_ = sa.BigInteger()
    elif isinstance(type_, sa.Numeric):
        type_ = sa.Numeric()
    return sa.bindparam(None, value, type_, unique=True)


def _text(name: str, value: Any) -> Any:
    if isinstance(value, str) and "\x00" in value:
        message = f"filter.{name}: a text cannot hold the character NUL"
        raise bad_input(message)
    return value
