"""How values travel from PostgreSQL to the answer: as JSON, exactly.

Amounts travel as text, so that no float comes near them. Most values are written into the answer
as they came; ``typed`` makes of them what the driver would have given, for Python to work with.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from graphql import GraphQLLeafType, is_enum_type
from sqlalchemy import ColumnElement
from sqlalchemy.types import TypeEngine

from app.planner.collecting import Reason, UnplannedError

Read = Callable[[Any], Any]
_HEX_PREFIX: Final = 2  # PostgreSQL writes bytes as \x and hexadecimal digits.
_UTC_SUFFIX: Final = "+00:00"
_ENDLESS: Final = "infinity"
# What the driver gives for days without end.
_ENDLESS_DAYS: Final = {_ENDLESS: date.max, f"-{_ENDLESS}": date.min}
_ENDLESS_MOMENTS: Final = {
    _ENDLESS: datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    f"-{_ENDLESS}": datetime(1, 1, 1, tzinfo=UTC),
}


def sent(expression: ColumnElement[Any], type_: TypeEngine[Any]) -> ColumnElement[Any]:
    """Give an expression of a type as it is put into JSON."""
    return sa.cast(expression, sa.Text) if isinstance(type_, sa.Numeric) else expression


def typed(type_: TypeEngine[Any]) -> Read:
    """Give what makes the driver's value of a type from its JSON."""
    for kind, read in _TYPED:
        if isinstance(type_, kind):
            return lambda value: None if value is None else read(value)
    return _as_is


def _as_is(value: Any) -> Any:
    if isinstance(value, float):
        raise UnplannedError(Reason.VALUE, "a number of unknown exactness")
    return value


def _read_day(text: str) -> date:
    return _ENDLESS_DAYS.get(text) or date.fromisoformat(text)


def _read_moment(text: str) -> datetime:
    if text in _ENDLESS_DAYS:
        return _ENDLESS_MOMENTS[text]
    return datetime.fromisoformat(text)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[_HEX_PREFIX:])


_TYPED: Final[tuple[tuple[type[TypeEngine[Any]], Read], ...]] = (
    (sa.Uuid, UUID),
    (sa.Numeric, Decimal),
    (sa.DateTime, _read_moment),
    (sa.Date, _read_day),
    (sa.LargeBinary, _bytes),
)


def _moment(text: str) -> str:
    """Write a time as the scalar DateTime does."""
    if len(text) == len("2018-12-31T23:59:59+00:00") and text.endswith(_UTC_SUFFIX):
        return text.removesuffix(_UTC_SUFFIX) + "Z"
    moment = _read_moment(text).astimezone(UTC)
    return moment.isoformat().replace(_UTC_SUFFIX, "Z")


class Members(dict[str | None, str | None]):
    """The values of an enumeration as they are written, by what they came as."""

    def __missing__(self, text: str | None) -> str | None:
        """Leave a value that it has not to the reference path, which tells of it."""
        raise UnplannedError(Reason.VALUE, f"{text!r:.20} is no value of the enumeration")


def answered(type_: TypeEngine[Any], leaf: GraphQLLeafType) -> Read | Members | None:
    """Give what writes a column's JSON into the answer; None where it is written as it came."""
    if is_enum_type(leaf):
        return Members({name: name for name in leaf.values} | {None: None})
    if isinstance(type_, sa.Numeric) and leaf.name != "Decimal":
        raise UnplannedError(Reason.VALUE, f"an exact number as {leaf.name}")
    match leaf.name:
        case "DateTime":
            return lambda text: None if text is None else _moment(text)
        case "Date":
            return lambda text: _read_day(text).isoformat() if text in _ENDLESS_DAYS else text
        case "Decimal" | "String" | "Boolean" | "Int":
            return _as_is if isinstance(type_, sa.types.NullType) else None
        case _:
            read = typed(type_)
            return lambda value: None if value is None else leaf.serialize(read(value))
