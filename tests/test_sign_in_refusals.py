"""Everything that the demo's own issuer does not do."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from authlib.common.security import generate_token
from client import Client
from conftest import client_of
from factories import Factory, Made
from sign_in_support import ASKED, ORIGIN, VERIFIER, choose, code_for, outcome, page, redeem, who
from structlog.testing import capture_logs

from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.identity import NoIssuerError
from app.main import create_app
from app.settings import Settings
from app.sign_in_page import people_page


@pytest.fixture
async def client(database_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Client]:
    async with client_of(database_url, keys, token_key) as made:
        made.http.base_url = httpx.URL(ORIGIN)
        yield made


@pytest.fixture
async def teller(factory: Factory) -> Made:
    return await factory.staff("TELLER")


async def test_a_code_is_redeemed_once(client: Client, teller: Made) -> None:
    code = await code_for(client, teller)
    assert (await redeem(client, code)).status_code == 200
    again = await redeem(client, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "invented"}, "invalid_grant"),
        ({"code": "-"}, "invalid_request"),
        ({"code_verifier": generate_token(48)}, "invalid_grant"),
        ({"code_verifier": "-"}, "invalid_request"),
        ({"code_verifier": ASKED["code_challenge"]}, "invalid_grant"),
        ({"client_id": "developer"}, "invalid_grant"),
        ({"client_id": "stranger"}, "invalid_client"),
        ({"client_id": "-"}, "invalid_client"),
        ({"redirect_uri": "http://localhost:5173/callback"}, "invalid_grant"),
        ({"redirect_uri": "-"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"grant_type": "pass\u00e9"}, "invalid_request"),
        ({"grant_type": "-"}, "unsupported_grant_type"),
    ],
)
async def test_a_code_is_bound_to_client_address_and_challenge(
    client: Client, teller: Made, changes: dict[str, str], error: str
) -> None:
    code = await code_for(client, teller)
    refused = await redeem(client, **({"code": code} | changes))
    assert refused.status_code in {400, 401}
    assert refused.json()["error"] == error
    assert "access_token" not in refused.json()
    # Whoever tried has spent it.
    if changes.get("code") is None:
        assert (await redeem(client, code)).json()["error"] == "invalid_grant"


async def test_what_redis_keeps_of_a_code_cannot_be_redeemed(client: Client, teller: Made) -> None:
    code = await code_for(client, teller)
    transport: Any = client.http._transport
    redis = transport.app.state.redis
    (key,) = await redis.keys("bank360:code:*")
    assert code not in key.decode() + (await redis.get(key)).decode()
    assert 0 < await redis.ttl(key) <= 60


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example/callback",
        f"{ORIGIN}/graphiql/callback/",
        f"{ORIGIN}/graphiql/callback?x=1",
        "http://127.0.0.1:8001/graphiql/callback",
        "javascript:alert(1)",
        "http://127.0.0.1:8000@evil.example/graphiql/callback",
        "-",
        'http://localhost/"',
        "http://localhost/\u00e9",
    ],
)
async def test_codes_go_nowhere_else(client: Client, teller: Made, redirect_uri: str) -> None:
    for refused in (
        await page(client, redirect_uri=redirect_uri),
        await choose(client, f"TELLER.{teller.id}", redirect_uri=redirect_uri),
    ):
        assert refused.status_code == 400
        assert "location" not in refused.headers
        assert "This sign-in cannot go on" in refused.text
        assert "form-action 'none'" in refused.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("redirect_uri", "accepted"),
    [
        ("http://localhost:5173/callback", True),
        ("http://127.0.0.1/callback", True),
        ("https://localhost:5173/callback", False),
        ("http://localhost.evil.example/callback", False),
        ("http://localhost:5173/callback#fragment", False),
        ("http://user@localhost:5173/callback", False),
        ("http://localhost:x/callback", False),
        ("http://[/callback", False),
        ("http://127.0.0.1.evil.example/callback", False),
        ("http://192.0.2.1/callback", False),
    ],
)
async def test_front_end_developers_get_codes_on_this_machine(
    client: Client, redirect_uri: str, accepted: bool
) -> None:
    shown = await page(client, client_id="developer", redirect_uri=redirect_uri)
    assert shown.status_code == (200 if accepted else 400)
    if accepted:
        parts = urlsplit(redirect_uri)
        policy = shown.headers["content-security-policy"]
        assert f"form-action 'self' {parts.scheme}://{parts.netloc};" in policy


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": "-"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "-"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
async def test_clients_are_told_what_they_asked_wrongly(
    client: Client, changes: dict[str, str], error: str
) -> None:
    told = outcome(await page(client, **changes))
    assert (told["error"], told["state"]) == (error, ASKED["state"])


@pytest.mark.parametrize(
    "changes", [{"client_id": "stranger"}, {"client_id": "-"}, {"client_id": "\u00e9"}]
)
async def test_strangers_are_told_nothing(client: Client, changes: dict[str, str]) -> None:
    refused = await page(client, **changes)
    assert (refused.status_code, "location" in refused.headers) == (400, False)


async def test_parameters_come_once_and_few(client: Client) -> None:
    twice = urlencode([*ASKED.items(), ("client_id", "graphiql")])
    assert (await client.http.get(f"/oauth/authorize?{twice}")).status_code == 400
    many = urlencode([*ASKED.items(), *((f"x{number}", "") for number in range(40))])
    assert (await client.http.get(f"/oauth/authorize?{many}")).status_code == 400
    token = await client.http.post("/oauth/token", data={f"x{n}": "" for n in range(40)})
    assert (token.status_code, token.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/oauth/authorize", "/oauth/token"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"as=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"as=\xff", "application/x-www-form-urlencoded"),
        (b"", ""),
    ],
)
async def test_only_forms_are_read(
    client: Client, path: str, body: bytes, content_type: str
) -> None:
    refused = await client.http.post(path, content=body, headers={"content-type": content_type})
    assert refused.status_code == 400
    assert "form" in refused.text


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        ("cross-site", None),
        ("same-site", None),
        ("cross-site", ORIGIN),
        # Browsers that do not say where a form is from name the origin.
        (None, "https://evil.example"),
        (None, "http://127.0.0.1:8001"),
        (None, "https://127.0.0.1:8000"),
        (None, f"{ORIGIN}.evil.example"),
        # Pages in a sandbox, and pages that want no address of theirs told.
        (None, "null"),
        (None, ""),
    ],
)
async def test_another_page_cannot_choose_who_is_signed_in(
    client: Client, teller: Made, site: str | None, origin: str | None
) -> None:
    with capture_logs() as lines:
        refused = await choose(client, f"TELLER.{teller.id}", site=site, origin=origin)
    assert (refused.status_code, "location" in refused.headers) == (403, False)
    assert "This form was sent by another page." in refused.text
    assert lines == []
    transport: Any = client.http._transport
    assert await transport.app.state.redis.keys("bank360:code:*") == []


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        ("same-origin", None),
        # The page lets no address be told.
        ("same-origin", "null"),
        ("none", None),
        (None, ORIGIN),
        # What is no browser cannot be made to send a form by another page.
        (None, None),
    ],
)
async def test_the_page_itself_chooses_who_is_signed_in(
    client: Client, teller: Made, site: str | None, origin: str | None
) -> None:
    answer = await choose(client, f"TELLER.{teller.id}", site=site, origin=origin)
    assert (await redeem(client, outcome(answer)["code"])).status_code == 200


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/.well-known/jwks.json", "/oauth/authorize"]
)
async def test_only_this_machine_is_answered(
    client: Client, database_url: str, keys: Keys, token_key: TokenKey, path: str
) -> None:
    refused = await client.http.get(path, headers={"host": "rebound.example:8000"})
    assert refused.status_code == 403
    assert "BANK360_ISSUER" in refused.text
    app = create_app(Settings(), database_url=database_url, keys=keys, token_key=token_key)
    elsewhere = httpx.ASGITransport(app=app, client=("192.0.2.7", 1234))
    async with httpx.AsyncClient(transport=elsewhere, base_url=ORIGIN) as http:
        assert (await http.get(path)).status_code == 403
    for origin in ("http://localhost:8000", "http://[::1]:8000"):
        here = await client.http.get(f"{origin}{path}")
        assert here.status_code in {200, 400}


def test_a_server_that_others_can_reach_needs_an_issuer(
    database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "bank.example"):
        settings = Settings.read(host=host)
        with pytest.raises(NoIssuerError, match="needs BANK360_ISSUER"):
            create_app(settings, database_url=database_url, keys=keys, token_key=token_key)


async def test_no_log_line_holds_a_code_a_token_or_a_name(client: Client, teller: Made) -> None:
    with capture_logs() as lines:
        code = await code_for(client, teller)
        token = (await redeem(client, code)).json()["access_token"]
        await who(client, token)
    written = json.dumps(lines)
    assert [line["event"] for line in lines][:1] == ["signed in"]
    for secret in (code, token, VERIFIER, "Robin"):
        assert secret not in written


def test_an_empty_bank_says_so() -> None:
    assert "There is nobody in this bank yet" in people_page([], ASKED, "graphiql", strong=False)
