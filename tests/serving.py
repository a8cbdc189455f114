"""The application behind a real uvicorn, told just what the command line tells it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from app.auth.tokens import TokenKey
from app.cli_serve import uvicorn_options
from app.db.keys import Keys
from app.main import create_app
from app.settings import Settings


class Server(uvicorn.Server):
    """A server in the test's own event loop, which leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    url: str,
    keys: Keys,
    token_key: TokenKey,
    settings: Settings | None = None,
    *,
    port: int = 0,
    **options: Any,
) -> AsyncIterator[tuple[str, Server]]:
    """Give the server's host and port, and the server; port 0 is a free one."""
    settings = settings or Settings()
    app = create_app(settings, database_url=url, keys=keys, token_key=token_key)
    given = uvicorn_options(settings) | {"log_config": None} | options
    server = Server(uvicorn.Config(app, **given))
    listener = socket.create_server(("127.0.0.1", port))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    try:
        yield "127.0.0.1:{1}".format(*listener.getsockname()), server
    finally:
        server.should_exit = True
        await running
