"""What is kept of a verified token, and for how long."""

from uuid import UUID

import pytest

from app.auth import verifier as module
from app.auth.claims import ClaimNames, StrongAuthentication
from app.auth.permissions import Role
from app.auth.refusals import TokenError
from app.auth.signatures import Keys
from app.auth.tokens import ISSUER, STRONG, TokenKey
from app.auth.verifier import Rules, Verifier
from app.db.ids import new_id

RULES = Rules(
    ISSUER, "bank360", ClaimNames(), StrongAuthentication(frozenset({STRONG}), frozenset(), 600)
)


class World:
    """A key that counts how often it is asked for, a clock, and who is revoked."""

    def __init__(self) -> None:
        self.now = 2_000_000_000.0
        self.key = TokenKey.new()
        self.keys = Keys.read(self.key.jwk_set())
        self.revoked: set[str] = set()
        self.verifier = Verifier(self, RULES, self.find, self.is_revoked, lambda: self.now)

    async def current(self) -> Keys:
        return self.keys

    async def renewed(self) -> Keys:
        return self.keys

    async def find(self, _role: Role | None, _number: str) -> UUID | None:
        return None

    async def is_revoked(self, token_id: str) -> bool:
        return token_id in self.revoked

    def issue(self, ttl_seconds: int = 600) -> str:
        return self.key.issue(
            Role.TELLER, new_id(), strong=True, ttl_seconds=ttl_seconds, clock=lambda: self.now
        )


async def test_a_verified_token_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    token = world.issue()
    first = await world.verifier.verify(token)
    monkeypatch.setattr(Keys, "claims", None)
    assert await world.verifier.verify(token) == first


async def test_a_kept_token_expires_all_the_same() -> None:
    world = World()
    token = world.issue(ttl_seconds=600)
    await world.verifier.verify(token)
    world.now += 659
    await world.verifier.verify(token)
    world.now += 1
    with pytest.raises(TokenError, match="expired"):
        await world.verifier.verify(token)
    with pytest.raises(TokenError, match="expired"):
        await world.verifier.verify(token)


async def test_a_kept_token_can_be_revoked() -> None:
    world = World()
    token = world.issue()
    await world.verifier.verify(token)
    (kept,) = world.verifier._holders.values()
    assert kept.holder.token_id is not None
    world.revoked.add(kept.holder.token_id)
    with pytest.raises(TokenError, match="not accepted"):
        await world.verifier.verify(token)


async def test_strong_authentication_ages_while_its_token_is_kept() -> None:
    world = World()
    token = world.issue(ttl_seconds=3_600)
    viewer = await world.verifier.verify(token)
    assert viewer.strong_until is not None
    assert viewer.strong_until.timestamp() == world.now + 600
    world.now += 601
    again = await world.verifier.verify(token)
    assert again.strong_until == viewer.strong_until
    assert again.strong_until.timestamp() < world.now


async def test_only_so_many_tokens_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HOLDERS_MAX", 2)
    world = World()
    tokens = [world.issue() for _ in range(3)]
    for token in (tokens[0], tokens[1], tokens[0], tokens[2]):
        await world.verifier.verify(token)
    monkeypatch.setattr(Keys, "claims", None)
    await world.verifier.verify(tokens[0])
    await world.verifier.verify(tokens[2])
    with pytest.raises(TypeError):
        await world.verifier.verify(tokens[1])
