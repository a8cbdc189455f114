"""Manners on the wire: every refusal is a GraphQL error in JSON, never a 5xx."""

import json
from typing import Any

import httpx
import pytest
from client import Client
from factories import Factory
from graphql import get_introspection_query
from structlog.testing import capture_logs

from app.auth.permissions import Role

OK = '{"query": "{ viewer { role } }"}'


async def post(client: Client, body: str | bytes, **headers: str) -> httpx.Response:
    given = {"content-type": "application/json", **client.headers}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.http.post("/graphql", content=body, headers=given)


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert error["message"]
    return str(error["extensions"]["code"])


async def test_who_am_i(client: Client) -> None:
    data = await client.as_(Role.TELLER).run("{ viewer { role roles stronglyAuthenticated } }")
    assert data["viewer"] == {"role": "TELLER", "roles": ["TELLER"], "stronglyAuthenticated": True}


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
        b'"{ viewer { role } }"',
        b"{",
        b'{"query": NaN}',
        b'\xff{"query": "{ viewer { role } }"}',
        b'{"query": "\xff"}',
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": "{ viewer { role } }", "variables": []}',
        b'{"query": "{ viewer { role } }", "variables": "x"}',
        b'{"query": "{ viewer { role } }", "operationName": 1}',
        b'{"query": "{ viewer { role } }", "extensions": 1}',
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


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_methods(client: Client, method: str) -> None:
    response = await client.http.request(method, "/graphql", headers=client.headers)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert code(response) == "BAD_REQUEST"


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
        ("application/json;q=0.9, text/event-stream", 200, "application/json"),
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
        "query A { viewer { role } } query B { viewer { role } }",
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
        ["{ ...f0 }", *parts, f"fragment f{fragments} on Query {{ viewer {{ role }} }}"]
    )


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (nested(6), "14 levels"),
        ("{" + " ".join(f"a{n}: viewer {{ role }}" for n in range(31)) + "}", "31 aliases"),
        ("{" + " viewer { role }" * 21 + "}", "21 root fields"),
        ("{ viewer { " + "role @include(if: true) " * 51 + "} }", "51 directives"),
        (doubling(60), "root fields"),
        ("{ viewer { " + "role " * 2_000 + "} }", "2000 tokens"),
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

    monkeypatch.setattr("app.db.database.Database.fetch", broken)
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
    (line,) = logs
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

    monkeypatch.setattr("app.db.database.Database.fetch", broken)
    await client.send('{ customer(id: "cus_00000000000000000000000000000000") { name } }')
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (failed,) = [line for line in lines if line["event"] == "failed"]
    assert failed["exception"] == "builtins.ConnectionError"
    assert any(place.endswith("broken") for place in failed["at"])
    assert "canary" not in json.dumps(lines)


async def test_health(client: Client) -> None:
    assert (await client.http.get("/healthz")).json() == {"status": "alive"}
    assert (await client.http.get("/readyz")).status_code == 200
