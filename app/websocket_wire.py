"""What uvicorn's WebSocket lacks for us: a graceful stop, silence in the logs, no dead weight."""

import asyncio
import logging
from asyncio import TimerHandle
from typing import Any, Final, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.stopping import STOPPING, Stopping
from app.websocket_connection import CLOSE_SECONDS

# Below uvicorn's own logger, so that its handlers serve this one too. Its lines about handshakes
# would hold addresses and queries; the ones of the library below it, tokens and variables.
_log: Final = logging.getLogger("uvicorn.error.websocket")
_log.setLevel(logging.WARNING)


class _Inbox:
    """What uvicorn uses of asyncio.Queue, for the one who reads."""

    __slots__ = ("_events", "_reader")

    def __init__(self) -> None:
        self._events: list[ASGIReceiveEvent] = []
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, event: ASGIReceiveEvent) -> None:
        self._events.append(event)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        while not self._events:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._events.pop(0)

    def empty(self) -> bool:
        return not self._events


class _Writable:
    """What uvicorn uses of asyncio.Event: set, but while the client reads slower than we write."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        self._waits: asyncio.Event | None = None

    def set(self) -> None:
        if self._waits is not None:
            self._waits.set()
            self._waits = None

    def clear(self) -> None:
        self._waits = self._waits or asyncio.Event()

    async def wait(self) -> None:
        while self._waits is not None:
            await self._waits.wait()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """For uvicorn's option ``ws``."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*arguments, **named)
        self.logger = self.conn.logger = _log
        self.conn.debug = False
        # asyncio's own keep queues for those who wait: 4 KB for as long as the connection.
        self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", _Inbox())
        self.writable = cast("asyncio.Event", _Writable())
        self.close_timeout = CLOSE_SECONDS
        self._stopping = Stopping()
        self._cut_off: TimerHandle | None = None

    async def run_asgi(self) -> None:
        """Run the application for this connection."""
        self.scope["extensions"][STOPPING] = {"signal": self._stopping}
        await super().run_asgi()
        # A peer that reads nothing would keep what is left to send, and the connection, for ever.
        if not self.disconnected:
            self._cut_off = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says; once uvicorn has closed by itself, the client is gone.

        uvicorn would call it a fault of the application, which cannot know yet.
        """
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake is over: its headers would be kept for as long as the connection, by
            # the parser's generator, too.
            for handshake in (self.request, self.response):
                handshake.headers.clear()
            forgotten: Any = None
            self.request = self.response = forgotten
        if message["type"] == "websocket.http.response.body":
            # uvicorn would call a handshake that was refused an incomplete one, and a fault.
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        if self._cut_off is not None:
            self._cut_off.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Tell the application that the server stops; it closes the connection when it is ready.

        uvicorn itself would cut off every operation that runs.
        """
        if self.handshake_complete and not self.close_sent:
            self._stopping.stop()
        else:
            super().shutdown()

    def keepalive_timeout(self) -> None:
        """Drop a peer that leaves a ping unanswered, with all that it has not read."""
        super().keepalive_timeout()
        self.transport.abort()
