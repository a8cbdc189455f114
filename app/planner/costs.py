"""What operations cost, as the schema shows it and as limits and rates count it: one object.

The directives are those of IBM's GraphQL Cost Directives specification.
"""

from typing import Any, Final, TypeVar

import strawberry
from graphql import GraphQLField, GraphQLNamedType
from strawberry.schema_directive import Location

from app.planner.pages import PAGE_SIZE_DEFAULT

_DEFINITION: Final = "strawberry-definition"
DirectiveT = TypeVar("DirectiveT")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    description=(
        "How many rows a field, or each object of a type, reads beside the rows of pages, which "
        "count 1 each. 100 rows cost 1."
    ),
)
class Cost:
    """The weight of a field or type."""

    weight: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description=(
        "How many rows a page has: as many as the first given of the slicing arguments says, else "
        "the assumed size."
    ),
)
class ListSize:
    """The size of a page."""

    assumed_size: int | None
    slicing_arguments: list[str] | None
    sized_fields: list[str] | None
    require_one_slicing_argument: bool | None


PAGE: Final = ListSize(
    assumed_size=PAGE_SIZE_DEFAULT,
    slicing_arguments=["first", "last"],
    sized_fields=["edges", "nodes"],
    require_one_slicing_argument=False,
)


def cost_of(rows: int | None) -> list[Cost]:
    """Give the directive of what reads so many rows; none where it says nothing."""
    return [] if rows is None else [Cost(weight=str(rows))]


def weight(declared: GraphQLField | GraphQLNamedType) -> int:
    """Give how many rows a field or type reads beside those of pages."""
    found = _directive(declared, Cost)
    return int(found.weight) if found else 0


def list_size(field: GraphQLField) -> ListSize | None:
    """Give what says how many rows a field has; None where it is no page."""
    return _directive(field, ListSize)


def _directive(declared: Any, type_: type[DirectiveT]) -> DirectiveT | None:
    definition = declared.extensions.get(_DEFINITION)
    # The fields of introspection are not declared by us.
    directives = definition.directives if definition else None
    return next((each for each in directives or () if isinstance(each, type_)), None)
