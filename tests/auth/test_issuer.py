"""An issuer's keys: when it is asked, and what is made of its answers."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from issuer import EC, ED, RSA, Issuer
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey
from structlog.testing import capture_logs

from app.auth.issuer import RemoteKeys
from app.auth.refusals import IssuerUnavailableError
from app.auth.signatures import Keys

DISCOVERY = "/.well-known/openid-configuration"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def remote(issuer: Issuer, clock: Clock) -> AsyncIterator[RemoteKeys]:
    made = RemoteKeys(issuer.url, clock)
    yield made
    await made.aclose()


async def settled(remote: RemoteKeys) -> None:
    assert remote._asking is not None
    await remote._asking


async def test_those_who_come_at_once_wait_for_one_answer(
    issuer: Issuer, remote: RemoteKeys
) -> None:
    asked = (ask() for ask in [remote.current] * 20 + [remote.renewed])
    found = await asyncio.gather(*asked)
    assert all(keys is found[0] for keys in found)
    assert found[0].ids == {"rsa", "ec", "ed"}
    assert issuer.asked == {DISCOVERY: 1, "/keys": 1}


async def test_old_keys_serve_while_the_issuer_is_asked_again(
    issuer: Issuer, remote: RemoteKeys, clock: Clock
) -> None:
    first = await remote.current()
    clock.now += 599
    assert await remote.current() is first
    clock.now += 2
    issuer.keys = [RSA, EC]
    assert await remote.current() is first
    await settled(remote)
    second = await remote.current()
    assert second.ids == {"rsa", "ec"}
    # A key is gone, so what was verified with it counts no more.
    assert second.generation == first.generation + 1
    assert issuer.asked["/keys"] == 2


async def test_a_new_key_of_an_old_name_is_another_key(
    issuer: Issuer, remote: RemoteKeys, clock: Clock
) -> None:
    first = await remote.current()
    issuer.keys = [RSA, ECKey.generate_key("P-256", {"kid": "ec"}, private=True), ED]
    clock.now += 601
    await remote.current()
    await settled(remote)
    assert (await remote.current()).generation == first.generation + 1


async def test_an_added_key_takes_nothing_away(
    issuer: Issuer, remote: RemoteKeys, clock: Clock
) -> None:
    first = await remote.current()
    issuer.keys.append(ECKey.generate_key("P-256", {"kid": "new"}, private=True))
    assert (await remote.renewed()).ids == {"rsa", "ec", "ed", "new"}
    assert (await remote.current()).generation == first.generation
    # It is asked for again on demand, but not by everybody at once.
    assert await remote.renewed() is await remote.current()
    assert issuer.asked["/keys"] == 2
    clock.now += 11
    await remote.renewed()
    assert issuer.asked["/keys"] == 3


async def test_a_silent_issuer_is_lived_without_for_a_day(
    issuer: Issuer, remote: RemoteKeys, clock: Clock
) -> None:
    first = await remote.current()
    issuer.fails = True
    clock.now += 601
    with capture_logs() as lines:
        assert await remote.current() is first
        await settled(remote)
    assert [line["known"] for line in lines] == [True]
    assert [line["log_level"] for line in lines] == ["error"]
    asked = issuer.asked.total()
    assert await remote.current() is first
    assert issuer.asked.total() == asked
    clock.now += 86_400
    with pytest.raises(IssuerUnavailableError):
        await remote.current()
    issuer.fails = False
    clock.now += 11
    assert (await remote.current()).ids == first.ids


async def test_an_issuer_that_is_not_there_is_asked_again_after_a_while(clock: Clock) -> None:
    remote = RemoteKeys("http://127.0.0.1:1", clock)
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(IssuerUnavailableError):
                await remote.current()
        clock.now += 11
        with pytest.raises(IssuerUnavailableError):
            await remote.current()
    assert [line["event"] for line in lines] == ["the issuer's keys could not be read"] * 2
    await remote.aclose()


async def test_what_was_never_asked_closes_too(issuer: Issuer) -> None:
    await RemoteKeys(issuer.url).aclose()
    assert issuer.asked == {}


async def test_closing_ends_what_is_being_asked(issuer: Issuer) -> None:
    remote = RemoteKeys(issuer.url)
    waiting = asyncio.create_task(remote.current())
    await asyncio.sleep(0)  # Lets it begin.
    await remote.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "its discovery document is no JSON object"),
        ({}, "it calls itself None"),
        ({"issuer": "http://127.0.0.1:1"}, "it calls itself 'http://127.0.0.1:1'"),
        ({"issuer": "?"}, '"jwks_uri" is required'),
        ({"issuer": "?", "jwks_uri": 1}, "the jwks_uri of its discovery document is no text"),
        ({"issuer": "?", "jwks_uri": "http://bank.example/k"}, '"jwks_uri" MUST use "https"'),
        ({"issuer": "?", "jwks_uri": "ftp://bank.example/k"}, '"jwks_uri" MUST use "https"'),
        ({"issuer": "?", "jwks_uri": "https://[/k"}, '"jwks_uri" MUST use "https"'),
        ({"issuer": "?", "jwks_uri": "http://127.0.0.1:1/k"}, "All connection attempts failed"),
    ],
)
async def test_wrong_metadata_is_named_in_the_log(
    issuer: Issuer, remote: RemoteKeys, metadata: Any, reason: str
) -> None:
    if isinstance(metadata, dict) and metadata.get("issuer") == "?":
        metadata = metadata | {"issuer": issuer.url}
    issuer.metadata = metadata
    with capture_logs() as lines, pytest.raises(IssuerUnavailableError):
        await remote.current()
    (line,) = lines
    assert line["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("key_set", "reason"),
    [
        ("none", "what it gave is no JWK set"),
        ({"keys": "none"}, "what it gave is no JWK set"),
        ({"keys": [1, {"kty": "EC"}, {"kty": "quantum"}]}, "its JWK set has no key for signatures"),
        ({"keys": [{"kid": "x" * 1_100_000}]}, "{url}/keys answered with more than 1048576 bytes"),
    ],
)
async def test_a_wrong_key_set_is_named_in_the_log(
    issuer: Issuer, remote: RemoteKeys, key_set: Any, reason: str
) -> None:
    issuer.key_set = key_set
    with capture_logs() as lines, pytest.raises(IssuerUnavailableError):
        await remote.current()
    (line,) = lines
    assert line["reason"] == reason.format(url=issuer.url)


async def test_an_answer_that_is_not_json_is_named_in_the_log(
    issuer: Issuer, remote: RemoteKeys
) -> None:
    issuer.metadata["jwks_uri"] = f"{issuer.url}/page"
    with capture_logs() as lines, pytest.raises(IssuerUnavailableError):
        await remote.current()
    assert lines[0]["reason"] == f"{issuer.url}/page answered with something else than JSON"


def test_only_keys_for_signatures_are_read() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        weak = RSAKey.generate_key(1024, private=True).as_dict(private=False)
    read = Keys.read(
        {
            "keys": [
                OctKey.generate_key(256).as_dict(),
                RSA.as_dict(private=False) | {"use": "enc"},
                weak | {"kid": "weak"},
                EC.as_dict(private=False),
            ]
        }
    )
    assert read.ids == {"ec"}
