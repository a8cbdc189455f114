"""Kinds of field whose values Python makes, and that read nothing of any row."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import FromClause

from app.auth.viewer import Viewer
from app.planner.fields import Kind, Selects
from app.planner.projection import Projection, Scope

T = TypeVar("T")


class OfMade(Kind):
    """What these kinds share."""

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need nothing."""
        del name, projection, table, scope
        return iter(())


@dataclass(frozen=True)
class OfViewer(OfMade, Generic[T]):
    """What holds for this viewer, whatever the row."""

    function: Callable[[Viewer], T]


@dataclass(frozen=True)
class Later(OfMade):
    """Of an object that a root field makes, what is made only when it is asked for.

    ``function`` takes the operation's context.
    """

    function: Callable[[Any], Awaitable[Any]]


@dataclass(frozen=True)
class RowOf(OfMade):
    """Of an object that a root field makes, the row whose id stands in its ``attribute``.

    The row owns itself, as a customer does.
    """

    attribute: str
