"""What root fields are to a plan, declared beside their resolvers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.auth.viewer import Viewer
from app.planner.global_id import GlobalId
from app.planner.projection import Projection

ROOT: Final = "root"


@dataclass(frozen=True)
class NamedRow:
    """A root field that gives one row: ``find`` says which, of the context and the arguments.

    It gives None where there is none, and raises UnplannedError where the resolver has to answer.
    ``projections`` are the types that the row may have, by the prefix of their ids. ``shown`` is
    told when the row was shown.
    """

    projections: Mapping[str, Projection]
    find: Callable[[Any, Mapping[str, Any]], Awaitable[GlobalId | None]]
    shown: Callable[[Any, Mapping[str, Any], GlobalId], None] | None = None

    @property
    def prefix(self) -> str | None:
        """How the ids of its rows begin, where they are all of one type."""
        first, *more = self.projections
        return None if more else first


@dataclass(frozen=True)
class NamedRows:
    """A root field that gives the rows that ``find`` names, in its order; null where there is none.

    ``find`` raises UnplannedError where the resolver has to answer.
    """

    projections: Mapping[str, Projection]
    find: Callable[[Any, Mapping[str, Any]], list[GlobalId]]


@dataclass(frozen=True)
class OfContext:
    """A root field whose value Python makes of the operation's context and the arguments.

    ``make`` takes the arguments as the resolver does.
    """

    make: Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Stream:
    """A root field of subscriptions: ``follow`` says what a viewer follows who asks for it.

    It takes the operation's context and the arguments, refuses what is wrong with them, and gives
    None where there is nothing that the viewer may see.
    """

    follow: Callable[[Any, Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class OfAsker:
    """A root field that follows from who is asking alone."""

    function: Callable[[Viewer], Any]
