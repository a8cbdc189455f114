"""Closed sets of the domain as GraphQL enums, with their sentences as descriptions."""

from typing import Any, TypeVar

import strawberry

from app.domain.closed_set import ClosedSet
from app.domain.problem import ProblemCode

SetT = TypeVar("SetT", bound=type[ClosedSet] | type[ProblemCode])


def graphql_enum(members: SetT) -> SetT:
    """Register a closed set as a GraphQL enum once; gives the same class."""
    if not hasattr(members, "__strawberry_definition__"):
        strawberry.enum(members, description=members.__doc__)
        definition: Any = vars(members)["__strawberry_definition__"]
        for value in definition.values:
            value.description = members[value.name].description
    return members
