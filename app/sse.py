"""GraphQL over Server-Sent Events: graphql-sse, "distinct connections mode".

Each operation has a response of its own, ``text/event-stream``: an event ``next`` for each result
and one ``complete`` at the end. What is wrong with the request itself (no token, no JSON) is
refused as over plain HTTP; an operation that is refused before it runs is told in ``next``,
because a browser's ``EventSource`` shows nothing of a response with another status.
"""

from typing import Final

from starlette.types import Scope

from app.long_response import LongResponse, Results

EVENT_STREAM: Final = "text/event-stream"
# Lines end in LF alone: of the three endings that are allowed, clients' parsers know this one best.
_COMMENT: Final = b":\n\n"
# Browsers drop an event without a data field.
_COMPLETE: Final = b"event: complete\ndata:\n\n"


class EventStream(LongResponse):
    """The events of one operation."""

    def __init__(
        self, results: Results, keep_alive_seconds: float, request_id: str, scope: Scope
    ) -> None:
        """Take what is told, and after how many silent seconds a comment shows that it goes on."""
        # Set here, as Starlette would add a charset; event streams are always UTF-8.
        headers = {"Content-Type": EVENT_STREAM, "X-Request-Id": request_id}
        super().__init__(results, keep_alive_seconds, headers, scope)

    def begin(self) -> bytes:
        """Give nothing: events begin at once."""
        return b""

    def part(self, body: bytes) -> bytes:
        """Write one answer as an event."""
        return b"event: next\ndata: " + body + b"\n\n"

    def silence(self) -> bytes:
        """Give a comment."""
        return _COMMENT

    def end(self) -> bytes:
        """Give the last event."""
        return _COMPLETE
