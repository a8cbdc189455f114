"""A client of graphql-transport-ws that says just what a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

# Longer than anything here takes; only a failing test waits so long.
SECONDS_MAX = 30


class Socket:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS_MAX):
            message = json.loads(await self.connection.recv())
        assert isinstance(message, dict)
        return message

    async def closed(self) -> tuple[int, str]:
        """Wait for the close; any other message fails the test."""
        with pytest.raises(ConnectionClosed) as caught:
            async with asyncio.timeout(SECONDS_MAX):
                await self.connection.recv()
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code, caught.value.rcvd.reason

    async def initialise(self, token: str) -> None:
        await self.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, id_: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.send(type="subscribe", id=id_, payload=payload)

    async def run(self, query: str, **variables: Any) -> Any:
        """Give the data of one operation; any error fails the test."""
        await self.subscribe("only", query, **variables)
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", "only"), message
        assert await self.receive() == {"type": "complete", "id": "only"}
        assert "errors" not in message["payload"]
        return message["payload"]["data"]


@asynccontextmanager
async def opened(
    address: str,
    *,
    subprotocols: tuple[str, ...] = ("graphql-transport-ws",),
    origin: str | None = None,
    token: str | None = None,
    host: str | None = None,
) -> AsyncIterator[Socket]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if host is not None:
        headers["Host"] = host
    async with connect(
        f"ws://{address}/graphql",
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        origin=None if origin is None else Origin(origin),
        additional_headers=headers,
        compression=None,
        proxy=None,
    ) as connection:
        yield Socket(connection)
