"""The GraphQL inputs behind ``filter:`` arguments."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, cast

import strawberry
from strawberry.annotation import StrawberryAnnotation

from app.domain.closed_set import ClosedSet
from app.planner.enums import graphql_enum

_EQ: Final = "Equal to this."
_IN: Final = "Equal to one of these, at most 100."


def _input(name: str, fields: Mapping[str, tuple[Any, str]], description: str) -> Any:
    """Make an input type whose fields may all be left out."""
    namespace: dict[str, Any] = {"__annotations__": {}, "__doc__": description}
    for python_name, (annotation, text) in fields.items():
        namespace["__annotations__"][python_name] = annotation
        namespace[python_name] = strawberry.field(
            # Python's own words ("in", "and") carry an underscore in Python only.
            name=python_name.rstrip("_") if python_name.endswith("_") else None,
            default=strawberry.UNSET,
            description=text,
        )
    return strawberry.input(type(name, (), namespace), description=description)


def _range(name: str, type_: Any, noun: str) -> Any:
    fields = {
        "eq": (type_ | None, _EQ),
        "gte": (type_ | None, "This or more (later, for dates and times)."),
        "lte": (type_ | None, "This or less (earlier, for dates and times)."),
    }
    return _input(name, fields, f"Conditions on {noun}; the given ones hold together.")


# Strawberry's ID is no class, so that this stands for it.
IDENTIFIER: Final = cast("type", strawberry.ID)
_INPUTS: Final[dict[type, Any]] = {
    Decimal: _range("DecimalFilter", Decimal, "an exact number"),
    date: _range("DateFilter", date, "a calendar date"),
    datetime: _range("DateTimeFilter", datetime, "a point in time"),
    int: _range("IntFilter", int, "a whole number"),
    bool: _input("BooleanFilter", {"eq": (bool | None, _EQ)}, "Condition on yes or no."),
    IDENTIFIER: _input(
        "IDFilter",
        {"eq": (strawberry.ID | None, _EQ), "in_": (list[strawberry.ID] | None, _IN)},
        "Conditions on a global id; the given ones hold together.",
    ),
    str: _input(
        "StringFilter",
        {
            "eq": (str | None, "Equal to this, letter by letter."),
            "in_": (list[str] | None, _IN),
            "contains": (str | None, "Contains this; the case of letters does not matter."),
        },
        "Conditions on a text; the given ones hold together.",
    ),
}
_enum_inputs: dict[type[ClosedSet], Any] = {}


def operations(type_: type) -> Any:
    """Give the input with the conditions on values of ``type_``."""
    if type_ in _INPUTS:
        return _INPUTS[type_]
    assert issubclass(type_, ClosedSet)
    if type_ not in _enum_inputs:
        members: Any = graphql_enum(type_)
        _enum_inputs[type_] = _input(
            f"{type_.__name__}Filter",
            {"eq": (members | None, _EQ), "in_": (list[members] | None, _IN)},
            f"Conditions on {type_.__name__}; the given ones hold together.",
        )
    return _enum_inputs[type_]


def filter_input(type_name: str, fields: Mapping[str, type]) -> Any:
    """Make the ``filter:`` input of a projection from its filterable fields and their types."""
    given: dict[str, tuple[Any, str]] = {
        name: (operations(type_) | None, f"Conditions on {type_name}'s field of this name.")
        for name, type_ in fields.items()
    }
    combining = {
        "and_": "All of these hold as well.",
        "or_": "At least one of these holds as well.",
        "not_": "This does not hold.",
    }
    given |= {name: (str | None, text) for name, text in combining.items()}
    made = _input(
        f"{type_name}Filter",
        given,
        f"Which rows of {type_name} to give; the given conditions hold together.",
    )
    # The input refers to itself, which an annotation can say only once the class exists.
    for field in made.__strawberry_definition__.fields:
        if field.python_name in combining:
            self_type: Any = made if field.python_name == "not_" else list.__class_getitem__(made)
            field.type_annotation = StrawberryAnnotation(self_type | None)
    return made
