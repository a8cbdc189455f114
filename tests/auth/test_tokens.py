"""Demo tokens: what is accepted, and every way not to be."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from app.auth.permissions import Role
from app.auth.tokens import AUDIENCE, ISSUER, TokenError, TokenKey
from app.db.ids import new_id

SUBJECT = new_id()


def claims(**changes: Any) -> dict[str, Any]:
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(SUBJECT),
        "exp": 4_000_000_000,
        "role": "TELLER",
        "roles": ["TELLER"],
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def signed(key: TokenKey, **changes: Any) -> str:
    return jwt.encode({"alg": "Ed25519"}, claims(**changes), key._key, algorithms=["Ed25519"])


def test_a_token_speaks_for_its_person() -> None:
    key = TokenKey.new()
    token = key.issue(Role.TELLER, SUBJECT, (Role.TELLER, Role.SERVICE_AGENT), strong=True)
    viewer = key.verify(token)
    assert (viewer.role, viewer.staff_id, viewer.customer_id) == (Role.TELLER, SUBJECT, None)
    assert viewer.roles == (Role.TELLER, Role.SERVICE_AGENT)
    assert viewer.strongly_authenticated
    customer = key.verify(key.issue(Role.CUSTOMER, SUBJECT))
    assert (customer.staff_id, customer.customer_id) == (None, SUBJECT)
    assert not customer.strongly_authenticated


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": 10**30},
        {"iss": "somebody else"},
        {"iss": None},
        {"aud": "another service"},
        {"aud": None},
        {"sub": None},
        {"sub": "not an id"},
        {"role": None},
        {"role": "OWNER"},
        {"roles": None},
        {"roles": ["OWNER"]},
        {"roles": ["ADMIN"]},
        {"nbf": 4_000_000_000},
    ],
)
def test_wrong_claims_are_refused(changes: dict[str, Any]) -> None:
    key = TokenKey.new()
    assert key.verify(signed(key))
    with pytest.raises(TokenError, match="token"):
        key.verify(signed(key, **changes))


def test_expiry_is_kept_with_a_minute_of_skew() -> None:
    key = TokenKey.new()
    key.verify(key.issue(Role.TELLER, SUBJECT, ttl_seconds=-30))
    with pytest.raises(TokenError, match="expired"):
        key.verify(key.issue(Role.TELLER, SUBJECT, ttl_seconds=-90))


def test_the_viewer_knows_until_when_the_token_is_accepted() -> None:
    key = TokenKey.new()
    viewer = key.verify(signed(key, exp=4_000_000_000))
    assert viewer.expires_at == datetime.fromtimestamp(4_000_000_060, UTC)


def test_foreign_signatures_and_algorithms_are_refused() -> None:
    key = TokenKey.new()
    with pytest.raises(TokenError):
        key.verify(signed(TokenKey.new()))
    rsa = RSAKey.generate_key(2048, private=True)
    with pytest.raises(TokenError):
        key.verify(jwt.encode({"alg": "RS256"}, claims(), rsa))
    # Key confusion: the public key taken for a shared secret.
    public = json.dumps(key._key.as_dict(private=False)).encode()
    secret = OctKey.import_key(public)
    with pytest.raises(TokenError):
        key.verify(jwt.encode({"alg": "HS256"}, claims(), secret))
    header, payload, _ = signed(key).split(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    for forged in (f"{unsigned}.{payload}.", f"{header}.{payload}.", "", "x", "a.b.c", "🦊"):
        with pytest.raises(TokenError):
            key.verify(forged)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    first = TokenKey.load(tmp_path / "data")
    path = tmp_path / "data/keys/token.jwk"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = TokenKey.load(tmp_path / "data")
    assert again.verify(first.issue(Role.TELLER, SUBJECT)).staff_id == SUBJECT


@pytest.mark.parametrize("content", ["", "{}", "[1]", json.dumps({"kty": "oct", "k": "AA"})])
def test_a_broken_key_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys/token.jwk"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(TokenError, match=r"token\.jwk"):
        TokenKey.load(tmp_path)
