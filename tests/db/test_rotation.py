"""A rotation of the master key: cut off anywhere it leaves a bank that reads, and goes on."""

import asyncio
import shutil
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path

import asyncpg
import orjson
import pytest
from factories import Factory
from rotation_support import (
    NAME,
    RotatedBank,
    add_customer,
    insert_customer,
    quiet,
)

from app.db import audit, rotation
from app.db.bank_itself import BANK_ID
from app.db.crypto import CryptoError, KeyRing
from app.db.key_check import check_keys, hold_keys
from app.db.keys import Keys, KeysError
from app.db.master_file import MasterFile
from app.db.master_key import MasterKey
from app.db.roles import APP_WRITE
from app.db.rotation import Rotation, RotationError, final_set, next_set, rotate
from app.db.viewer_setting import VIEWER_SETTING

CUSTOMERS = 7
_numbers = count()


@pytest.fixture
def bank(migrated_database: Callable[[str], str], tmp_path: Path) -> RotatedBank:
    return RotatedBank(migrated_database(f"rotation_{next(_numbers)}"), tmp_path / "data")


@pytest.fixture
def keys(bank: RotatedBank, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """The keys of a process that serves since before the rotation; the bank is filled."""
    monkeypatch.setattr(rotation, "BATCH_ROWS", 3)
    loaded = bank.load()
    bank.fill(loaded, CUSTOMERS)
    return loaded


def run(bank: RotatedBank, progress: Callable[[str, int, int], None] = quiet) -> Rotation:
    """Rotate as a command does: a process of its own, with keys that it loads itself."""
    return asyncio.run(rotate(bank.url, bank.load(), progress))


def test_everything_is_readable_after_it_and_the_old_key_is_not_needed(
    bank: RotatedBank, keys: Keys, tmp_path: Path
) -> None:
    lost = tmp_path / "lost"
    shutil.copytree(bank.folder, lost)
    told: list[tuple[int, int]] = []
    done = run(bank, lambda _step, done, total: told.append((done, total)))
    assert (done.rewrapped, done.resumed) == (CUSTOMERS + 1, False)
    assert told == [(n, CUSTOMERS + 1) for n in (0, 3, 6, 8)]

    # A process that has run all along, and one that starts with the new key alone.
    assert done.retired is not None
    shutil.rmtree(done.retired.parent)
    fresh = bank.load()
    assert bank.under() == fresh.master.prefixes
    assert len(fresh.master.prefixes) == 1
    assert bank.names(keys) == bank.names(fresh) == [NAME] * CUSTOMERS
    with pytest.raises(KeysError, match="master key is not the one"):
        asyncio.run(check_keys(bank.url, Keys.load(lost, None, None)))


def test_the_old_key_is_kept_apart_for_earlier_backups(bank: RotatedBank, keys: Keys) -> None:
    backup = bank.wrapped()
    done = run(bank)
    assert done.retired is not None
    assert done.retired.parent == bank.folder / "keys" / "retired"
    assert stat.S_IMODE(done.retired.stat().st_mode) == 0o600
    assert stat.S_IMODE((bank.folder / "keys" / "master.key").stat().st_mode) == 0o600
    ring = KeyRing(MasterFile(done.retired).read())
    for customer, wrapped in backup.items():
        assert ring.unwrap(wrapped, customer) == keys.ring.unwrap(wrapped, customer)
    assert sorted(path.name for path in (bank.folder / "keys").iterdir()) == [
        "index.key",
        "master.key",
        "retired",
    ]


def test_an_earlier_backup_is_restored_with_the_old_key(bank: RotatedBank, keys: Keys) -> None:
    known = bank.use(lambda c: c.fetchval("select master from key_check"))
    backup = list(bank.wrapped().items())
    done = run(bank)
    assert done.retired is not None

    async def restore(connection: asyncpg.Connection) -> None:
        await connection.execute("update key_check set master = $1", known)
        change = "update customer_key set wrapped_key = $2 where customer_id = $1"
        await connection.executemany(change, backup)

    bank.use(restore)
    with pytest.raises(KeysError, match="master key is not the one"):
        bank.load()
    shutil.copy(done.retired, bank.folder / "keys" / "master.key")
    assert bank.names(bank.load()) == [NAME] * CUSTOMERS
    assert run(bank).rewrapped == CUSTOMERS + 1
    assert bank.under() == bank.load().master.prefixes
    assert bank.names(keys) == bank.names(bank.load()) == [NAME] * CUSTOMERS


def test_it_is_recorded_once(bank: RotatedBank, keys: Keys) -> None:
    before = keys.master.primary
    run(bank)
    (row,) = bank.records()
    record = audit.Record.of_row(row)
    assert (record.kind, record.command, record.actor_id) == ("WRITE", "keys rotate", None)
    assert row["mac"] == record.mac(keys.audit)
    assert record.detail_ciphertext is not None
    cipher = keys.ring.cipher(BANK_ID, bank.wrapped()[BANK_ID])
    detail = cipher.decrypt("audit_record.detail_ciphertext", record.id, record.detail_ciphertext)
    after = bank.load().master.primary
    assert orjson.loads(detail) == {"from": before[1:].hex(), "to": after[1:].hex()}
    assert bank.use(lambda c: c.fetchval("select record_id from audit_pending")) == record.id


def test_a_bank_without_customers_has_its_master_key_rotated(bank: RotatedBank) -> None:
    bank.load()
    assert run(bank).rewrapped == 0
    assert bank.under() == bank.load().master.prefixes
    assert len(bank.records()) == 1


class _CutOffError(Exception):
    """The process ends here."""


def _cut_off(*_given: object) -> None:
    raise _CutOffError


def _after_batches(batches: int) -> Callable[[str, int, int], None]:
    told = count()

    def progress(_step: str, _done: int, _total: int) -> None:
        if next(told) == batches:
            raise _CutOffError

    return progress


@pytest.mark.parametrize(
    "where", ["key added", "in force", "one batch", "two batches", "all batches", "old key kept"]
)
def test_cut_off_anywhere_everybody_reads_and_it_goes_on(
    bank: RotatedBank, keys: Keys, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = {"in force": 0, "one batch": 1, "two batches": 2, "all batches": 3}
    with monkeypatch.context() as patched:
        if where == "key added":
            patched.setattr(rotation, "_bring_into_force", _cut_off)
        elif where == "old key kept":
            patched.setattr(MasterKey, "primary_alone", _cut_off)
        with pytest.raises(_CutOffError):
            run(bank, _after_batches(batches.get(where, -1)))
    assert len(bank.load().master.prefixes) == 2
    assert bank.names(keys) == bank.names(bank.load()) == [NAME] * CUSTOMERS

    # New customers go on being stored, under whichever key is in force.
    bank.use(lambda c: add_customer(c, keys.ring))
    done = run(bank)
    assert done.resumed
    assert bank.names(keys) == bank.names(bank.load()) == [NAME] * (CUSTOMERS + 1)
    assert bank.under() == bank.load().master.prefixes
    assert len(bank.load().master.prefixes) == 1
    assert len(bank.records()) == 1
    # The next one is a rotation of its own.
    assert not run(bank).resumed


def test_customers_who_come_meanwhile_are_under_the_new_key(bank: RotatedBank, keys: Keys) -> None:
    """A writer stores customers one after the other while the whole rotation runs."""

    async def both() -> int:
        ended = asyncio.Event()

        async def write() -> int:
            connection = await asyncpg.connect(bank.url)
            written = 0
            try:
                while not ended.is_set():
                    await add_customer(connection, keys.ring)
                    written += 1
            finally:
                await connection.close()
            return written

        writing = asyncio.create_task(write())
        await rotate(bank.url, Keys.load(bank.folder, None, None), quiet)
        ended.set()
        return await writing

    written = asyncio.run(both())
    assert written > 0
    fresh = bank.load()
    assert bank.under() == fresh.master.prefixes
    assert bank.names(fresh) == [NAME] * (CUSTOMERS + written)


def test_the_unit_of_works_role_makes_keys_too(bank: RotatedBank, keys: Keys) -> None:
    run(bank)

    async def write(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute(f"set local role {APP_WRITE}")
            viewer = orjson.dumps({"scope": "ALL", "role": "TELLER"}).decode()
            await connection.execute("select set_config($1, $2, true)", VIEWER_SETTING, viewer)
            await insert_customer(connection, keys.ring)

    bank.use(write)
    assert bank.under() == bank.load().master.prefixes
    assert bank.names(bank.load()) == [NAME] * (CUSTOMERS + 1)


def test_it_waits_for_a_customer_who_is_being_written(bank: RotatedBank, keys: Keys) -> None:
    async def both() -> None:
        writer, watcher = [await asyncpg.connect(bank.url) for _ in range(2)]
        transaction = writer.transaction()
        await transaction.start()
        await insert_customer(writer, keys.ring)
        rotating = asyncio.create_task(rotate(bank.url, Keys.load(bank.folder, None, None), quiet))
        async with asyncio.timeout(30):
            while not await watcher.fetchval(
                "select exists (select from pg_locks where not granted)"
            ):
                assert not rotating.done()
        await transaction.commit()
        assert (await rotating).rewrapped == CUSTOMERS + 2
        await writer.close()
        await watcher.close()

    asyncio.run(both())
    assert bank.names(bank.load()) == [NAME] * (CUSTOMERS + 1)


def test_it_gives_up_where_a_customer_is_never_finished(
    bank: RotatedBank, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_FLIP_TIMEOUT_SECONDS", 1)

    async def both() -> None:
        writer = await asyncpg.connect(bank.url)
        async with writer.transaction():
            await insert_customer(writer, keys.ring)
            with pytest.raises(RotationError, match="new customers have been in the making"):
                await rotate(bank.url, Keys.load(bank.folder, None, None), quiet)
        await writer.close()

    asyncio.run(both())
    assert not bank.records()
    assert run(bank).resumed
    assert bank.names(keys) == [NAME] * (CUSTOMERS + 1)


def test_the_database_refuses_a_key_under_the_old_one(bank: RotatedBank, keys: Keys) -> None:
    run(bank)

    async def insert(connection: asyncpg.Connection) -> None:
        # The factory wraps with what was in force when the process began.
        await Factory(connection, keys).customer()

    with pytest.raises(asyncpg.CheckViolationError, match="another master key than the one in"):
        bank.use(insert)


def test_one_at_a_time_and_none_while_a_bank_is_filled(bank: RotatedBank, keys: Keys) -> None:
    async def refuse() -> None:
        filling = await asyncpg.connect(bank.url)
        other = await asyncpg.connect(bank.url)
        await hold_keys(filling, keys.ring)
        await hold_keys(other, keys.ring)
        await other.close()
        with pytest.raises(RotationError, match="another rotation runs, or the bank is being"):
            await rotate(bank.url, keys, quiet)
        await filling.close()

    asyncio.run(refuse())

    async def both() -> None:
        began = asyncio.Event()
        rotating = asyncio.create_task(
            rotate(
                bank.url,
                Keys.load(bank.folder, None, None),
                lambda _step, _done, _total: began.set(),
            )
        )
        watcher = await asyncpg.connect(bank.url)
        await began.wait()
        with pytest.raises(RotationError, match="another rotation runs"):
            await rotate(bank.url, keys, quiet)
        with pytest.raises(CryptoError, match="is being rotated: try again"):
            await hold_keys(watcher, keys.ring)
        await watcher.close()
        await rotating

    asyncio.run(both())
    assert bank.names(keys) == [NAME] * CUSTOMERS


@pytest.mark.usefixtures("keys")
def test_a_key_that_does_not_open_keeps_the_old_one(bank: RotatedBank) -> None:
    (broken, wrapped), *_ = [row for row in bank.wrapped().items() if row[0] != BANK_ID]
    change = "update customer_key set wrapped_key = $2 where customer_id = $1"
    bank.use(lambda c: c.execute(change, broken, wrapped[:-1] + b"?"))
    with pytest.raises(RotationError, match=rf"^1 customers' keys do not open .*{broken}.*stays$"):
        run(bank)
    assert len(bank.load().master.prefixes) == 2
    bank.use(lambda c: c.execute(change, broken, wrapped))
    assert run(bank).rewrapped == 1
    assert bank.names(bank.load()) == [NAME] * CUSTOMERS


def test_a_foreign_key_set_is_refused_and_changes_nothing(bank: RotatedBank, keys: Keys) -> None:
    path = bank.folder / "keys" / "master.key"
    text = MasterKey(MasterKey.new_keyset()).base64
    path.write_text(text)
    for work in (
        rotate(bank.url, keys, quiet),
        next_set(bank.url, keys),
        final_set(bank.url, keys),
    ):
        with pytest.raises(RotationError, match="not the one that this database was written with"):
            asyncio.run(work)
    assert path.read_text() == text
    assert not bank.records()


def test_a_key_file_that_is_lost_is_named(bank: RotatedBank, keys: Keys) -> None:
    path = bank.folder / "keys" / "master.key"
    path.unlink()
    with pytest.raises(RotationError, match=f"cannot read the master key in {path}"):
        asyncio.run(rotate(bank.url, keys, quiet))
