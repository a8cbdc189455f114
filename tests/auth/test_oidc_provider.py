"""Tokens of an issuer that nobody here wrote: npm's oidc-provider, in tests/oidc."""

import base64
import hmac
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from client import Client
from conftest import client_of
from factories import Factory
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from oidc_packages import FOLDER, missing

from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.revocations import revoke
from app.settings import Settings

REDIRECT_URI = "http://127.0.0.1/callback"
TELLER = {"staff_id": str(new_id()), "roles": "TELLER"}
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    if reason := missing():
        pytest.skip(reason)
    command = ["node", str(FOLDER / "issuer.mjs")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        url = next(line.strip() for line in process.stdout if line.startswith("http"))
        yield url
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@pytest.fixture
async def client(
    issuer: str, database_url: str, keys: Keys, token_key: TokenKey
) -> AsyncIterator[Client]:
    async with client_of(database_url, keys, token_key, Settings.read(issuer=issuer)) as made:
        yield made


async def press(http: httpx.AsyncClient, page: httpx.Response, **fields: str) -> httpx.Response:
    """Send the form of one of the issuer's own pages."""
    (action,) = re.findall(r'<form[^>]* action="([^"]+)"', page.text)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    return await http.post(unescape(action), data=hidden | fields)


async def sign_in(issuer: str, claims: dict[str, str], resource: str = "urn:bank360") -> str:
    """Sign in and give the access token."""
    return str((await tokens_of(issuer, claims, resource))["access_token"])


async def tokens_of(issuer: str, claims: dict[str, str], resource: str) -> Any:
    """Sign in as a browser would, on the issuer's own pages."""
    verifier = generate_token(48)
    asked = {
        "response_type": "code",
        "client_id": "tests",
        "redirect_uri": REDIRECT_URI,
        "scope": "openid read",
        "resource": resource,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
        "prompt": "consent",
    }
    async with httpx.AsyncClient(base_url=issuer, timeout=PATIENCE_SECONDS) as http:
        answer = await http.get("/auth", params=asked)
        while not (location := answer.headers.get("location", "")).startswith(REDIRECT_URI):
            if location:
                answer = await http.get(location)
            elif 'name="login"' in answer.text:
                answer = await press(http, answer, login=urlencode(claims), password="any")
            else:
                answer = await press(http, answer)
        (code,) = parse_qs(urlsplit(location).query)["code"]
        form = {
            "grant_type": "authorization_code",
            "client_id": "tests",
            "redirect_uri": REDIRECT_URI,
            "code": code,
            "code_verifier": verifier,
            "resource": resource,
        }
        return (await http.post("/token", data=form)).json()


async def ask(client: Client, token: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["authorization"] = f"Bearer {token}"
    body = {"query": "{ viewer { actingRole roles stronglyAuthenticated } }"}
    return await client.http.post("/graphql", json=body, headers=named)


async def assert_refused(client: Client, token: str) -> None:
    response = await ask(client, token)
    assert response.status_code == 401
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}


async def viewer(client: Client, token: str, **headers: str) -> Any:
    return (await ask(client, token, **headers)).json()["data"]["viewer"]


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def decoded(segment: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(segment + "=="))


async def public_key(issuer: str, kid: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=issuer) as http:
        published = (await http.get("/jwks")).json()["keys"]
    return next(dict(key) for key in published if key["kid"] == kid)


@pytest.mark.parametrize("resource", ["urn:bank360:rsa", "urn:bank360:ec", "urn:bank360:ed"])
async def test_its_holder_is_let_in(issuer: str, client: Client, resource: str) -> None:
    token = await sign_in(issuer, TELLER, resource)
    assert await viewer(client, token) == {
        "actingRole": "TELLER",
        "roles": ["TELLER"],
        "stronglyAuthenticated": False,
    }


async def test_numbers_roles_and_strength_come_through(
    issuer: str, client: Client, factory: Factory
) -> None:
    staff = await factory.staff("TELLER")
    number = await factory.connection.fetchval("select number from staff where id = $1", staff.id)
    claims = {"staff_id": number, "roles": "SERVICE_AGENT,TELLER", "role": "TELLER"}
    token = await sign_in(issuer, claims | {"acr": "strong"})
    assert await viewer(client, token, X_Acting_Role="SERVICE_AGENT") == {
        "actingRole": "SERVICE_AGENT",
        "roles": ["TELLER", "SERVICE_AGENT"],
        "stronglyAuthenticated": True,
    }
    assert (await ask(client, token, X_Acting_Role="ADMIN")).status_code == 403


@pytest.mark.parametrize("wrong", ["expired", "early", "audience", "issuer"])
async def test_a_token_with_one_thing_wrong_is_refused(
    issuer: str, client: Client, wrong: str
) -> None:
    await assert_refused(client, await sign_in(issuer, TELLER, f"urn:bank360:{wrong}"))


async def test_a_forged_token_is_refused(issuer: str, client: Client) -> None:
    header, payload, _ = (await sign_in(issuer, TELLER)).split(".")
    thief = RSAKey.generate_key(2048, {"kid": decoded(header)["kid"]}, private=True)
    forged = jwt.encode(decoded(header), decoded(payload), thief, algorithms=["RS256"])
    await assert_refused(client, forged)


async def test_an_altered_token_is_refused(issuer: str, client: Client) -> None:
    header, payload, signature = (await sign_in(issuer, TELLER)).split(".")
    altered = encoded(decoded(payload) | {"roles": ["ADMIN"]})
    await assert_refused(client, f"{header}.{altered}.{signature}")


async def test_a_token_without_a_signature_is_refused(issuer: str, client: Client) -> None:
    header, payload, signature = (await sign_in(issuer, TELLER)).split(".")
    unsigned = encoded(decoded(header) | {"alg": "none"})
    for forged in (f"{unsigned}.{payload}.", f"{unsigned}.{payload}.{signature}"):
        await assert_refused(client, forged)


async def test_its_public_key_is_no_shared_secret(issuer: str, client: Client) -> None:
    header, payload, _ = (await sign_in(issuer, TELLER)).split(".")
    signed = f"{encoded(decoded(header) | {'alg': 'HS256'})}.{payload}"
    public = RSAKey.import_key(await public_key(issuer, "rsa")).as_pem(private=False)
    mac = hmac.digest(public, signed.encode(), "sha256")
    confused = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    await assert_refused(client, confused)


async def test_a_key_it_does_not_have_is_refused(issuer: str, client: Client) -> None:
    header, payload, _ = (await sign_in(issuer, TELLER)).split(".")
    stranger = ECKey.generate_key("P-256", private=True)
    named = decoded(header) | {"alg": "ES256", "kid": "stranger"}
    await assert_refused(client, jwt.encode(named, decoded(payload), stranger))


async def test_a_revoked_token_is_refused(issuer: str, client: Client) -> None:
    token = await sign_in(issuer, TELLER)
    transport: Any = client.http._transport
    redis = transport.app.state.redis
    await revoke(redis, decoded(token.split(".")[1])["jti"], 600)
    await assert_refused(client, token)
    await viewer(client, await sign_in(issuer, TELLER))


async def test_its_id_token_is_not_for_the_api(issuer: str, client: Client) -> None:
    tokens = await tokens_of(issuer, TELLER, "urn:bank360")
    await viewer(client, tokens["access_token"])
    await assert_refused(client, tokens["id_token"])


async def test_a_role_of_no_bank_is_refused(issuer: str, client: Client) -> None:
    await assert_refused(client, await sign_in(issuer, TELLER | {"roles": "OWNER"}))
