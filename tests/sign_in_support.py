"""Pressing the buttons of the demo's sign-in page, and redeeming what comes of it."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from client import Client
from factories import Made

ORIGIN = "http://127.0.0.1:8000"
VERIFIER = generate_token(48)
ASKED = {
    "response_type": "code",
    "client_id": "graphiql",
    "redirect_uri": f"{ORIGIN}/graphiql/callback",
    "scope": "openid profile",
    "state": "of the page <&\"'>",
    "nonce": "once",
    "code_challenge": create_s256_code_challenge(VERIFIER),
    "code_challenge_method": "S256",
}


async def page(client: Client, **changes: str) -> httpx.Response:
    parameters = {name: value for name, value in (ASKED | changes).items() if value != "-"}
    return await client.http.get("/oauth/authorize", params=parameters)


async def choose(
    client: Client,
    choice: str,
    *,
    site: str | None = "same-origin",
    origin: str | None = None,
    **changes: str,
) -> httpx.Response:
    """Press a button of the page, sending what its form has.

    ``site`` and ``origin`` are what the browser says of the page; None if it says nothing.
    """
    parameters = {name: value for name, value in (ASKED | changes).items() if value != "-"}
    form = {**parameters, "as": choice}
    said = {"sec-fetch-site": site, "origin": origin}
    headers = {name: value for name, value in said.items() if value is not None}
    return await client.http.post("/oauth/authorize", data=form, headers=headers)


def outcome(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 303, response.text
    parts = urlsplit(response.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == ASKED["redirect_uri"]
    return dict(parse_qsl(parts.query))


async def redeem(client: Client, code: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": "graphiql",
        "redirect_uri": ASKED["redirect_uri"],
        "code": code,
        "code_verifier": VERIFIER,
    } | changes
    form = {name: value for name, value in form.items() if value != "-"}
    return await client.http.post("/oauth/token", data=form)


async def code_for(client: Client, person: Made, role: str = "TELLER", **changes: str) -> str:
    return outcome(await choose(client, f"{role}.{person.id}", **changes))["code"]


async def who(client: Client, token: str, **headers: str) -> Any:
    named = {"authorization": f"Bearer {token}"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"query": "{ viewer { actingRole roles stronglyAuthenticated } }"}
    return (await client.http.post("/graphql", json=body, headers=named)).json()["data"]["viewer"]
