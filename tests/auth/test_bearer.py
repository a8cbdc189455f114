"""Tokens of a configured issuer, over HTTP: who is let in, and every way not to be."""

import asyncio
import base64
import hmac
import json
from typing import Any

import pytest
from bearer import refusal, viewer
from client import Client
from issuer import EC, ED, RSA, Issuer
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

from app.db.ids import new_id
from app.db.revocations import revoke


@pytest.fixture
def client(client_of_issuer: Client) -> Client:
    return client_of_issuer


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (RSA, "RS512"),
        (RSA, "PS256"),
        (EC, "ES256"),
        (ED, "Ed25519"),
        (ED, "EdDSA"),
    ],
)
async def test_a_token_of_the_issuer_speaks_for_its_holder(
    issuer: Issuer, client: Client, key: Key, algorithm: str
) -> None:
    token = issuer.token(key, algorithm)
    assert await viewer(client, token) == {
        "actingRole": "TELLER",
        "roles": ["TELLER"],
        "stronglyAuthenticated": False,
    }


async def test_the_issuer_is_asked_once_for_many_tokens(issuer: Issuer, client: Client) -> None:
    tokens = [issuer.token(staff_id=str(new_id())) for _ in range(5)]
    await asyncio.gather(*(viewer(client, token) for token in [*tokens, *tokens]))
    assert issuer.asked == {"/.well-known/openid-configuration": 1, "/keys": 1}


async def test_a_forged_signature_is_refused(issuer: Issuer, client: Client) -> None:
    thief = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
    assert await refusal(client, issuer.token(thief)) == "bad_signature"


async def test_a_key_that_the_token_brings_along_is_not_looked_at(
    issuer: Issuer, client: Client
) -> None:
    thief = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
    brought = {"jwk": thief.as_dict(private=False), "kid": "rsa"}
    assert await refusal(client, issuer.token(thief, header=brought)) != ""
    assert issuer.asked["/keys"] <= 1


async def test_an_altered_payload_is_refused(issuer: Issuer, client: Client) -> None:
    header, _, signature = issuer.token().split(".")
    altered = segment(issuer.claims(roles=["ADMIN"]))
    assert await refusal(client, f"{header}.{altered}.{signature}") == "bad_signature"


async def test_an_expired_token_is_refused(issuer: Issuer, client: Client) -> None:
    now = issuer.claims()["iat"]
    told = await refusal(client, issuer.token(iat=now - 900, exp=now - 61))
    assert told == "the token has expired: sign in again"
    # Clocks may differ by a minute.
    await viewer(client, issuer.token(iat=now - 900, exp=now - 50))


async def test_a_token_that_is_not_valid_yet_is_refused(issuer: Issuer, client: Client) -> None:
    now = issuer.claims()["iat"]
    assert await refusal(client, issuer.token(nbf=now + 120)) == "invalid_claim"
    await viewer(client, issuer.token(nbf=now + 50))


@pytest.mark.parametrize("audience", ["another-service", ["a", "b"], None, ""])
async def test_a_token_for_another_service_is_refused(
    issuer: Issuer, client: Client, audience: Any
) -> None:
    assert await refusal(client, issuer.token(aud=audience)) in {"invalid_claim", "missing_claim"}
    await viewer(client, issuer.token(aud=["another-service", "bank360"]))


@pytest.mark.parametrize("name", ["http://127.0.0.1:1", "/", None])
async def test_a_token_of_another_issuer_is_refused(
    issuer: Issuer, client: Client, name: str | None
) -> None:
    wrong = issuer.url + "/" if name == "/" else name
    assert await refusal(client, issuer.token(iss=wrong)) in {"invalid_claim", "missing_claim"}


@pytest.mark.parametrize("name", ["none", "None", "NONE"])
async def test_a_token_without_a_signature_is_refused(
    issuer: Issuer, client: Client, name: str
) -> None:
    claims = segment(issuer.claims())
    for kid in ({}, {"kid": "rsa"}):
        header = segment({"alg": name, **kid})
        assert await refusal(client, f"{header}.{claims}.") == "malformed"
    header = issuer.token().partition(".")[0]
    assert await refusal(client, f"{header}.{claims}.") == "bad_signature"


async def test_a_public_key_is_no_shared_secret(issuer: Issuer, client: Client) -> None:
    signed = f"{segment({'alg': 'HS256', 'kid': 'rsa'})}.{segment(issuer.claims())}"
    for public in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode()):
        mac = hmac.digest(public, signed.encode(), "sha256")
        forged = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        assert await refusal(client, forged) == "malformed"
    # Nor is a key used with an algorithm of another type.
    header = segment({"alg": "ES256", "kid": "rsa"})
    claims, signature = issuer.token().split(".")[1:]
    assert await refusal(client, f"{header}.{claims}.{signature}") == "malformed"


