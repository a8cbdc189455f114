"""Connections over WebSocket as they live and end: limits, cancelling, expiry, a server's stop."""

import asyncio
import base64
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

import asyncpg
import pytest
from serving import Server, serving
from slow_sql import SlowSql, until
from structlog.testing import capture_logs
from websocket_client import opened
from websockets.exceptions import InvalidStatus

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.database import Database
from app.db.ids import new_id
from app.db.keys import Keys
from app.operation import Answer, Operations
from app.settings import Settings

WHO = "{ viewer { actingRole } }"
SLOW = f'{{ customer(id: "cus_{"0" * 32}") {{ id }} }}'

Serve = Callable[..., Coroutine[Any, Any, tuple[str, Server]]]


@pytest.fixture
async def serve(database_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Serve]:
    """Start a server with some settings, and options of uvicorn."""
    async with AsyncExitStack() as stack:

        async def start(
            options: dict[str, Any] | None = None, **settings: Any
        ) -> tuple[str, Server]:
            given = Settings.read(**settings)
            made = serving(database_url, keys, token_key, given, **options or {})
            return await stack.enter_async_context(made)

        yield start


@pytest.fixture
def token(token_key: TokenKey) -> str:
    return token_key.issue(Role.COMPLIANCE, new_id(), strong=True)


