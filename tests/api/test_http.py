"""Manners on the wire: every refusal is a GraphQL error in JSON, never a 5xx."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from client import Client
from conftest import client_of
from factories import Factory
from graphql import get_introspection_query
from structlog.testing import capture_logs

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.database import Database
from app.db.keys import Keys
from app.settings import Settings

OK = '{"query": "{ viewer { actingRole } }"}'


async def post(client: Client, body: str | bytes, **headers: str) -> httpx.Response:
    given = {"content-type": "application/json", **client.headers}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.http.post("/graphql", content=body, headers=given)


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert error["message"]
    return str(error["extensions"]["code"])


async def test_who_am_i(client: Client) -> None:
    data = await client.as_(Role.TELLER).run(
        "{ viewer { actingRole roles stronglyAuthenticated } }"
    )
    assert data["viewer"] == {
        "actingRole": "TELLER",
        "roles": ["TELLER"],
        "stronglyAuthenticated": True,
    }


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer x.y.z"]
)
async def test_nobody_reads_without_a_token(client: Client, authorization: str) -> None:
    response = await post(client, OK, authorization=authorization)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert code(response) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"7",
        b"NaN",
        b"[]",
        b'"{ viewer { actingRole } }"',
        b"{",
        b'{"query": NaN}',
        b'\xff{"query": "{ viewer { actingRole } }"}',
        b'{"query": "\xff"}',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": "{ viewer { actingRole } }", "variables": []}',
        b'{"query": "{ viewer { actingRole } }", "variables": "x"}',
        b'{"query": "{ viewer { actingRole } }", "operationName": 1}',
        b'{"query": "{ viewer { actingRole } }", "extensions": 1}',
        b"[" * 5000,
    ],
)
async def test_malformed_bodies(client: Client, body: bytes) -> None:
    response = await post(client, body)
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
async def test_only_json_bodies(client: Client, content_type: str) -> None:
    response = await post(client, OK, content_type=content_type)
    assert response.status_code == 415
    assert code(response) == "BAD_REQUEST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_other_methods(client: Client, method: str) -> None:
    response = await client.http.request(method, "/graphql", headers=client.headers)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    if method != "HEAD":
        assert code(response) == "BAD_REQUEST"


async def get(client: Client, **parameters: str) -> httpx.Response:
    return await client.http.get("/graphql", params=parameters, headers=client.headers)


async def test_a_query_by_get(client: Client, factory: Factory) -> None:
    branch = await factory.branch()
    response = await get(
        client,
        query="query Q($id: ID!) { node(id: $id) { id } } query R { viewer { actingRole } }",
        variables=json.dumps({"id": branch.global_id}),
        operationName="Q",
    )
    assert response.json() == {"data": {"node": {"id": branch.global_id}}}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": "{ viewer { actingRole } }", "variables": "{"},
        {"query": "{ viewer { actingRole } }", "variables": "7"},
        {"query": "{ viewer { actingRole } }", "extensions": "7"},
    ],
)
async def test_malformed_parameters(client: Client, parameters: dict[str, str]) -> None:
    response = await get(client, **parameters)
    assert code(response) == "BAD_REQUEST"
    assert response.status_code == (200 if parameters == {"query": ""} else 400)


@pytest.mark.parametrize(
    ("beside", "statements"),
    # One that is planned, and one that the reference executor answers, with all that is asked.
    [("", 1), ("__schema { queryType { name } } ", 2)],
)
async def test_an_operation_that_takes_too_long_ends_with_its_sql(
    slow_client: Client,
    owner: asyncpg.Connection,
    ended: list[BaseException],
    beside: str,
    statements: int,
) -> None:
    root = f'customer(id: "cus_{"0" * 32}")'
    response = await slow_client.send(f"{{ {beside}{root} {{ id }} branches {{ id }} }}")
    assert code(response) == "LIMIT_EXCEEDED"
    assert "1 seconds" in response.text
    running = "select count(*) from pg_stat_activity where query like 'select pg_sleep%'"
    for _ in range(200):
        if len(ended) == statements and not await owner.fetchval(running):
            break
        await asyncio.sleep(0.05)
    assert [type(error) for error in ended] == [asyncio.CancelledError] * statements
    assert await owner.fetchval(f"{running} and state = 'active'") == 0


@pytest.fixture
def ended() -> list[BaseException]:
    """How the statements of a slow client ended."""
    return []


@pytest.fixture
async def slow_client(
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    ended: list[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Client]:
    """A client whose statements take longer than operations may."""
    fetch = Database.fetch

    async def slow(database: Database, sql: str, values: list[Any], viewer: str) -> Any:
        del sql, values
        try:
            return await fetch(database, "select pg_sleep(600)", [], viewer)
        except BaseException as error:
            ended.append(error)
            raise

    monkeypatch.setattr(Database, "fetch", slow)
    monkeypatch.setattr(Database, "answer", slow)
    settings = Settings.read(operation_timeout_seconds=1, statement_timeout_seconds=600)
    async with client_of(database_url, keys, token_key, settings) as client:
        yield client


async def test_a_large_answer_is_compressed_when_asked(client: Client) -> None:
    query = get_introspection_query()
    packed = await client.http.post(
        "/graphql", json={"query": query}, headers=client.headers | {"accept-encoding": "gzip"}
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["data"]["__schema"]


async def test_pages_of_other_origins_are_let_in_by_setting_only(
    database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    page = {"origin": "https://bank.example", "access-control-request-method": "POST"}
    for origins, allowed in ((), None), (("https://bank.example",), "https://bank.example"):
        settings = Settings.read(cors_origins=origins)
        async with client_of(database_url, keys, token_key, settings) as client:
            response = await client.http.options("/graphql", headers=page)
            assert response.headers.get("access-control-allow-origin") == allowed


async def test_too_large_a_body(client: Client) -> None:
    response = await post(client, '{"query": "' + " " * 262_144 + '"}')
    assert response.status_code == 413
    assert code(response) == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("application/json", 200, "application/json"),
        ("*/*", 200, "application/json"),
        ("application/graphql-response+json", 200, "application/graphql-response+json"),
        (
            "application/graphql-response+json, application/json, text/event-stream",
            200,
            "application/graphql-response+json",
        ),
        ("application/json, text/event-stream;q=0.9", 200, "application/json"),
        ("application/json;q=0.9, text/event-stream", 200, "text/event-stream"),
        ("text/html", 406, "application/json"),
    ],
)
async def test_media_types(client: Client, accept: str, status: int, media_type: str) -> None:
    response = await post(client, OK, accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (status, media_type)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{",
        "{ nothing }",
        "{ viewer }",
        "query A { viewer { actingRole } } query B { viewer { actingRole } }",
        "mutation { x }",
        "subscription { x }",
        "query ($id: ID!) { node(id: $id) { id } }",
        "{ node { id } }",
    ],
)
async def test_documents_that_do_not_fit_the_schema(client: Client, query: str) -> None:
    response = await client.send(query)
    assert response.status_code == 200
    body = response.json()
    assert "data" not in body
    assert {error["extensions"]["code"] for error in body["errors"]} <= {
        "BAD_REQUEST",
        "BAD_USER_INPUT",
    }
    newer = await client.http.post(
        "/graphql",
        json={"query": query},
        headers=client.headers | {"accept": "application/graphql-response+json"},
    )
    assert newer.status_code == 400


def nested(levels: int) -> str:
    """A query through the circle of a customer's accounts and their owner."""
    query = "id"
    for _ in range(levels):
        query = f"accounts {{ owner {{ {query} }} }}"
    return f'{{ customer(id: "cus_{"0" * 32}") {{ {query} }} }}'


