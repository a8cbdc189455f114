"""What uvicorn's WebSocket lacks for us: a graceful stop, silence in the logs, no dead weight."""

import logging
from asyncio import TimerHandle
from typing import Any, Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.stopping import STOPPING, Stopping
from app.websocket_connection import CLOSE_SECONDS

# Below uvicorn's own logger, so that its handlers serve this one too. Its lines about handshakes
# would hold addresses and queries; the ones of the library below it, tokens and variables.
_log: Final = logging.getLogger("uvicorn.error.websocket")
_log.setLevel(logging.WARNING)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """For uvicorn's option ``ws``."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*arguments, **named)
        self.logger = self.conn.logger = _log
        self.conn.debug = False
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
            # The handshake is over: its headers would be kept for as long as the connection.
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
