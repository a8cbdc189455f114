"""GraphQL over WebSocket: what a client of graphql-transport-ws sees."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from factories import Factory
from serving import serving
from structlog.testing import capture_logs
from websocket_client import Socket, opened
from websockets.exceptions import InvalidStatus

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.settings import Settings
from app.websocket import is_own_page

WHO = "{ viewer { actingRole } }"


@pytest.fixture(scope="module")
async def address(database_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[str]:
    settings = Settings.read(cors_origins=("https://bank.example",))
    async with serving(database_url, keys, token_key, settings) as (given, _server):
        yield given


@pytest.fixture
def token(token_key: TokenKey) -> str:
    return token_key.issue(Role.COMPLIANCE, new_id(), strong=True)


@pytest.fixture
async def socket(address: str, token: str) -> AsyncIterator[Socket]:
    async with opened(address) as made:
        await made.initialise(token)
        yield made


async def test_a_query(socket: Socket, factory: Factory) -> None:
    branch = await factory.branch()
    query = "query ($id: ID!) { node(id: $id) { id } }"
    data = await socket.run(query, id=branch.global_id)
    assert data == {"node": {"id": branch.global_id}}


@pytest.mark.parametrize(
    "payload", [{"Authorization": "Bearer {}"}, {"authorization": "bearer {}"}, {}, None]
)
async def test_the_token_stands_in_the_payload_or_in_the_handshake(
    address: str, token: str, payload: dict[str, str] | None
) -> None:
    given = payload and {name: value.format(token) for name, value in payload.items()}
    async with opened(address, token=None if payload else token) as socket:
        await socket.send(type="connection_init", payload=given)
        assert await socket.receive() == {"type": "connection_ack"}
        assert await socket.run(WHO) == {"viewer": {"actingRole": "COMPLIANCE"}}


async def test_every_operation_reads_anew(
    socket: Socket, factory: Factory, owner: asyncpg.Connection
) -> None:
    branch = await factory.branch()
    query = "query ($id: ID!) { node(id: $id) { ... on Branch { name } } }"
    before = await socket.run(query, id=branch.global_id)
    await owner.execute("update branch set name = 'Renamed' where id = $1", branch.id)
    assert before != await socket.run(query, id=branch.global_id)


async def test_operations_run_side_by_side(socket: Socket) -> None:
    for number in range(20):
        await socket.subscribe(str(number), WHO)
    messages = [await socket.receive() for _ in range(40)]
    answered = {message["id"] for message in messages if message["type"] == "next"}
    assert answered == {str(number) for number in range(20)}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_REQUEST"),
        ("{ nothing }", "BAD_REQUEST"),
        ("mutation { x }", "BAD_REQUEST"),
        ("subscription { x }", "BAD_REQUEST"),
        ("{" + " viewer { actingRole }" * 21 + "}", "LIMIT_EXCEEDED"),
    ],
)
async def test_what_is_refused_before_it_runs_is_one_error(
    socket: Socket, query: str, code: str
) -> None:
    await socket.subscribe("1", query)
    message = await socket.receive()
    assert (message["type"], message["id"]) == ("error", "1")
    assert message["payload"][0]["message"]
    assert {error["extensions"]["code"] for error in message["payload"]} == {code}
    # The connection goes on, and the id is free.
    await socket.subscribe("1", WHO)
    assert (await socket.receive())["type"] == "next"


async def test_what_fails_while_it_runs_is_in_the_answer(
    socket: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        message = "secret"
        raise ConnectionError(message)

    monkeypatch.setattr("app.db.database.Database.answer", broken)
    with capture_logs() as logs:
        await socket.subscribe("1", f'{{ customer(id: "cus_{"0" * 32}") {{ id }} }}')
        message = await socket.receive()
        assert (message["type"], message["payload"]["data"]) == ("next", {"customer": None})
        assert (await socket.receive())["type"] == "complete"
    (error,) = message["payload"]["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    request_id = error["extensions"]["requestId"]
    assert [line["request_id"] for line in logs] == [request_id] * 2
    assert "secret" not in str(message)


@pytest.mark.parametrize("subprotocols", [(), ("graphql-ws",), ("mqtt", "graphql-ws")])
async def test_other_subprotocols(address: str, subprotocols: tuple[str, ...]) -> None:
    async with opened(address, subprotocols=subprotocols) as socket:
        assert socket.connection.subprotocol is None
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_ours_is_chosen_among_others(address: str) -> None:
    async with opened(address, subprotocols=("graphql-ws", "graphql-transport-ws")) as socket:
        assert socket.connection.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("origin", [None, "http://{}", "https://bank.example"])
async def test_pages_that_may_connect(address: str, origin: str | None) -> None:
    async with opened(address, origin=origin and origin.format(address)) as socket:
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://bank.example"])
async def test_pages_of_other_origins_are_refused(
    address: str, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with opened(address, origin=origin):
            pass
    response = caught.value.response
    assert response.status_code == 403
    assert response.body is not None
    (error,) = json.loads(response.body)["errors"]
    assert error["extensions"] == {"code": "FORBIDDEN"}
    # Anybody can cause this, so it is no fault for the log.
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "own"),
    [
        (None, "bank.example", "wss", True),
        ("https://bank.example", "bank.example", "wss", True),
        ("https://bank.example", "BANK.example:443", "wss", True),
        ("https://bank.example:443", "bank.example", "wss", True),
        ("https://bank.example:8443", "bank.example:8443", "wss", True),
        ("https://bank.example", "bank.example", "ws", True),
        ("http://bank.example", "bank.example:80", "ws", True),
        ("http://[::1]:8000", "[::1]:8000", "ws", True),
        ("http://bank.example", "bank.example", "wss", False),
        ("https://bank.example:8443", "bank.example", "wss", False),
        ("https://bank.example.evil.example", "bank.example", "wss", False),
        ("https://bank.example@evil.example", "bank.example", "wss", False),
        ("file://", "", "ws", False),
        ("null", "", "ws", False),
        ("https://", "", "wss", False),
        ("", "", "ws", False),
        ("http://[", "[", "ws", False),
    ],
)
def test_own_pages(origin: str | None, host: str, scheme: str, *, own: bool) -> None:
    assert is_own_page(origin, host, scheme) is own


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": 7},
        {"Authorization": None},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"token": "Bearer x.y.z"},
    ],
)
async def test_nobody_connects_without_a_token(address: str, payload: Any) -> None:
    async with opened(address) as socket:
        await socket.send(type="connection_init", payload=payload)
        assert await socket.closed() == (4403, "Forbidden")


async def test_a_wrong_token_counts_before_a_right_one_in_the_handshake(
    address: str, token: str
) -> None:
    async with opened(address, token=token) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer x.y.z"})
        assert await socket.closed() == (4403, "Forbidden")


async def test_nothing_runs_before_the_connection_is_acknowledged(address: str) -> None:
    async with opened(address) as socket:
        await socket.subscribe("1", WHO)
        assert await socket.closed() == (4401, "Unauthorized")


async def test_a_second_initialisation(socket: Socket, token: str) -> None:
    await socket.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
    assert await socket.closed() == (4429, "Too many initialisation requests")


MALFORMED = [
    "",
    "{",
    "null",
    "7",
    "[]",
    '"ping"',
    "[" * 5000,
    "{}",
    '{"type": null}',
    '{"type": ["ping"]}',
    '{"type": "start", "id": "1"}',
    '{"type": "next", "id": "1", "payload": {}}',
    '{"type": "connection_ack"}',
    '{"type": "connection_init", "payload": []}',
    '{"type": "ping", "payload": "x"}',
    '{"type": "complete"}',
    '{"type": "complete", "id": 1}',
    '{"type": "subscribe", "payload": {"query": "{ viewer { actingRole } }"}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{ viewer { actingRole } }"}}',
    '{"type": "subscribe", "id": 1, "payload": {"query": "{ viewer { actingRole } }"}}',
    '{"type": "subscribe", "id": "1"}',
    '{"type": "subscribe", "id": "1", "payload": "{ viewer { actingRole } }"}',
    '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ viewer }", "variables": []}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ viewer }", "operationName": 1}}',
    b'{"type": "ping"}',
]


@pytest.mark.parametrize("message", MALFORMED)
async def test_malformed_messages(socket: Socket, message: str | bytes) -> None:
    await socket.connection.send(message)
    code, reason = await socket.closed()
    assert code == 4400
    assert reason.startswith("Bad request: ")


async def test_pings_are_answered_at_any_time(address: str, token: str) -> None:
    async with opened(address) as socket:
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}
        await socket.initialise(token)
        await socket.send(type="pong", payload={"unasked": True})
        await socket.send(type="ping", payload={"at": 1})
        assert await socket.receive() == {"type": "pong", "payload": {"at": 1}}


async def test_completing_what_does_not_run_is_no_fault(socket: Socket) -> None:
    await socket.send(type="complete", id="unknown")
    assert await socket.run(WHO)


async def test_too_large_a_message(socket: Socket) -> None:
    await socket.subscribe("1", WHO + " " * 262_144)
    code, _reason = await socket.closed()
    assert code == 1009


async def test_our_own_fault_closes_the_connection_and_is_masked(
    database_url: str, keys: Keys, token: str
) -> None:
    class Broken(TokenKey):
        async def current(self) -> Any:
            raise RuntimeError(token)

    async with serving(database_url, keys, Broken.new()) as (address, _), opened(address) as socket:
        with capture_logs() as logs:
            await socket.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
            assert await socket.closed() == (4500, "Internal server error")
    failed = [line for line in logs if line["event"] == "failed"]
    assert [type(line["exc_info"]) for line in failed] == [RuntimeError]
