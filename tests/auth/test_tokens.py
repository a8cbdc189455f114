"""Demo tokens: what they say, and the key that signs them."""

import json
import stat
from pathlib import Path
from uuid import UUID

import pytest
from joserfc.jwk import OKPKey

from app.auth.claims import ClaimNames, StrongAuthentication
from app.auth.permissions import Role
from app.auth.refusals import TokenError
from app.auth.tokens import ISSUER, STRONG, TokenKey, TokenKeyError
from app.auth.verifier import Rules, Verifier
from app.db.ids import new_id

SUBJECT = new_id()
RULES = Rules(
    ISSUER, "bank360", ClaimNames(), StrongAuthentication(frozenset({STRONG}), frozenset(), 600)
)


def verifier(key: TokenKey) -> Verifier:
    async def nobody(_role: Role | None, _number: str) -> UUID | None:
        return None

    async def none_revoked(_token_id: str) -> bool:
        return False

    return Verifier(key, RULES, nobody, none_revoked)


async def test_a_token_speaks_for_its_person() -> None:
    key = TokenKey.new()
    verify = verifier(key).verify
    token = key.issue(Role.TELLER, SUBJECT, (Role.TELLER, Role.SERVICE_AGENT), strong=True)
    viewer = await verify(token)
    assert (viewer.role, viewer.staff_id, viewer.customer_id) == (Role.TELLER, SUBJECT, None)
    assert viewer.roles == (Role.TELLER, Role.SERVICE_AGENT)
    assert viewer.strongly_authenticated
    assert viewer.id == SUBJECT
    customer = await verify(key.issue(Role.CUSTOMER, SUBJECT))
    assert (customer.staff_id, customer.customer_id) == (None, SUBJECT)
    assert not customer.strongly_authenticated


async def test_the_installation_knows_its_own_key_and_no_other() -> None:
    key, other = TokenKey.new(), TokenKey.new()
    with pytest.raises(TokenError):
        await verifier(key).verify(other.issue(Role.TELLER, SUBJECT))


async def test_expiry_is_kept_with_a_minute_of_skew() -> None:
    key = TokenKey.new()
    await verifier(key).verify(key.issue(Role.TELLER, SUBJECT, ttl_seconds=-30))
    with pytest.raises(TokenError, match="expired"):
        await verifier(key).verify(key.issue(Role.TELLER, SUBJECT, ttl_seconds=-90))


async def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    first = TokenKey.load(tmp_path / "data")
    path = tmp_path / "data/keys/token.jwk"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = TokenKey.load(tmp_path / "data")
    assert (await verifier(again).verify(first.issue(Role.TELLER, SUBJECT))).staff_id == SUBJECT
    assert again.jwk_set() == first.jwk_set()
    assert "d" not in again.jwk_set()["keys"][0]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        json.dumps({"kty": "oct", "k": "AA"}),
        json.dumps(OKPKey.generate_key("X25519", private=True).as_dict(private=True)),
        json.dumps(TokenKey.new().jwk_set()["keys"][0]),
    ],
)
def test_a_broken_key_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys/token.jwk"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(TokenKeyError, match=r"token\.jwk"):
        TokenKey.load(tmp_path)
