"""What is logged of a request, and what never is."""

import json
import logging
from hashlib import sha256
from typing import Any

import pytest
from client import Client

from app.auth.permissions import Role
from app.db.ids import new_id

CANARY = "canary926932157"
NUMBERS = "this process numbers audit records"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines; each is one JSON object. The sequencer's own are no operation's."""
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in found if line["event"] != NUMBERS]


async def test_an_operation_is_one_line(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    person = new_id()
    query = 'query Find { accountBy(number: "none") { id } viewer { actingRole } }'
    response = await client.as_(Role.TELLER, person).send(query)
    (line,) = lines(capsys)
    assert line.pop("duration_ms") > 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "operation",
        "level": "info",
        "request_id": response.headers["x-request-id"],
        "viewer": str(person),
        "role": "TELLER",
        "operation": "Find",
        "kind": "query",
        "document": sha256(query.encode()).hexdigest(),
        "outcome": "complete",
        "statements": 1,
        "look_ups": 1,
        "codes": [],
    }


async def test_what_clients_send_is_not_logged(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    http, headers = client.http, client.headers
    by = {"nationalId": CANARY}
    await client.send("query ($by: CustomerBy!) { customerBy(by: $by) { id } }", by=by)
    await client.send(f'{{ customerBy(by: {{nationalId: "{CANARY}"}}) {{ id }} }}')
    await client.send(f'{{ node(id: "{CANARY}") {{ id }} }}')
    await client.send(f"{{ {CANARY} }}")
    await client.send("query ($by: CustomerBy!) { customerBy(by: $by) { id } }", by={CANARY: 1})
    await http.post("/graphql", content=f'{{"query": {CANARY}', headers=headers)
    await http.post("/graphql", content=CANARY, headers=headers | {"content-type": CANARY})
    await http.post(
        "/graphql", json={"query": "{ viewer { actingRole } }", "operationName": CANARY}
    )
    await http.get("/graphql", params={"query": "{ viewer { actingRole } }", "variables": CANARY})
    await http.get("/graphql", params={"query": f"{{ {CANARY} }}"}, headers=headers)
    await http.post(
        "/graphql", headers={"authorization": f"Bearer {CANARY}", "x-request-id": CANARY}
    )
    await http.get(f"/{CANARY}", headers={"cookie": CANARY, "user-agent": CANARY})

    async def broken(*_: Any) -> Any:
        raise ConnectionError(CANARY)

    monkeypatch.setattr("app.db.database.Database.fetch", broken)
    monkeypatch.setattr("app.db.database.Database.answer", broken)
    await client.send("query ($by: CustomerBy!) { customerBy(by: $by) { id } }", by=by)
    written = capsys.readouterr()
    assert "ConnectionError" in written.err
    assert CANARY not in written.err + written.out
    assert client.headers["authorization"].removeprefix("Bearer ") not in written.err


@pytest.mark.parametrize(
    "name", ['"\n{"event": "forged"}', "x" * 10_000, "\x1b[2J", "\N{RIGHT-TO-LEFT OVERRIDE}"]
)
async def test_names_of_operations_forge_no_lines(
    client: Client, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    headers = client.headers
    body = {"query": "query Me { viewer { actingRole } }", "operationName": name}
    await client.http.post("/graphql", json=body, headers=headers)
    await client.send(f"query {name} {{ viewer {{ actingRole }} }}")
    found = lines(capsys)
    assert [line["event"] for line in found] == ["operation", "operation"]
    assert all(len(line["operation"] or "") <= 100 for line in found)


async def test_libraries_log_without_the_values_that_they_fill_in(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client
    # What uvicorn writes of WebSocket handshakes, and asyncio of tasks that nobody awaits.
    logging.getLogger("uvicorn.error").error('%s - "WebSocket %s" [accepted]', "a", f"/?{CANARY}")
    message = f"Task exception was never retrieved\n{CANARY}"
    logging.getLogger("asyncio").error(message, exc_info=ValueError(CANARY))
    accepted, task = lines(capsys)
    assert (accepted["logger"], accepted["event"]) == (
        "uvicorn.error",
        '%s - "WebSocket %s" [accepted]',
    )
    assert task["event"] == "Task exception was never retrieved"
    assert task["exception"] == "builtins.ValueError"
    assert CANARY not in str([accepted, task])
