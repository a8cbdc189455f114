"""A short way to operations for clients that are no browsers, and to connections that last."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

_ORIGIN: Final = b"origin"
_ACCEPT_ENCODING: Final = b"accept-encoding"


class Direct:
    """Hands posted operations on at once, where neither CORS nor compression has any part in them.

    What lies between takes as long as the rest of a small answer. For WebSockets it has no part at
    all, and would take 5 KB of memory for as long as each is open.
    """

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        answer: Callable[[Request], Awaitable[Response]],
        converse: Callable[[WebSocket], Awaitable[None]],
    ) -> None:
        """Take the application for everything else, and what answers at ``path``."""
        self._app = app
        self._path = path
        self._answer = answer
        self._converse = converse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application do so."""
        if self._is_plain(scope):
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == self._path:
            await self._converse(WebSocket(scope, receive, send))
        else:
            await self._app(scope, receive, send)

    def _is_plain(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != self._path:
            return False
        return not any(
            name == _ORIGIN or (name == _ACCEPT_ENCODING and b"gzip" in value)
            for name, value in scope["headers"]
        )