@pytest.fixture
def slow_sql(owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> SlowSql:
    return SlowSql(owner, monkeypatch)


async def test_completing_an_operation_cancels_its_sql(
    serve: Serve, token: str, slow_sql: SlowSql
) -> None:
    address, _ = await serve()
    async with opened(address) as socket:
        await socket.initialise(token)
        await socket.subscribe("1", SLOW)
        await slow_sql.running(1)
        await socket.send(type="complete", id="1")
        await slow_sql.running(0)
        # Nothing more comes for the id, which is free again.
        await socket.subscribe("1", WHO)
        assert (await socket.receive())["payload"]["data"] == {
            "viewer": {"actingRole": "COMPLIANCE"}
        }


async def test_leaving_cancels_all_sql(serve: Serve, token: str, slow_sql: SlowSql) -> None:
    address, _ = await serve()
    async with opened(address) as socket:
        await socket.initialise(token)
        for number in range(3):
            await socket.subscribe(str(number), SLOW)
        await slow_sql.running(3)
    await slow_sql.running(0)


async def test_two_operations_under_one_id(serve: Serve, token: str, slow_sql: SlowSql) -> None:
    address, _ = await serve()
    for id_, reason in (
        ("1", "Subscriber for 1 already exists"),
        ("é" * 200, "Subscriber for " + "é" * 54),
    ):
        async with opened(address) as socket:
            await socket.initialise(token)
            await socket.subscribe(id_, SLOW)
            await socket.subscribe(id_, WHO)
            assert await socket.closed() == (4409, reason)
        await slow_sql.running(0)


async def test_operations_at_once_are_counted(serve: Serve, token: str, slow_sql: SlowSql) -> None:
    address, _ = await serve(websocket_operations_max=2)
    async with opened(address) as socket:
        await socket.initialise(token)
        await socket.subscribe("1", SLOW)
        await socket.subscribe("2", SLOW)
        await socket.subscribe("3", WHO)
        message = await socket.receive()
        assert (message["type"], message["id"]) == ("error", "3")
        (error,) = message["payload"]
        assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
        assert "2 operations" in error["message"]
        await slow_sql.running(2)
        await socket.send(type="complete", id="1")
        await slow_sql.running(1)
        assert await socket.run(WHO)


async def test_connections_of_a_process_are_counted(serve: Serve) -> None:
    address, _ = await serve(websocket_connections_max=1)
    async with opened(address):
        with pytest.raises(InvalidStatus) as caught:
            async with opened(address):
                pass
        response = caught.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.body is not None
        (error,) = json.loads(response.body)["errors"]
        assert error["extensions"] == {"code": "RATE_LIMITED"}

    async def is_free() -> bool:
        try:
            async with opened(address):
                return True
        except InvalidStatus:
            return False

    await until(is_free)


async def test_connections_of_a_person_are_counted(
    serve: Serve, token: str, token_key: TokenKey
) -> None:
    address, _ = await serve(websocket_connections_per_viewer_max=1)
    init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
    async with opened(address) as first, opened(address) as second, opened(address) as third:
        await first.initialise(token)
        await second.send(**init)
        code, reason = await second.closed()
        assert (code, reason) == (1013, "Try again later: you have too many connections")
        await third.initialise(token_key.issue(Role.TELLER, new_id()))

    async def is_free() -> bool:
        async with opened(address) as socket:
            await socket.send(**init)
            try:
                return await socket.receive() == {"type": "connection_ack"}
            except Exception:  # noqa: BLE001
                return False

    await until(is_free)


async def test_a_client_that_does_not_say_who_it_is(serve: Serve) -> None:
    address, _ = await serve(websocket_init_seconds=1)
    async with opened(address) as socket:
        assert await socket.closed() == (4408, "Connection initialisation timeout")


async def test_a_token_that_expires_ends_the_connection_and_what_runs(
    serve: Serve, token_key: TokenKey, slow_sql: SlowSql
) -> None:
    address, _ = await serve()
    # A minute of skew is granted, of which three seconds are left.
    token = token_key.issue(Role.COMPLIANCE, new_id(), ttl_seconds=-57)
    async with opened(address) as socket:
        await socket.initialise(token)
        await socket.subscribe("1", SLOW)
        await slow_sql.running(1)
        assert await socket.closed() == (4403, "Forbidden: the token has expired")
    await slow_sql.running(0)


async def test_a_token_of_the_far_future(serve: Serve, token_key: TokenKey) -> None:
    address, _ = await serve(websocket_init_seconds=1)
    token = token_key.issue(Role.COMPLIANCE, new_id(), ttl_seconds=200_000_000_000)
    async with opened(address) as socket:
        await socket.initialise(token)
        assert await socket.run(WHO)


async def dead_peer(address: str, *messages: dict[str, Any]) -> asyncio.StreamWriter:
    """Connect, send, and never read or answer again."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /graphql HTTP/1.1",
        f"Host: {address}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    assert b"101" in await reader.readline()
    transport: Any = writer.transport
    transport.pause_reading()
    for message in messages:
        text = json.dumps(message).encode()
        # A masked text frame (RFC 6455, section 5.2), whose mask changes nothing.
        head = b"\x81" + bytes([0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4)
        writer.write(head + text)
    await writer.drain()
    return writer


async def forgotten(server: Server, peer: asyncio.StreamWriter) -> None:
    """Wait until the server has nothing of a peer left."""

    async def is_forgotten() -> bool:
        return not server.server_state.connections and not server.server_state.tasks

    await until(is_forgotten)
    peer.close()
    with suppress(ConnectionError):
        await peer.wait_closed()


@pytest.fixture
def _large_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are larger than what the buffers of both ends hold."""

    async def large(*_: Any, **_named: Any) -> Answer:
        return Answer({"data": "x" * 32_000_000}, executed=True)

    monkeypatch.setattr(Operations, "run", large)


ASKED = {"type": "subscribe", "id": "1", "payload": {"query": WHO}}


@pytest.mark.usefixtures("_large_answers")
async def test_dead_peers_are_noticed(serve: Serve, token: str) -> None:
    options = {"ws_ping_interval": 0.1, "ws_ping_timeout": 0.1}
    address, server = await serve(options)
    init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
    for messages in ([], [init], [init, ASKED]):
        await forgotten(server, await dead_peer(address, *messages))


@pytest.mark.usefixtures("_large_answers")
async def test_a_client_that_reads_nothing_cannot_put_off_its_end(
    serve: Serve, token_key: TokenKey
) -> None:
    address, server = await serve({"ws_ping_interval": None})
    token = token_key.issue(Role.COMPLIANCE, new_id(), ttl_seconds=-57)
    init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
    await forgotten(server, await dead_peer(address, init, ASKED))


async def test_what_runs_may_end_when_the_server_stops(
    serve: Serve, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, server = await serve()
    answer, begun, go_on = Database.answer, asyncio.Event(), asyncio.Event()

    async def waiting(database: Database, sql: str, values: Any, viewer: str) -> Any:
        begun.set()
        await go_on.wait()
        return await answer(database, sql, values, viewer)

    monkeypatch.setattr(Database, "answer", waiting)
    async with opened(address) as idle, opened(address) as busy:
        await idle.initialise(token)
        await busy.initialise(token)
        await busy.subscribe("running", SLOW)
        await begun.wait()
        server.should_exit = True
        assert await idle.closed() == (1012, "Service restart")
        # What has not begun is left to the client, which begins it elsewhere.
        await busy.subscribe("too late", WHO)
        await busy.send(type="ping")
        assert await busy.receive() == {"type": "pong"}
        go_on.set()
        assert (await busy.receive())["payload"] == {"data": {"customer": None}}
        assert await busy.receive() == {"type": "complete", "id": "running"}
        assert await busy.closed() == (1012, "Service restart")


async def test_what_does_not_end_is_cut_off_when_the_server_stops(
    serve: Serve, token: str, slow_sql: SlowSql
) -> None:
    address, server = await serve(shutdown_seconds_max=1)
    async with opened(address) as socket:
        await socket.initialise(token)
        await socket.subscribe("1", SLOW)
        await slow_sql.running(1)
        server.should_exit = True
        assert await socket.closed() == (1012, "Service restart")
    await slow_sql.running(0)


async def test_logs_hold_no_tokens_no_variables_and_no_queries(
    serve: Serve, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    address, _ = await serve(log_level="DEBUG")
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "websockets.client")
    canary = "canary-926-93-2157"
    with capture_logs() as logs:
        async with opened(f"{address}", token=token) as socket:
            await socket.initialise(token)
            query = "query Find($by: CustomerBy!) { customerBy(by: $by) { id } }"
            await socket.run(query, by={"nationalId": canary})
            await socket.subscribe(canary, "{")
            await socket.receive()
            await socket.connection.send(canary)
            await socket.closed()

        async def is_logged() -> bool:
            return any(line["event"] == "connection" for line in logs)

        await until(is_logged)
    operation, refused = [line for line in logs if line["event"] == "operation"]
    (connection,) = [line for line in logs if line["event"] == "connection"]
    assert (operation["operation"], refused["codes"]) == ("Find", ["BAD_REQUEST"])
    assert connection["code"] == 4400
    assert (connection["role"], connection["operations"]) == ("COMPLIANCE", 2)
    written = str(logs) + caplog.text
    assert canary not in written
    assert token not in written
    assert "/graphql" not in caplog.text


async def test_the_socket_ends_with_the_code_of_the_client(serve: Serve, token: str) -> None:
    address, _ = await serve()
    with capture_logs() as logs:
        async with opened(address) as socket:
            await socket.initialise(token)
            await socket.connection.close(4999)

        async def is_logged() -> bool:
            return bool(logs)

        await until(is_logged)
    assert [line["code"] for line in logs] == [4999]
