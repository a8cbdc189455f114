"""Encryption of personal data, blind indexes, keys and ids."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.db.blind_index import BlindIndex, phone_forms
from app.db.crypto import CryptoError, KeyRing, MasterKey
from app.db.ids import derived_id, new_id
from app.db.keys import Keys, KeysError

PLACE = "customer.name_ciphertext"


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(MasterKey(MasterKey.new_keyset()))


def test_a_value_opens_in_its_own_place_only(ring: KeyRing) -> None:
    customer, other = new_id(), new_id()
    _, cipher = ring.make(customer)
    sealed = cipher.encrypt(PLACE, customer, "魏强 Emma")
    assert cipher.decrypt(PLACE, customer, sealed) == "魏强 Emma"
    assert b"Emma" not in sealed
    assert cipher.encrypt(PLACE, customer, "魏强 Emma") != sealed
    for place, row, value in (
        ("customer.email_ciphertext", customer, sealed),
        (PLACE, other, sealed),
        (PLACE, customer, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (PLACE, customer, b""),
        (PLACE, customer, b"\x02" + sealed[1:]),
    ):
        with pytest.raises(CryptoError):
            cipher.decrypt(place, row, value)
    with pytest.raises(CryptoError):
        ring.make(customer)[1].decrypt(PLACE, customer, sealed)


def test_a_customers_key_opens_under_its_master_key_only(ring: KeyRing) -> None:
    customer = new_id()
    wrapped, cipher = ring.make(customer)
    sealed = cipher.encrypt(PLACE, customer, "Emma")
    assert ring.cipher(customer, wrapped).decrypt(PLACE, customer, sealed) == "Emma"
    with pytest.raises(CryptoError, match=str(customer)):
        KeyRing(MasterKey(MasterKey.new_keyset())).cipher(customer, wrapped)
    with pytest.raises(CryptoError):
        ring.cipher(new_id(), wrapped)


def test_the_ring_keeps_no_more_keys_than_it_may() -> None:
    ring = KeyRing(MasterKey(MasterKey.new_keyset()), size=2)
    stored = [(customer := new_id(), ring.make(customer)[0]) for _ in range(3)]
    for _ in range(2):
        for customer, wrapped in stored:
            ring.cipher(customer, wrapped)
    assert len(ring._ciphers) == 2


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"primaryKeyId": 1}'])
def test_a_broken_master_key_is_refused(text: str) -> None:
    with pytest.raises(CryptoError):
        MasterKey(text)


def test_digests_meet_for_equal_values_only() -> None:
    index, other = BlindIndex(b"a" * 32), BlindIndex(b"b" * 32)
    assert index.national_id("926-93-2157") == index.national_id(" 926 932157")
    assert index.national_id("11010519491231002x") == index.national_id("11010519491231002X")
    assert index.national_id("926-93-2157") != other.national_id("926-93-2157")
    assert index.national_id("5550100") != index.account_number("5550100")
    assert index.email(" Ma.Wei@Example.COM ") == index.email("ma.wei@example.com")
    assert index.phones("+86 138 0013 8000") == index.phones("+8613800138000")
    assert len(index.national_id("1")) == 16


def test_phones_are_found_international_and_national() -> None:
    assert phone_forms("367-171-6840", "1") == ("+13671716840", "3671716840")
    assert phone_forms("+1 (367) 171 6840") == ("+13671716840",)
    assert phone_forms("010 6552 9988") == ("1065529988",)
    assert phone_forms("001 367 171 6840") == ("+13671716840",)
    assert phone_forms("\uff13\uff16\uff17-171-6840") == ("3671716840",)


def test_names_are_found_while_they_are_typed() -> None:
    index = BlindIndex(b"a" * 32)
    stored = index.name_prefixes("Emma O'Neill Featherstonehaugh 魏")
    for typed in ("em", "EMMA", "o'n", "Featherstonehaugh", "feathers", "魏"):
        assert index.name_prefix(typed) in stored
    for typed in ("e", "mma", "魏强"):
        assert index.name_prefix(typed) not in stored


def test_keys_are_made_once_private_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = Keys.load(folder, None, None)
    assert [path.name for path in first.created] == ["master.key", "index.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in first.created} == {0o600}
    assert stat.S_IMODE((folder / "keys").stat().st_mode) == 0o700
    again = Keys.load(folder, None, None)
    assert not again.created
    assert again.index.national_id("1") == first.index.national_id("1")
    assert again.cursor_secret == first.cursor_secret
    customer = new_id()
    wrapped, _ = first.ring.make(customer)
    again.ring.cipher(customer, wrapped)


def test_keys_from_the_environment_come_first(tmp_path: Path) -> None:
    master = base64.b64encode(MasterKey.new_keyset().encode()).decode()
    index = base64.b64encode(b"i" * 32).decode()
    keys = Keys.load(None, master, index)
    assert keys.index.email("a@b") == BlindIndex(b"i" * 32).email("a@b")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("master", "index", "says"),
    [
        (None, None, "BANK360_MASTER_KEY is not set"),
        ("%", "AAAA", "BANK360_MASTER_KEY: not base64"),
        ("AAAA", "", "BANK360_INDEX_KEY is not set"),
        ("AAAA", base64.b64encode(b"i" * 32).decode(), "BANK360_MASTER_KEY: the master key"),
        ("GOOD", "%", "BANK360_INDEX_KEY: not base64"),
        ("GOOD", "AAAA", "3 bytes"),
    ],
)
def test_missing_and_malformed_keys_are_named(
    master: str | None, index: str | None, says: str
) -> None:
    if master == "GOOD":
        master = base64.b64encode(MasterKey.new_keyset().encode()).decode()
    with pytest.raises(KeysError, match=says):
        Keys.load(None, master, index)


def test_derived_ids_are_stable_and_in_the_order_of_time() -> None:
    early, late = datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC)
    one = derived_id(early, "client", "C1")
    assert one == derived_id(early, "client", "C1")
    assert (one.version, one.variant) == (7, "specified in RFC 4122")
    assert one != derived_id(early, "clientC", "1")
    assert one < derived_id(late, "client", "C0")
    assert new_id() < new_id()
    assert derived_id(datetime(1913, 1, 1, tzinfo=UTC), "a").version == 7
