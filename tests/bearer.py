"""Sending tokens, and what comes back."""

from typing import Any

import httpx
from client import Client
from structlog.testing import capture_logs

WHO = "{ viewer { actingRole roles stronglyAuthenticated } }"


async def send(client: Client, token: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["authorization"] = f"Bearer {token}"
    return await client.http.post("/graphql", json={"query": WHO}, headers=named)


async def viewer(client: Client, token: str, **headers: str) -> Any:
    response = await send(client, token, **headers)
    assert response.status_code == 200, response.text
    return response.json()["data"]["viewer"]


async def refusal(client: Client, token: str) -> str:
    """Give why a token is refused, as the log has it; the client is told no more than it must."""
    with capture_logs() as lines:
        response = await send(client, token)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert error["message"] in {
        "the token is not accepted: sign in again",
        "the token has expired: sign in again",
    }
    for part in token.split("."):
        assert len(part) < 20 or part not in repr(lines) + response.text
    reasons = [line["reason"] for line in lines if line["event"] == "token refused"]
    return reasons[0] if reasons else str(error["message"])
