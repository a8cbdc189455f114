"""Manners that browsers' and GraphQL clients' authors rely on."""

import asyncio

import pytest
from client import Client
from conftest import client_of
from serving import serving

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.settings import Settings

MISSPELT = [
    ("{ viewr { role } }", {}),
    ("{ viewer { rol } }", {}),
    ('{ customerBy(by: {nationalID: "1"}) { id } }', {}),
    ("{ customers(firs: 3) { totalCount } }", {}),
    ("query ($by: CustomerB!) { customerBy(by: $by) { id } }", {"by": {"number": "1"}}),
    ("query ($by: CustomerBy!) { customerBy(by: $by) { id } }", {"by": {"numbr": "1"}}),
    ("{ viewer { ... on Viewr { role } } }", {}),
    ("{ viewer { actingRole @skp(if: true) } }", {}),
]


@pytest.mark.parametrize("wished", [False, True])
async def test_names_are_suggested_by_setting_only(
    database_url: str, keys: Keys, token_key: TokenKey, wished: bool
) -> None:
    settings = Settings.read(query_suggestions=wished)
    async with client_of(database_url, keys, token_key, settings) as client:
        answers = [await client.send(query, **variables) for query, variables in MISSPELT]
    assert all(answer.json()["errors"] for answer in answers)
    suggesting = sum("Did you mean" in answer.text for answer in answers)
    assert suggesting >= 5 if wished else suggesting == 0


async def test_at_most_five_errors_of_a_document_are_told(client: Client) -> None:
    response = await client.send("{" + " ".join(f"nothing{number}" for number in range(50)) + "}")
    messages = [error["message"] for error in response.json()["errors"]]
    assert len(messages) == 6
    assert messages[-1] == "Too many validation errors, error limit reached. Validation aborted."


async def test_a_batch_is_refused_clearly(client: Client) -> None:
    batch = [{"query": "{ viewer { actingRole } }"}] * 2
    response = await client.http.post("/graphql", json=batch, headers=client.headers)
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert error["message"] == (
        "batches are not answered: send each operation in a request of its own"
    )


async def test_pages_may_send_what_their_clients_send_and_read_what_helps(
    database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    asked = (
        "apollo-require-preflight,apollographql-client-name,authorization,content-type,"
        "traceparent,x-acting-role,x-apollo-operation-name"
    )
    preflight = {
        "origin": "https://bank.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": asked,
    }
    settings = Settings.read(cors_origins=("https://bank.example",))
    async with client_of(database_url, keys, token_key, settings) as client:
        allowed = await client.http.options("/graphql", headers=preflight)
        other = preflight | {"access-control-request-headers": "x-other"}
        refused = await client.http.options("/graphql", headers=other)
        client.headers["origin"] = "https://bank.example"
        answer = await client.send("{ viewer { actingRole } }")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-max-age"] == "7200"
    assert "access-control-allow-credentials" not in allowed.headers
    assert refused.status_code == 400
    assert answer.headers["access-control-allow-origin"] == "https://bank.example"
    readable = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"ratelimit", "ratelimit-policy", "retry-after", "x-request-id"} <= set(readable)


async def test_a_body_that_is_too_large_ends_the_connection(
    database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    token = token_key.issue(Role.COMPLIANCE, new_id())
    head = (
        "POST /graphql HTTP/1.1\r\nHost: bank360\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: 100000000\r\n\r\n"
    )
    async with serving(database_url, keys, token_key) as (address, _):
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        # Far less than was announced: the server neither waits for the rest nor reads on.
        writer.write(head.encode() + b" " * 300_000)
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert b"LIMIT_EXCEEDED" in answer
