"""Subscriptions as they live and end: tokens, limits, a server's stop, and other transports."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from client import Client
from factories import Factory, Made
from payment_support import account_with, cash, teller_of
from serving import serving
from slow_sql import until
from stream_support import ACTIVITY, following, subscribed
from structlog.testing import capture_logs
from websocket_client import opened

from app import telling
from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.database import Database
from app.db.keys import Keys
from app.db.revocations import Revocations
from app.settings import Settings

PARTS = "multipart/mixed;subscriptionSpec=1.0, application/json"
EVENTS = "text/event-stream"
HIDDEN = f"acc_{'0' * 64}"


@pytest.fixture
async def account(factory: Factory) -> Made:
    return await account_with(factory)


@pytest.fixture
def token(token_key: TokenKey, account: Made) -> str:
    return token_key.issue(Role.CUSTOMER, account.owner)


@pytest.fixture
async def teller(served: Client, factory: Factory, account: Made) -> Client:
    return await teller_of(served, factory, account)


class Lines:
    """A long response that is read as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._chunks = response.aiter_bytes()
        self._read = b""

    async def until(self, end: bytes) -> bytes:
        """Give what stands before the next ``end``."""
        async with asyncio.timeout(30):
            while end not in self._read:
                self._read += await anext(self._chunks)
        found, _, self._read = self._read.partition(end)
        return found

    async def rest(self) -> bytes:
        async with asyncio.timeout(30):
            async for chunk in self._chunks:
                self._read += chunk
        return self._read


@asynccontextmanager
async def asked(
    address: str, token: str, accept: str, query: str = ACTIVITY, **variables: Any
) -> AsyncIterator[Lines]:
    headers = {"authorization": f"Bearer {token}", "accept": accept, "accept-encoding": "gzip"}
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=30) as http,
        http.stream("POST", "/graphql", json=body, headers=headers) as response,
    ):
        yield Lines(response)


def told(event: bytes) -> Any:
    """What an event of a stream holds."""
    name, data = event.strip().split(b"\n")
    assert name == b"event: next"
    return json.loads(data.removeprefix(b"data: "))


def payload(part: bytes) -> Any:
    head, _, body = part.partition(b"\r\n\r\n")
    assert head.strip() == b"Content-Type: application/json"
    return json.loads(body)


async def test_over_server_sent_events(
    address: str, token: str, account: Made, teller: Client
) -> None:
    async with asked(address, token, EVENTS, account=account.global_id) as lines:
        began = told(await lines.until(b"\n\n"))["data"]["accountActivity"]
        assert began["__typename"] == "StreamPosition"
        await cash(teller, "deposit", account, "1.00")
        booked = told(await lines.until(b"\n\n"))["data"]["accountActivity"]
        assert booked["transaction"]["amount"] == {"amount": "1.00"}
    given = {"account": account.global_id, "after": began["position"]}
    async with asked(address, token, EVENTS, **given) as lines:
        assert told(await lines.until(b"\n\n"))["data"]["accountActivity"] == booked


async def test_over_multipart(address: str, token: str, account: Made, teller: Client) -> None:
    async with asked(address, token, PARTS, account=account.global_id) as lines:
        kind = lines.response.headers["content-type"]
        assert kind == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
        assert await lines.until(b"\r\n--graphql") == b""
        began = payload(await lines.until(b"\r\n--graphql"))["payload"]["data"]
        assert began["accountActivity"]["__typename"] == "StreamPosition"
        await cash(teller, "deposit", account, "1.00")
        # The part is whole once its delimiter came, without waiting for the next one.
        booked = payload(await lines.until(b"\r\n--graphql"))["payload"]["data"]
        assert booked["accountActivity"]["transaction"]["amount"] == {"amount": "1.00"}


@pytest.mark.parametrize("accept", [EVENTS, PARTS])
async def test_a_refusal_ends_the_response(address: str, token: str, accept: str) -> None:
    async with asked(address, token, accept, account=HIDDEN) as lines:
        rest = await lines.rest()
    assert b'"FORBIDDEN"' in rest
    assert rest.endswith(b"event: complete\ndata:\n\n" if accept == EVENTS else b"--graphql--\r\n")


async def test_a_query_where_parts_are_accepted_is_answered_in_json(
    address: str, token: str
) -> None:
    who = "{ viewer { actingRole } }"
    async with asked(address, token, PARTS, who) as lines:
        assert lines.response.headers["content-type"] == "application/json"
        assert json.loads(await lines.rest()) == {"data": {"viewer": {"actingRole": "CUSTOMER"}}}
    async with asked(address, token, 'multipart/mixed;subscriptionSpec="1.0"', who) as lines:
        assert await lines.until(b"\r\n--graphql") == b""
        part = payload(await lines.until(b"\r\n--graphql"))
        assert part == {"payload": {"data": {"viewer": {"actingRole": "CUSTOMER"}}}}


