"""A subscriber over graphql-transport-ws that remembers where its stream stands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest
from client import Client
from serving import serving
from websocket_client import Socket, opened

from app.auth.tokens import TokenKey
from app.db.keys import Keys

ACTIVITY: Final = """
subscription ($account: ID, $customer: ID, $after: String) {
  accountActivity(accountId: $account, customerId: $customer, after: $after) {
    __typename
    ... on TransactionBooked {
      recordedAt transaction { id amount { amount } } account { id balance { amount } }
    }
    ... on AccountChanged { recordedAt change account { id status } }
    ... on StandingOrderChanged { orderChange standingOrder { id } account { id } }
    ... on StreamMessage { position }
    ... on ResyncRequired { reason }
  }
}
"""
INBOX: Final = """
subscription ($after: String) {
  approvalInbox(after: $after) {
    __typename
    ... on ApprovalChanged { change approval { id state } }
    ... on StreamMessage { position }
    ... on ResyncRequired { reason }
  }
}
"""

TICKETS: Final = """
subscription (
  $ticket: ID, $customer: ID, $queue: String, $own: Boolean, $after: String
) {
  ticketUpdated(
    ticketId: $ticket, customerId: $customer, queue: $queue, assignedToMe: $own, after: $after
  ) {
    __typename
    ... on StreamMessage { position }
    ... on TicketUpdate {
      recordedAt
      ticket { id status version queue }
      event { number kind internal comment { body } }
    }
    ... on TicketLeft { ticketId }
    ... on ResyncRequired { reason }
  }
}
"""


class Subscriber:
    """One subscription of a connection that has no other."""

    def __init__(self, socket: Socket, field: str) -> None:
        self.socket = socket
        self.field = field
        self.position: str | None = None

    async def next(self) -> dict[str, Any]:
        """Give what is told next, without errors."""
        payload = await self.payload()
        assert "errors" not in payload, payload["errors"]
        found = payload["data"][self.field]
        self.position = found["position"]
        assert isinstance(found, dict)
        return found

    async def payload(self) -> dict[str, Any]:
        message = await self.socket.receive()
        assert (message["type"], message["id"]) == ("next", "s"), message
        assert isinstance(message["payload"], dict)
        return message["payload"]

    async def refusal(self) -> dict[str, Any]:
        """Give the one error of a subscription that is refused before it begins."""
        message = await self.socket.receive()
        assert (message["type"], message["id"]) == ("error", "s"), message
        (error,) = message["payload"]
        assert isinstance(error, dict)
        return error

    async def completed(self) -> None:
        assert await self.socket.receive() == {"type": "complete", "id": "s"}


@asynccontextmanager
async def subscribed(
    address: str, token: str, query: str, **variables: Any
) -> AsyncIterator[Subscriber]:
    """Begin a subscription; without ``after`` its first message must be where it stands."""
    async with opened(address) as socket:
        await socket.initialise(token)
        await socket.subscribe("s", query, **variables)
        field = query.split("{")[1].split("(", maxsplit=1)[0].strip()
        subscriber = Subscriber(socket, field)
        yield subscriber


@asynccontextmanager
async def following(
    address: str, token: str, query: str, **variables: Any
) -> AsyncIterator[Subscriber]:
    """Begin a subscription that has begun when this is entered."""
    async with subscribed(address, token, query, **variables) as subscriber:
        first = await subscriber.next()
        assert first["__typename"] == "StreamPosition"
        yield subscriber


@pytest.fixture(scope="module")
async def address(database_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[str]:
    """The host and port of a server of the tests' bank."""
    async with serving(database_url, keys, token_key) as (given, _server):
        yield given


@pytest.fixture
async def served(address: str, token_key: TokenKey) -> AsyncIterator[Client]:
    """A client of the same server over HTTP."""
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        yield Client(http, token_key)
