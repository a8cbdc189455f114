"""A rotation of the master key where servers do not share one key file."""

import asyncio
import base64
from collections.abc import Callable
from itertools import count
from pathlib import Path

import asyncpg
import orjson
import pytest
from rotation_support import (
    NAME,
    RotatedBank,
    add_customer,
    quiet,
)

from app.db import rotation
from app.db.crypto import CryptoError
from app.db.ids import new_id
from app.db.key_check import check_keys
from app.db.keys import Keys, KeysError
from app.db.master_key import MasterKey
from app.db.rotation import RotationError, final_set, next_set, rotate

CUSTOMERS = 7
_numbers = count()


@pytest.fixture
def bank(migrated_database: Callable[[str], str], tmp_path: Path) -> RotatedBank:
    return RotatedBank(migrated_database(f"rotation_elsewhere_{next(_numbers)}"), tmp_path / "data")


@pytest.fixture
def keys(bank: RotatedBank) -> Keys:
    """The keys of a process that serves since before the rotation; the bank is filled."""
    loaded = bank.load()
    bank.fill(loaded, CUSTOMERS)
    return loaded


@pytest.fixture
def elsewhere(bank: RotatedBank) -> Callable[[MasterKey], Keys]:
    """Keys of a server that has the master key in its environment."""
    bank.load()
    index = (bank.folder / "keys" / "index.key").read_text()

    def load(master: MasterKey) -> Keys:
        loaded = Keys.load(None, master.base64, index)
        asyncio.run(check_keys(bank.url, loaded))
        return loaded

    return load


def test_in_the_environment_every_server_is_given_the_set_before_and_after(
    bank: RotatedBank, keys: Keys, elsewhere: Callable[[MasterKey], Keys]
) -> None:
    old = elsewhere(keys.master)
    with pytest.raises(RotationError, match="every server the output of `bank360 keys rotate --pr"):
        asyncio.run(rotate(bank.url, old, quiet))

    grown = asyncio.run(next_set(bank.url, old))
    new = elsewhere(grown)
    # Some servers have the new key and some do not: what any of them writes, all read.
    bank.use(lambda c: add_customer(c, new.ring))
    assert bank.names(old) == bank.names(new) == [NAME] * (CUSTOMERS + 1)
    with pytest.raises(RotationError, match="has a new key already"):
        asyncio.run(next_set(bank.url, new))
    with pytest.raises(RotationError, match=r"^9 customers' keys are not under the new master key"):
        asyncio.run(final_set(bank.url, new))

    done = asyncio.run(rotate(bank.url, new, quiet))
    assert (done.rewrapped, done.retired) == (CUSTOMERS + 2, None)
    alone = elsewhere(asyncio.run(final_set(bank.url, new)))
    assert len(alone.master.prefixes) == 1
    bank.use(lambda c: add_customer(c, alone.ring))
    assert bank.names(new) == bank.names(alone) == [NAME] * (CUSTOMERS + 2)
    # A server that was not given the new key says so, and reads again when it was.
    with pytest.raises(CryptoError, match="does not open under this master key"):
        bank.names(old)
    with pytest.raises(KeysError, match="master key is not the one"):
        elsewhere(keys.master)


def test_servers_on_other_machines_are_not_left_without_the_key(
    bank: RotatedBank, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seen from the servers' own connections, whoever rotates is on another machine.
    seen = rotation._ELSEWHERE.replace("inet_client_addr()", "'192.0.2.7'::inet")
    monkeypatch.setattr(rotation, "_ELSEWHERE", seen)
    path = bank.folder / "keys" / "master.key"
    before = path.read_text()

    async def both() -> MasterKey:
        server = await asyncpg.connect(bank.url, server_settings={"application_name": "bank360"})
        with pytest.raises(RotationError, match=r"do not read .*--print-new"):
            await rotate(bank.url, keys, quiet)
        assert path.read_text() == before
        grown = await next_set(bank.url, keys)
        await server.close()
        return grown

    path.write_text(asyncio.run(both()).base64)
    assert asyncio.run(rotate(bank.url, bank.load(), quiet)).rewrapped == CUSTOMERS + 1
    assert bank.names(keys) == [NAME] * CUSTOMERS


def test_a_key_without_a_prefix_is_refused() -> None:
    keyset = orjson.loads(MasterKey.new_keyset())
    keyset["key"][0]["outputPrefixType"] = "RAW"
    with pytest.raises(CryptoError, match="has the output prefix RAW"):
        MasterKey(orjson.dumps(keyset).decode())


def test_a_set_is_written_as_it_is_read() -> None:
    grown = MasterKey(MasterKey.new_keyset()).with_new_key()
    again = MasterKey.of_base64(grown.base64)
    assert (again.prefixes, again.primary) == (grown.prefixes, grown.primary)
    customer = new_id()
    for prefix in grown.prefixes:
        wrapped = grown.wrap(b"k" * 32, customer, prefix)
        assert wrapped.startswith(prefix)
        assert again.unwrap(wrapped, customer) == b"k" * 32
    for text in ("%", base64.b64encode(b"\xff").decode(), base64.b64encode(b"{}").decode()):
        with pytest.raises(CryptoError):
            MasterKey.of_base64(text)
