"""GraphQL over Server-Sent Events: graphql-sse, "distinct connections mode".

Each operation has a response of its own, ``text/event-stream``: an event ``next`` for each result
and one ``complete`` at the end. What is wrong with the request itself (no token, no JSON) is
refused as over plain HTTP; an operation that is refused before it runs is told in ``next``,
because a browser's ``EventSource`` shows nothing of a response with another status.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final

import orjson
from starlette.responses import StreamingResponse
from starlette.types import Send

from app.operation import Answer

EVENT_STREAM: Final = "text/event-stream"
# Lines end in LF alone: of the three endings that are allowed, clients' parsers know this one best.
_COMMENT: Final = b":\n\n"
# Browsers drop an event without a data field.
_COMPLETE: Final = b"event: complete\ndata:\n\n"

# Begins one operation.
Run = Callable[[], Coroutine[Any, Any, Answer]]


class EventStream(StreamingResponse):
    """The events of one operation; the operation ends when the client goes away."""

    def __init__(self, run: Run, keep_alive_seconds: float, request_id: str) -> None:
        """Take what runs it, and after how many silent seconds a comment shows that it runs."""
        self._events = _events(run, keep_alive_seconds)
        headers = {
            # Set here, as Starlette would add a charset; event streams are always UTF-8.
            "Content-Type": EVENT_STREAM,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx holds streams back otherwise.
            "X-Request-Id": request_id,
        }
        super().__init__(self._events, headers=headers)

    async def stream_response(self, send: Send) -> None:
        """Send the events; what runs is ended at once when that is cut short."""
        async with aclosing(self._events):
            await super().stream_response(send)


async def _events(run: Run, keep_alive_seconds: float) -> AsyncGenerator[bytes, None]:
    running = asyncio.create_task(run())
    try:
        while True:
            done, _ = await asyncio.wait({running}, timeout=keep_alive_seconds)
            if done:
                break
            yield _COMMENT
    finally:
        running.cancel()
    yield b"event: next\ndata: " + orjson.dumps(running.result().body) + b"\n\n"
    yield _COMPLETE