async def test_where_one_answer_is_expected(address: str, token: str) -> None:
    for accept in ("application/json", "multipart/mixed;deferSpec=20220824, application/json"):
        async with asked(address, token, accept, account=HIDDEN) as lines:
            (error,) = json.loads(await lines.rest())["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert "graphql-transport-ws" in error["message"]


@asynccontextmanager
async def served_with(
    url: str, keys: Keys, token_key: TokenKey, **settings: Any
) -> AsyncIterator[tuple[str, Any]]:
    async with serving(url, keys, token_key, Settings.read(**settings)) as found:
        yield found


def token_id(token: str) -> str:
    """The claim ``jti`` of a token."""
    claims = token.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return str(found["jti"])


@pytest.fixture
def revoked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Tokens are revoked when a test says so."""
    revoked: set[str] = set()

    async def holds(_self: Revocations, token_id: str) -> bool:
        return token_id in revoked

    monkeypatch.setattr(Revocations, "holds", holds)
    return revoked


async def test_a_token_that_is_revoked_ends_a_silent_stream(
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    token: str,
    *,
    account: Made,
    revoked: set[str],
) -> None:
    given = {"account": account.global_id}
    async with served_with(database_url, keys, token_key, subscription_check_seconds=1) as server:
        address, _ = server
        async with (
            following(address, token, ACTIVITY, **given) as stream,
            asked(address, token, EVENTS, **given) as lines,
        ):
            await lines.until(b"\n\n")
            revoked.add(token_id(token))
            assert await stream.socket.closed() == (4403, "Forbidden")
            rest = await lines.rest()
    assert b'"UNAUTHENTICATED"' in rest
    assert rest.endswith(b"event: complete\ndata:\n\n")


async def test_a_token_that_is_revoked_stops_the_next_event(
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    token: str,
    *,
    account: Made,
    teller: Client,
    revoked: set[str],
) -> None:
    async with (
        served_with(database_url, keys, token_key) as (address, _),
        following(address, token, ACTIVITY, account=account.global_id) as stream,
    ):
        await cash(teller, "deposit", account, "1.00")
        await stream.next()
        revoked.add(token_id(token))
        await cash(teller, "deposit", account, "2.00")
        assert await stream.socket.closed() == (4403, "Forbidden")


async def test_a_token_that_expires_ends_every_stream(
    database_url: str, keys: Keys, token_key: TokenKey, account: Made
) -> None:
    # A minute of skew is granted, of which three seconds are left.
    token = token_key.issue(Role.CUSTOMER, account.owner, ttl_seconds=-57)
    given = {"account": account.global_id}
    async with served_with(database_url, keys, token_key, subscription_check_seconds=1) as server:
        address, _ = server
        async with (
            following(address, token, ACTIVITY, **given) as stream,
            asked(address, token, EVENTS, **given) as lines,
        ):
            assert await stream.socket.closed() == (4403, "Forbidden: the token has expired")
            assert b'"UNAUTHENTICATED"' in await lines.rest()


async def test_silence_is_broken_by_positions_and_comments(
    database_url: str, keys: Keys, token_key: TokenKey, token: str, account: Made
) -> None:
    settings = {
        "subscription_check_seconds": 1,
        "subscription_mark_seconds": 1,
        "event_stream_keep_alive_seconds": 1,
    }
    given = {"account": account.global_id}
    async with served_with(database_url, keys, token_key, **settings) as (address, _):
        async with following(address, token, ACTIVITY, **given) as stream:
            assert (await stream.next())["__typename"] == "StreamPosition"
        async with asked(address, token, PARTS, **given) as lines:
            parts = [await lines.until(b"\r\n--graphql") for _ in range(4)][1:]
    assert payload(parts[0])["payload"]["data"]["accountActivity"]["__typename"] == "StreamPosition"
    assert {} in [payload(part) for part in parts]


async def test_subscriptions_are_counted(
    database_url: str, keys: Keys, token_key: TokenKey, token: str, account: Made
) -> None:
    given = {"account": account.global_id}
    most = {"subscriptions_per_viewer_max": 1}
    async with served_with(database_url, keys, token_key, **most) as (address, _):
        async with (
            following(address, token, ACTIVITY, **given),
            subscribed(address, token, ACTIVITY, **given) as second,
        ):
            assert (await second.refusal())["extensions"]["code"] == "LIMIT_EXCEEDED"

        async def is_free() -> bool:
            async with subscribed(address, token, ACTIVITY, **given) as stream:
                return bool((await stream.socket.receive())["type"] == "next")

        await until(is_free)


async def test_a_server_that_stops_lets_clients_go_on_elsewhere(
    database_url: str, keys: Keys, token_key: TokenKey, token: str, account: Made
) -> None:
    given = {"account": account.global_id}
    async with (
        served_with(database_url, keys, token_key) as (address, server),
        following(address, token, ACTIVITY, **given) as stream,
        asked(address, token, EVENTS, **given) as lines,
    ):
        await lines.until(b"\n\n")
        server.should_exit = True
        assert await stream.socket.closed() == (1012, "Service restart")
        # Not complete: there may be more, elsewhere.
        assert await lines.rest() == b""


async def test_an_operation_beside_a_subscription(
    address: str, token: str, account: Made, teller: Client
) -> None:
    async with following(address, token, ACTIVITY, account=account.global_id) as stream:
        data = await stream.socket.run("{ viewer { actingRole } }")
        assert data == {"viewer": {"actingRole": "CUSTOMER"}}
        await stream.socket.send(type="complete", id="s")
        await cash(teller, "deposit", account, "1.00")
        # Its id is free again, and nothing comes of what was given up.
        await stream.socket.subscribe("s", ACTIVITY, account=account.global_id)
        assert (await stream.next())["__typename"] == "StreamPosition"


async def test_what_is_logged_and_counted(
    address: str, token: str, account: Made, served: Client
) -> None:
    with capture_logs() as logs:
        async with following(address, token, ACTIVITY, account=account.global_id):
            metrics = (await served.http.get("/metrics")).text
            assert "bank360_subscriptions 1.0" in metrics
            assert "bank360_feed_position" in metrics

        async def is_logged() -> bool:
            return any(line["event"] == "subscription" for line in logs)

        await until(is_logged)
    (line,) = (line for line in logs if line["event"] == "subscription")
    assert (line["outcome"], line["told"], line["role"]) == ("left", 1, "CUSTOMER")
    assert account.global_id not in str(logs)


async def test_a_subscription_asks_for_one_field(address: str, token: str) -> None:
    both = "subscription { approvalInbox { __typename } other: approvalInbox { __typename } }"
    for query in (both, "subscription { nothing }", "subscription { __typename }"):
        async with opened(address) as socket:
            await socket.initialise(token)
            await socket.subscribe("s", query)
            message = await socket.receive()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What the next statements of events fail with, one after the other."""
    failures: list[Exception] = []
    fetch = Database.fetch

    async def lost(database: Database, sql: str, values: Any, viewer: str) -> Any:
        # The teller who pays in reads too.
        if failures and " posting" in sql and '"SELF"' in viewer:
            raise failures.pop(0)
        return await fetch(database, sql, values, viewer)

    monkeypatch.setattr(Database, "fetch", lost)
    monkeypatch.setattr(telling, "_BACKOFF_SECONDS", 0.01)
    return failures


async def test_an_event_that_cannot_be_read_at_once_is_read_again(
    address: str, token: str, account: Made, teller: Client, failing: list[Exception]
) -> None:
    async with following(address, token, ACTIVITY, account=account.global_id) as stream:
        failing += [ConnectionResetError(), asyncpg.InternalClientError("odd"), KeyError("fault")]
        await cash(teller, "deposit", account, "1.00")
        assert (await stream.next())["transaction"]["amount"] == {"amount": "1.00"}
        assert not failing


async def test_an_event_that_cannot_be_read_is_not_passed_over(
    address: str, token: str, account: Made, teller: Client, failing: list[Exception]
) -> None:
    given = {"account": account.global_id}
    async with (
        following(address, token, ACTIVITY, **given) as stream,
        asked(address, token, EVENTS, **given) as lines,
    ):
        await lines.until(b"\n\n")
        failing += [ConnectionResetError()] * 50
        await cash(teller, "deposit", account, "1.00")
        closed = await stream.socket.closed()
        assert closed == (1013, "Try again later: events cannot be read now")
        # Cut short: neither the event nor an end.
        assert await lines.rest() == b""
        after = stream.position
    failing.clear()
    async with subscribed(address, token, ACTIVITY, **given, after=after) as stream:
        assert (await stream.next())["transaction"]["amount"] == {"amount": "1.00"}


async def test_a_subscription_that_cannot_begin(
    address: str, token: str, account: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_given: Any) -> Any:
        raise ConnectionResetError

    monkeypatch.setattr(Database, "fetch", lost)
    async with subscribed(address, token, ACTIVITY, account=account.global_id) as stream:
        assert (await stream.socket.closed())[0] == 1013
