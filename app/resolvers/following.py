"""What subscriptions share: what is followed, what is told of it, and where a stream stands."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app.db.events import Event, Topic
from app.planner.errors import FORBIDDEN, RefusedError, bad_input
from app.planner.global_id import GlobalId
from app.resolvers.context import Context

AFTER: Final = "after"
_SCOPE: Final = "events"
# No audit trail of a bank comes near what a column of PostgreSQL's type bigint holds.
_POSITION_MAX: Final = 2**62


class Position(NamedTuple):
    """A place in the bank's events: several things may be told of the one at a position.

    ``part`` numbers them from 1; 0 stands for the whole event.
    """

    event: int
    part: int = 0

    @property
    def begins_after(self) -> int:
        """The position of the event after which to look for what comes after this place."""
        return self.event - 1 if self.part else self.event


@dataclass(frozen=True)
class Happening:
    """One of the things that an event tells; ``what`` is for whoever tells it.

    Nothing is to be told after one that is the ``last``. One that is not ``personal`` is about a
    customer whom the viewer sees, or shows no row at all.
    """

    event: Event
    part: int = 1
    what: Any = None
    last: bool = False
    personal: bool = True

    @property
    def position(self) -> Position:
        """Where it stands among all events."""
        return Position(self.event.position, self.part)


class UnseenError(Exception):
    """The viewer does not see any more what is followed, so the stream ends."""


# Gives what is told of an event to the viewer of a context, as things stand; raises UnseenError.
Tell = Callable[[Context, Event], Awaitable[Sequence[Happening]]]


@dataclass(frozen=True)
class Following:
    """What one subscription follows."""

    topics: frozenset[Topic]
    tell: Tell


def write_position(context: Context, position: Position) -> str:
    """Write a place in the events for the viewer's post; a front end sends it back as ``after``."""
    return context.reader.cursors.write(_scope(context), [], list(position))


def read_position(context: Context, given: Mapping[str, Any]) -> Position | None:
    """Read the argument ``after``, None where it was not given; refuses what was never written."""
    text = given.get(AFTER)
    if text is None:
        return None
    found = context.reader.cursors.read(_scope(context), text, [int, int])
    event, part = found.place_below([])
    if not (0 <= event < _POSITION_MAX and part >= 0):
        message = "after: not a position of this bank"
        raise bad_input(message)
    return Position(event, part)


def _scope(context: Context) -> str:
    # By role, or equal positions would join the sealed ids of one post with those of another.
    return f"{context.viewer.role.value}/{_SCOPE}"


def one_of(given: Mapping[str, Any], *names: str) -> tuple[str, Any]:
    """Give the one argument among some that was given, and its value; refuses none and several."""
    found = [(name, given[name]) for name in names if given.get(name) is not None]
    if len(found) != 1:
        message = f"give exactly one of {', '.join(names)}"
        raise bad_input(message)
    return found[0]


def id_given(context: Context, name: str, text: str, prefix: str) -> GlobalId:
    """Read an argument that must be an id of one type."""
    found = context.reader.identities.read(text)
    if found.prefix != prefix:
        message = f"{name}: an id that begins with '{prefix}_' is needed here"
        raise bad_input(message)
    return found


def unseen(what: str) -> RefusedError:
    """Tell that there is nothing to follow: the same for what is not there and what is hidden."""
    return RefusedError(f"{what}: there is nothing that you see to follow", FORBIDDEN)