def doubling(fragments: int) -> str:
    """A short document whose fragments spread to 2 to the power of ``fragments`` fields."""
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(fragments)]
    return "\n".join(
        ["{ ...f0 }", *parts, f"fragment f{fragments} on Query {{ viewer {{ actingRole }} }}"]
    )


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (nested(6), "14 levels"),
        ("{" + " ".join(f"a{n}: viewer {{ actingRole }}" for n in range(31)) + "}", "31 aliases"),
        ("{" + " viewer { actingRole }" * 21 + "}", "21 root fields"),
        (
            "{ __schema { types {" + " ".join(f"n{n}: name" for n in range(31)) + "} } }",
            "31 aliases",
        ),
        ("{ customers {" + "nodes { id } " * 101 + "} }", "101 times"),
        (
            "{ customers(first: 100) { nodes {"
            + " ".join(f"b{n}: behaviour {{ startsOn }}" for n in range(20))
            + "} } }",
            "rows by the sizes",
        ),
        ("{ viewer { " + "actingRole @include(if: true) " * 51 + "} }", "51 directives"),
        (doubling(60), "root fields"),
        ("{ viewer { " + "actingRole " * 2_000 + "} }", "2000 tokens"),
        (
            """{ customers(first: 100) { nodes { tickets(first: 100) { nodes {
              customer { transactions(first: 3) { nodes { id } } } } } } } }""",
            "40100 rows",
        ),
        (
            """query ($n: Int = 100) { customers(first: $n) { nodes { tickets { nodes {
              customer { tickets(last: 100) { nodes { id } } } } } } } }""",
            "202100 rows",
        ),
    ],
)
async def test_operations_that_ask_for_too_much(client: Client, query: str, says: str) -> None:
    error = await client.error(query)
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert says in error["message"]


