"""The demo's own issuer: its page, its codes, and the tokens that they lead to."""

import html
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata
from client import Client
from conftest import client_of
from factories import Factory, Made
from joserfc import jwt
from joserfc.jwk import KeySet
from sign_in_support import ASKED, ORIGIN, choose, code_for, outcome, page, redeem, who

from app.auth.tokens import TokenKey
from app.db.keys import Keys


@pytest.fixture
async def client(database_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Client]:
    async with client_of(database_url, keys, token_key) as made:
        made.http.base_url = httpx.URL(ORIGIN)
        yield made


@pytest.fixture
async def teller(factory: Factory) -> Made:
    return await factory.staff("TELLER")


async def test_a_person_is_chosen_and_a_code_leads_to_a_token(client: Client, teller: Made) -> None:
    found = outcome(await choose(client, f"TELLER.{teller.id}"))
    assert found["state"] == ASKED["state"]
    answer = await redeem(client, found["code"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    assert await who(client, given["access_token"]) == {
        "actingRole": "TELLER",
        "roles": ["TELLER"],
        "stronglyAuthenticated": False,
    }


async def test_the_id_token_tells_the_client_who_signed_in(client: Client, teller: Made) -> None:
    metadata = OpenIDProviderMetadata(
        (await client.http.get("/.well-known/openid-configuration")).json()
    )
    assert metadata["issuer"] == ORIGIN
    metadata.validate_issuer()
    metadata.validate_jwks_uri()
    metadata.validate_authorization_endpoint()
    metadata.validate_token_endpoint()
    published = (await client.http.get(urlsplit(metadata["jwks_uri"]).path)).json()
    assert "d" not in published["keys"][0]
    given = (await redeem(client, await code_for(client, teller))).json()
    token = jwt.decode(given["id_token"], KeySet.import_key_set(published), ["Ed25519"])
    told = {name: token.claims[name] for name in ("iss", "aud", "sub", "name", "nonce", "role")}
    assert told == {
        "iss": ORIGIN,
        "aud": "graphiql",
        "sub": str(teller.id),
        "name": "Robin Banks",
        "nonce": "once",
        "role": "TELLER",
    }
    # It is for the client: the API does not take it for an access token.
    headers = {"authorization": f"Bearer {given['id_token']}"}
    body = {"query": "{ viewer { actingRole } }"}
    assert (await client.http.post("/graphql", json=body, headers=headers)).status_code == 401


async def test_without_openid_there_is_no_id_token(client: Client, teller: Made) -> None:
    code = await code_for(client, teller, scope="-")
    assert set((await redeem(client, code)).json()) == {
        "access_token",
        "expires_in",
        "scope",
        "token_type",
    }


async def test_a_name_is_told_to_those_who_ask_for_the_profile(
    client: Client, teller: Made
) -> None:
    given = (await redeem(client, await code_for(client, teller, scope="openid"))).json()
    claims = jwt.decode(
        given["id_token"], KeySet.import_key_set(await keys_of(client)), ["Ed25519"]
    )
    assert (claims.claims["sub"], "name" in claims.claims) == (str(teller.id), False)


async def test_graphiql_is_told_where_to_sign_in(client: Client) -> None:
    told = (await client.http.get("/graphiql/sign-in")).json()
    assert told == {
        "offer": {
            "authorizationEndpoint": f"{ORIGIN}/oauth/authorize",
            "tokenEndpoint": f"{ORIGIN}/oauth/token",
            "clientId": "graphiql",
            "scope": "openid profile",
            "resource": None,
        },
        "customers": True,
    }


async def test_the_page_lists_people_and_needs_no_script(client: Client, factory: Factory) -> None:
    # The first by number are shown, whatever else the database of the tests holds.
    both = await factory.staff("SERVICE_AGENT")
    await factory.insert("staff_role", staff_id=both.id, role="TELLER")
    rename = "update staff set number = $2, name = $3 where id = $1"
    await factory.connection.execute(rename, both.id, "0001", "Zoë <b>O'Hara</b>")
    customer = await factory.customer(number="0001")
    await factory.account(customer)
    shown = await page(client)
    assert shown.status_code == 200
    text = shown.text
    assert "<script" not in text
    assert html.escape("Zoë <b>O'Hara</b>") in text
    assert "<b>" not in text
    for choice in (f"SERVICE_AGENT.{both.id}", f"TELLER.{both.id}", f"CUSTOMER.{customer.id}"):
        assert f'<button name="as" value="{choice}">' in text
    assert "<td>Emma Avaya Smith</td><td>0001</td>" in text
    for name, value in ASKED.items():
        assert f'<input type="hidden" name="{name}" value="{html.escape(value)}">' in text
    policy = dict(
        each.split(" ", 1) for each in shown.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["form-action"] == f"'self' {ORIGIN}"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in shown.headers["content-security-policy"]
    assert shown.headers["cache-control"] == "no-store"


async def test_a_person_with_two_posts_signs_in_as_one_and_may_change(
    client: Client, teller: Made, factory: Factory
) -> None:
    await factory.insert("staff_role", staff_id=teller.id, role="SERVICE_AGENT")
    code = await code_for(client, teller, "SERVICE_AGENT")
    token = (await redeem(client, code)).json()["access_token"]
    assert await who(client, token) == {
        "actingRole": "SERVICE_AGENT",
        "roles": ["TELLER", "SERVICE_AGENT"],
        "stronglyAuthenticated": False,
    }
    assert (await who(client, token, X_Acting_Role="TELLER"))["actingRole"] == "TELLER"


async def test_strong_authentication_is_a_choice_of_the_page(client: Client, teller: Made) -> None:
    code = await code_for(client, teller, strong="1")
    token = (await redeem(client, code)).json()["access_token"]
    assert (await who(client, token))["stronglyAuthenticated"] is True
    assert 'name="strong" value="1" checked' in (await page(client, acr_values="strong")).text
    assert 'name="strong" value="1">' in (await page(client)).text


async def test_a_customer_signs_in_under_their_name(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    given = (await redeem(client, await code_for(client, customer, "CUSTOMER"))).json()
    assert (await who(client, given["access_token"]))["actingRole"] == "CUSTOMER"
    claims = jwt.decode(
        given["id_token"], KeySet.import_key_set(await keys_of(client)), ["Ed25519"]
    )
    assert claims.claims["name"] == "Emma Avaya Smith"


async def keys_of(client: Client) -> Any:
    return (await client.http.get("/.well-known/jwks.json")).json()


async def test_who_cancels_is_told_so(client: Client) -> None:
    assert outcome(await choose(client, "nobody")) == {
        "error": "access_denied",
        "error_description": "The resource owner or authorization server denied the request",
        "state": ASKED["state"],
    }


@pytest.mark.parametrize(
    "choice", ["", "TELLER", "OWNER.{id}", "ADMIN.{id}", "TELLER.x", "{id}", "CUSTOMER.{id}"]
)
async def test_nobody_signs_in_in_a_post_they_do_not_hold(
    client: Client, teller: Made, choice: str
) -> None:
    refused = await choose(client, choice.format(id=teller.id))
    assert refused.status_code == 400
    assert "location" not in refused.headers
    assert "Nobody in this bank has that id and role." in refused.text
