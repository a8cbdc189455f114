"""Revoked tokens: known everywhere within seconds, and kept in mind while Redis is away."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.db.redis import Bounded, Redis, open_redis
from app.db.revocations import RevocationError, Revocations, revoke, revoke_at


class World:
    """A Redis that counts what it is asked, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.client: Redis = open_redis(None)
        self.failures: list[BaseException] = []
        self.revocations = Revocations(self.client, Bounded(self.failures.append), lambda: self.now)

    def go_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_names: str) -> int:
            raise RedisConnectionError

        monkeypatch.setattr(self.client, "mget", fail)


async def test_a_revocation_takes_effect_within_seconds_and_stays() -> None:
    world = World()
    assert not await world.revocations.holds("one")
    await revoke(world.client, "one", 600)
    assert 0 < await world.client.ttl("bank360:revoked:one") <= 600
    assert not await world.revocations.holds("one")
    world.now += 5
    assert await world.revocations.holds("one")
    assert not await world.revocations.holds("another")
    # Redis forgets it when the token would have expired; until this process ends, it is known.
    await world.client.delete("bank360:revoked:one")
    world.now += 600
    assert await world.revocations.holds("one")


async def test_while_redis_is_away_what_is_known_stays_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    await revoke(world.client, "one", 600)
    assert await world.revocations.holds("one")
    world.go_away(monkeypatch)
    assert await world.revocations.holds("one")
    assert not await world.revocations.holds("another")
    assert len(world.failures) == 1


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.revocations._REMEMBERED_MAX", 2)
    world = World()
    await asyncio.gather(*(world.revocations.holds(name) for name in "abc"))
    assert len(world.revocations._answers) == 2


async def test_a_redis_that_is_not_there_is_named() -> None:
    with pytest.raises(RevocationError, match="Redis did not take the revocation"):
        await revoke_at("redis://127.0.0.1:1/0", "one", 600)
