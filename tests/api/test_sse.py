"""GraphQL over Server-Sent Events: what a client of graphql-sse sees."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import httpx
import pytest
from client import Client
from factories import Factory
from serving import serving
from slow_sql import SlowSql
from structlog.testing import capture_logs

from app.auth.tokens import TokenKey
from app.db.database import Database
from app.db.keys import Keys
from app.settings import Settings

WHO = "{ viewer { actingRole } }"
COMPLETE = b"event: complete\ndata:\n\n"
SLOW = f'{{ customer(id: "cus_{"0" * 32}") {{ id }} }}'


@pytest.fixture(scope="module")
async def address(database_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[str]:
    settings = Settings.read(event_stream_keep_alive_seconds=1)
    async with serving(database_url, keys, token_key, settings) as (given, _server):
        yield given


@pytest.fixture
async def client(address: str, token_key: TokenKey) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        client = Client(http, token_key)
        client.headers["accept"] = "text/event-stream"
        yield client


def event(response: httpx.Response) -> Any:
    """Give what the one event 'next' holds."""
    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
    next_, end = response.content.split(b"\n\n", 1)
    assert end == COMPLETE
    name, data = next_.split(b"\n")
    assert name == b"event: next"
    return json.loads(data.removeprefix(b"data: "))


def streamed(client: Client, query: str) -> AbstractAsyncContextManager[httpx.Response]:
    body = {"query": query}
    return client.http.stream("POST", "/graphql", json=body, headers=client.headers)


async def test_a_query_by_post(client: Client, factory: Factory) -> None:
    branch = await factory.branch(name="Two\nlines\r\nand 行")
    query = "query ($id: ID!) { node(id: $id) { ... on Branch { name } } }"
    response = await client.send(query, id=branch.global_id)
    assert event(response) == {"data": {"node": {"name": "Two\nlines\r\nand 行"}}}
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"]


async def test_a_query_by_get(client: Client) -> None:
    response = await client.http.get("/graphql", params={"query": WHO}, headers=client.headers)
    assert event(response) == {"data": {"viewer": {"actingRole": "COMPLIANCE"}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_REQUEST"),
        ("{ nothing }", "BAD_REQUEST"),
        ("subscription { x }", "BAD_REQUEST"),
        ("{" + " viewer { actingRole }" * 21 + "}", "LIMIT_EXCEEDED"),
    ],
)
async def test_an_operation_that_is_refused_is_told_in_the_stream(
    client: Client, query: str, code: str
) -> None:
    body = event(await client.send(query))
    assert set(body) == {"errors"}
    assert {error["extensions"]["code"] for error in body["errors"]} == {code}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"authorization": ""}, json.dumps({"query": WHO}), 401),
        ({}, "{", 400),
        ({}, "{}", 400),
        ({"content-type": "text/plain"}, json.dumps({"query": WHO}), 415),
        ({}, " " * 262_145, 413),
    ],
)
async def test_a_request_that_is_refused_is_plain_http(
    client: Client, headers: dict[str, str], body: str, status: int
) -> None:
    given = {"content-type": "application/json", **client.headers, **headers}
    response = await client.http.post("/graphql", content=body, headers=given)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    assert response.json()["errors"]


async def test_the_lines_of_the_header_mean_one_list(client: Client) -> None:
    headers = [("accept", "text/event-stream;q=0.5"), ("accept", "application/json")]
    headers.append(("authorization", client.headers["authorization"]))
    response = await client.http.get("/graphql", params={"query": WHO}, headers=headers)
    assert response.json() == {"data": {"viewer": {"actingRole": "COMPLIANCE"}}}


async def test_a_stream_is_not_compressed(client: Client) -> None:
    client.headers["accept-encoding"] = "gzip"
    query = "{ __schema { types { name description fields { name description } } } }"
    response = await client.send(query)
    assert "content-encoding" not in response.headers
    assert event(response)["data"]["__schema"]


async def test_comments_keep_a_silent_stream_open(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on = Database.answer, asyncio.Event()

    async def waiting(database: Database, sql: str, values: Any, viewer: str) -> Any:
        await go_on.wait()
        return await read(database, sql, values, viewer)

    monkeypatch.setattr(Database, "answer", waiting)
    received = b""
    async with streamed(client, SLOW) as response:
        async for chunk in response.aiter_raw():
            received += chunk
            if received == b":\n\n:\n\n":
                go_on.set()
    answer = b'event: next\ndata: {"data":{"customer":null}}\n\n'
    assert received == b":\n\n:\n\n" + answer + COMPLETE


async def test_leaving_cancels_the_sql(
    client: Client, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowSql(owner, monkeypatch)
    async with streamed(client, SLOW) as response:
        assert response.status_code == 200
        await slow.running(1)
    await slow.running(0)


async def test_logs_hold_no_variables_and_no_tokens(client: Client) -> None:
    canary = "canary-926-93-2157"
    query = "query Find($by: CustomerBy!) { customerBy(by: $by) { id } }"
    with capture_logs() as logs:
        event(await client.send(query, by={"nationalId": canary}))
    assert any(line.get("operation") == "Find" for line in logs)
    assert canary not in str(logs)
    assert client.headers["authorization"].split()[1] not in str(logs)
