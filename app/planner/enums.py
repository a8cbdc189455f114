"""Closed sets of the domain as GraphQL enums, with their sentences as descriptions."""

from typing import TypeVar

import strawberry

from app.domain.closed_set import ClosedSet

SetT = TypeVar("SetT", bound=type[ClosedSet])


def graphql_enum(members: SetT) -> SetT:
    """Register a closed set as a GraphQL enum once; gives the same class."""
    if not hasattr(members, "__strawberry_definition__"):
        strawberry.enum(members, description=members.__doc__)
        for value in members.__strawberry_definition__.values:  # type: ignore[attr-defined]
            value.description = members[value.name].description
    return members