async def test_the_whole_schema_can_be_introspected(client: Client) -> None:
    data = await client.run(get_introspection_query(input_value_deprecation=True))
    assert data["__schema"]["queryType"]["name"] == "Query"


async def test_our_faults_are_masked_and_logged(
    client: Client, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await factory.customer(name="Secret Person")

    async def broken(*_: Any) -> Any:
        message = "connection string with Secret Person"
        raise ConnectionError(message)

    monkeypatch.setattr("app.db.database.Database.answer", broken)
    with capture_logs() as logs:
        response = await client.send(
            "query Q($id: ID!) { customer(id: $id) { name } }", id=customer.global_id
        )
    (error,) = response.json()["errors"]
    assert response.json()["data"] == {"customer": None}
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "Secret" not in response.text
    request_id = response.headers["x-request-id"]
    assert error["extensions"]["requestId"] == request_id
    assert any(line["request_id"] == request_id and line.get("exc_info") for line in logs)


async def test_logs_hold_no_variables_and_no_tokens(client: Client) -> None:
    canary = "canary-926-93-2157"
    with capture_logs() as logs:
        await client.run(
            "query Find($by: CustomerBy!) { customerBy(by: $by) { id } }", by={"nationalId": canary}
        )
    (line,) = (line for line in logs if line["event"] == "operation")
    assert line["operation"] == "Find"
    assert line["statements"] == 1
    assert canary not in str(logs)
    assert client.headers["authorization"] not in str(logs)


async def test_a_logged_fault_shows_where_but_no_values(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: Any) -> Any:
        canary = "canary-in-a-local"
        message = f"{canary} canary-in-a-text"
        raise ConnectionError(message)

    monkeypatch.setattr("app.db.database.Database.answer", broken)
    await client.send('{ customer(id: "cus_00000000000000000000000000000000") { name } }')
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (failed,) = [line for line in lines if line["event"] == "failed"]
    assert failed["exception"] == "builtins.ConnectionError"
    assert any(place.endswith("broken") for place in failed["at"])
    assert "canary" not in json.dumps(lines)


async def test_health(client: Client) -> None:
    assert (await client.http.get("/healthz")).json() == {"status": "alive"}
    assert (await client.http.get("/readyz")).status_code == 200
