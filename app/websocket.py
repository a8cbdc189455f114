"""GraphQL over WebSocket: who may connect, and how many at once."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from app.auth.viewer import Viewer
from app.planner.errors import FORBIDDEN, RATE_LIMITED
from app.streaming import Streams
from app.websocket_connection import Connection, ConnectionLimits
from app.websocket_messages import SUBPROTOCOL, SUBPROTOCOL_NOT_ACCEPTABLE

_log = structlog.get_logger("bank360.websocket")

_RETRY_SECONDS: Final = 5


@dataclass
class WebSocketEndpoint:
    """Answers ``/graphql`` for WebSocket clients; one for a process, which counts them.

    ``origins`` are those of other hosts' pages that may connect. ``connections_max`` is for the
    process; no viewer has more than the limits' share of them.
    """

    streams: Streams
    verify: Callable[[str, str | None], Awaitable[Viewer]]
    origins: Collection[str]
    connections_max: int
    limits: ConnectionLimits
    _open: int = 0
    _of_viewer: Counter[UUID] = field(default_factory=Counter)

    async def answer(self, socket: WebSocket) -> None:
        """Speak with one client until either side ends it."""
        if not self._may_connect(socket):
            message = "pages of this origin may not connect"
            await self._refuse(socket, 403, message, FORBIDDEN)
            return
        if self._open >= self.connections_max:
            message = "the server has too many connections; try again in a few seconds"
            await self._refuse(socket, 503, message, RATE_LIMITED)
            return
        self._open += 1
        self.streams.metrics.websocket_connections.inc()
        try:
            await self._accepted(socket)
        finally:
            self._open -= 1
            self.streams.metrics.websocket_connections.dec()

    def _may_connect(self, socket: WebSocket) -> bool:
        headers, origin = socket.headers, socket.headers.get("origin")
        return origin in self.origins or is_own_page(
            origin, headers.get("host", ""), socket.scope["scheme"]
        )

    async def _accepted(self, socket: WebSocket) -> None:
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            # Browsers hide the status of a refused handshake, but show the code of a close.
            await socket.accept()
            close = SUBPROTOCOL_NOT_ACCEPTABLE
            await socket.close(close.code, close.reason)
            _log.info("refused", code=close.code)
            return
        await socket.accept(SUBPROTOCOL)
        await Connection(socket, self.streams, self.verify, self.limits, self._of_viewer).run()

    async def _refuse(self, socket: WebSocket, status: int, message: str, code: str) -> None:
        self.streams.metrics.refused([code])
        _log.info("refused", status=status, code=code)
        body = {"errors": [{"message": message, "extensions": {"code": code}}]}
        headers = {"Retry-After": str(_RETRY_SECONDS)} if code == RATE_LIMITED else None
        await socket.send_denial_response(JSONResponse(body, status, headers))


def is_own_page(origin: str | None, host: str, scheme: str) -> bool:
    """Tell whether the page that connects is one of ours (RFC 6454); programs name no origin.

    ``host`` and ``scheme`` (``ws`` or ``wss``) are those that the page connects to. Behind a proxy
    that ends TLS the scheme may be ``ws`` for a page of ``https``, but never the other way.
    """
    if origin is None:
        return True
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    schemes = {"https": ":443"} if scheme == "wss" else {"http": ":80", "https": ":443"}
    port = schemes.get(page.scheme)
    if port is None or not page.netloc:
        return False
    return page.netloc.lower().removesuffix(port) == host.lower().removesuffix(port)