async def test_a_secret_in_the_key_set_is_no_key(issuer: Issuer, client: Client) -> None:
    secret = OctKey.generate_key(256, {"kid": "shared"})
    published = secret.as_dict(private=True)
    issuer.key_set = {"keys": [published, RSA.as_dict(private=False)]}
    assert await refusal(client, issuer.token(secret, "HS256")) == "malformed"
    await viewer(client, issuer.token())


async def test_a_revoked_token_is_refused(issuer: Issuer, client: Client) -> None:
    token, other = issuer.token(jti="stolen"), issuer.token(jti="kept")
    transport: Any = client.http._transport
    await revoke(transport.app.state.redis, "stolen", 600)
    assert await refusal(client, token) == "revoked"
    await viewer(client, other)


async def test_an_unknown_key_makes_the_server_ask_once(issuer: Issuer, client: Client) -> None:
    await viewer(client, issuer.token())
    fresh = ECKey.generate_key("P-256", {"kid": "rotated"}, private=True)
    issuer.keys.append(fresh)
    await viewer(client, issuer.token(fresh, "ES256"))
    assert issuer.asked["/keys"] == 2
    # Whoever invents key ids does not make it ask again and again.
    for number in range(5):
        stranger = ECKey.generate_key("P-256", {"kid": f"invented {number}"}, private=True)
        assert await refusal(client, issuer.token(stranger, "ES256")) == "unknown key"
    assert issuer.asked["/keys"] == 2


async def test_a_withdrawn_key_takes_its_tokens_with_it(issuer: Issuer, client: Client) -> None:
    token = issuer.token(EC, "ES256")
    await viewer(client, token)
    fresh = ECKey.generate_key("P-256", {"kid": "rotated"}, private=True)
    issuer.keys = [RSA, fresh]
    await viewer(client, issuer.token(fresh, "ES256"))
    assert await refusal(client, token) == "unknown key"


async def test_a_token_without_a_key_id_needs_a_single_key(issuer: Issuer, client: Client) -> None:
    await viewer(client, issuer.token(header={"kid": None}))
    issuer.keys.append(RSAKey.generate_key(2048, {"kid": "second"}, private=True))
    fresh = ECKey.generate_key("P-256", {"kid": "rotated"}, private=True)
    issuer.keys.append(fresh)
    await viewer(client, issuer.token(fresh, "ES256"))
    assert await refusal(client, issuer.token(header={"kid": None})) == "malformed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sub": None}, "missing_claim"),
        ({"exp": None}, "missing_claim"),
        ({"exp": "soon"}, "invalid_claim"),
        ({"exp": 10**20}, "malformed"),
        ({"iat": 4_000_000_000}, "invalid_claim"),
        ({"roles": None}, "no role of this bank"),
        ({"roles": ["OWNER"]}, "no role of this bank"),
        ({"roles": {"TELLER": True}}, "no role of this bank"),
        ({"role": "ADMIN"}, "a role that is not the holder's"),
        ({"role": 7}, "a role that is not the holder's"),
        ({"staff_id": "nobody's number"}, "nobody has the number"),
    ],
)
async def test_wrong_claims_are_refused(
    issuer: Issuer, client: Client, changes: dict[str, Any], reason: str
) -> None:
    assert await refusal(client, issuer.token(**changes)) == reason


@pytest.mark.parametrize("header", [{"typ": "logout+jwt"}, {"crit": ["b64"], "b64": False}])
async def test_other_kinds_of_tokens_are_refused(
    issuer: Issuer, client: Client, header: dict[str, Any]
) -> None:
    for typ in ("at+jwt", "application/at+jwt", "JWT", None):
        await viewer(client, issuer.token(header={"typ": typ}))
    forged = segment({"alg": "RS256", "kid": "rsa", **header})
    rest = issuer.token(header={"typ": header.get("typ")} if "typ" in header else None)
    token = rest if "typ" in header else f"{forged}.{rest.partition('.')[2]}"
    assert await refusal(client, token)


@pytest.mark.parametrize("token", ["x", "a.b.c", "a.b.c.d.e", "....", "e30.e30.e30", "A" * 20_000])
async def test_garbage_is_refused_without_asking_the_issuer_again(
    issuer: Issuer, client: Client, token: str
) -> None:
    assert await refusal(client, token)
    assert await refusal(client, segment({"alg": "RS256", "kid": 7}) + ".e30.e30") == "malformed"
    assert issuer.asked["/keys"] == 1
