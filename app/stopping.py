"""How connections learn that the server is going to stop."""

from collections.abc import Callable
from typing import Any, Final

# The ASGI extension by which the server tells them: its value is {"signal": Stopping}.
STOPPING: Final = "bank360.stopping"


class Stopping:
    """Tells one connection or response, if it wants to know, that the server is going to stop.

    An event of asyncio's, with a task that waits for it, takes 2 KB of each of many connections.
    """

    __slots__ = ("_stops", "_tell")

    def __init__(self) -> None:
        """Begin without anybody who wants to know."""
        self._stops = False
        self._tell: Callable[[], object] | None = None

    def when(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` once the server is going to stop, at once where it is already."""
        self._tell = tell
        if self._stops:
            tell()

    def stop(self) -> None:
        """Tell."""
        self._stops = True
        if self._tell is not None:
            self._tell()


def stopping_of(scope: Any) -> Stopping | None:
    """Give what tells a connection of the stop; None where its server does not."""
    found: Stopping | None = scope.get("extensions", {}).get(STOPPING, {}).get("signal")
    return found
