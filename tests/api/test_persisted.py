"""Automatic persisted queries, as Apollo Client and urql use them."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
from client import Client
from conftest import client_of
from redis_support import RedisServer

from app.auth.tokens import TokenKey
from app.db import documents
from app.db.keys import Keys
from app.settings import Settings

QUERY = "query Me { viewer { actingRole } }"
DATA = {"data": {"viewer": {"actingRole": "COMPLIANCE"}}}
NOT_FOUND = {
    "errors": [
        {
            "message": "PersistedQueryNotFound",
            "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
        }
    ]
}


def extension(query: str, **changes: Any) -> dict[str, Any]:
    digest = sha256(query.encode()).hexdigest()
    return {"persistedQuery": {"version": 1, "sha256Hash": digest} | changes}


async def post(client: Client, **body: Any) -> httpx.Response:
    return await client.http.post("/graphql", json=body, headers=client.headers)


async def get(client: Client, **parameters: Any) -> httpx.Response:
    given = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
    }
    return await client.http.get("/graphql", params=given, headers=client.headers)


@pytest.fixture
def client(fresh_client: Client) -> Client:
    """No document is known to it."""
    return fresh_client


@pytest.mark.parametrize("send", [post, get])
async def test_a_document_is_sent_once(client: Client, send: Any) -> None:
    named = extension(QUERY)
    unknown = await send(client, extensions=named)
    assert (unknown.status_code, unknown.json()) == (200, NOT_FOUND)
    assert (await send(client, query=QUERY, extensions=named)).json() == DATA
    assert (await send(client, extensions=named)).json() == DATA


async def test_the_newer_media_type_is_told_with_200_as_well(client: Client) -> None:
    headers = client.headers | {"accept": "application/graphql-response+json"}
    body = {"extensions": extension(QUERY)}
    response = await client.http.post("/graphql", json=body, headers=headers)
    assert (response.status_code, response.json()) == (200, NOT_FOUND)


async def test_variables_and_names_go_with_a_hash(client: Client) -> None:
    other = "query B($yes: Boolean!) { viewer @include(if: $yes) { actingRole } }"
    query = "query A { viewer { actingRole } } " + other
    named = extension(query)
    given: dict[str, Any] = {"operationName": "B", "variables": {"yes": False}}
    assert (await post(client, query=query, extensions=named, **given)).json() == {"data": {}}
    given["variables"] = {"yes": True}
    assert (await get(client, extensions=named, **given)).json() == DATA


@pytest.mark.parametrize(
    ("query", "named", "says"),
    [
        (QUERY, extension("{ viewer { roles } }"), "is not the SHA-256 of the query"),
        (QUERY, extension(QUERY, version=2), "version 1"),
        (None, extension(QUERY, version=None), "version 1"),
        (None, extension(QUERY, sha256Hash="abc"), "64 hexadecimal digits"),
        (None, extension(QUERY, sha256Hash=7), "64 hexadecimal digits"),
        (None, {"persistedQuery": "abc"}, "must be an object"),
        (None, {"persistedQuery": None}, "'query' must be a text"),
        (None, {}, "'query' must be a text"),
        (7, extension(QUERY), "'query' must be a text"),
    ],
)
async def test_wrong_extensions(client: Client, query: Any, named: Any, says: str) -> None:
    response = await post(client, query=query, extensions=named)
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert says in error["message"]


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{ viewer { actingRole }",
        "{ viewer { actingRole } } #" + "x" * 16_384,
    ],
)
async def test_invalid_and_overlong_documents_are_not_kept(client: Client, query: str) -> None:
    await post(client, query=query, extensions=extension(query))
    assert (await post(client, extensions=extension(query))).json() == NOT_FOUND


async def test_without_the_setting_clients_are_told_to_stop_asking(
    database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    settings = Settings.read(persisted_query_seconds=0)
    async with client_of(database_url, keys, token_key, settings) as client:
        (error,) = (await post(client, extensions=extension(QUERY))).json()["errors"]
        assert error["message"] == "PersistedQueryNotSupported"
        assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_SUPPORTED"
        assert (await post(client, query=QUERY, extensions=extension(QUERY))).json() == DATA


@pytest.fixture
async def two_servers(
    database_url: str, keys: Keys, token_key: TokenKey, redis_server: RedisServer
) -> AsyncIterator[tuple[Client, Client]]:
    settings = Settings.read(redis_url=redis_server.url)
    async with (
        client_of(database_url, keys, token_key, settings) as first,
        client_of(database_url, keys, token_key, settings) as second,
    ):
        yield first, second


async def test_servers_share_documents_through_redis(two_servers: tuple[Client, Client]) -> None:
    first, second = two_servers
    await post(first, query=QUERY, extensions=extension(QUERY))
    assert (await post(second, extensions=extension(QUERY))).json() == DATA


async def test_the_oldest_documents_make_room(
    two_servers: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "DOCUMENTS_MAX", 2)
    first, second = two_servers
    queries = [f"query Q{number} {{ viewer {{ actingRole }} }}" for number in range(3)]
    for query in queries:
        await post(first, query=query, extensions=extension(query))
    answers = [await post(second, extensions=extension(query)) for query in queries]
    assert [answer.json() for answer in answers] == [NOT_FOUND, DATA, DATA]


async def test_without_redis_full_queries_go_on(
    two_servers: tuple[Client, Client], redis_server: RedisServer
) -> None:
    first, second = two_servers
    await post(first, query=QUERY, extensions=extension(QUERY))
    redis_server.hang()
    assert (await post(second, extensions=extension(QUERY))).json() == NOT_FOUND
    assert (await post(second, query=QUERY, extensions=extension(QUERY))).json() == DATA
    assert (await post(second, extensions=extension(QUERY))).json() == DATA
