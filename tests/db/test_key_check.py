"""Foreign keys are found before they do harm."""

import asyncio
import dataclasses
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from embedded_support import ORDINARY_USER, ROOT

from app.auth.secret_files import replace_secret, secret_file
from app.db.crypto import CryptoError, MasterKey
from app.db.key_check import check_keys
from app.db.keys import Keys, KeysError
from app.db.master_file import MasterFile
from app.db.migrate import upgrade


def test_a_database_takes_the_first_keys_and_no_others(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    url = new_database("key_check")
    keys = Keys.load(tmp_path / "ours", None, None)
    other = Keys.load(tmp_path / "theirs", None, None)
    asyncio.run(check_keys(url, keys))  # Not migrated yet: nothing to compare.
    asyncio.run(upgrade(url))
    for _ in range(2):
        asyncio.run(check_keys(url, keys))
    with pytest.raises(KeysError, match="index key is not the one"):
        asyncio.run(check_keys(url, other))
    mixed = dataclasses.replace(keys, ring=other.ring)
    with pytest.raises(KeysError, match="master key is not the one"):
        asyncio.run(check_keys(url, mixed))
    asyncio.run(check_keys(url, keys))


def test_a_secret_is_made_once_and_leaves_no_drafts(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    assert secret_file(path, lambda: "first") == "first"
    assert secret_file(path, lambda: "second") == "first"
    assert list(path.parent.iterdir()) == [path]


def test_of_two_makers_the_first_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def overtaken() -> str:
        path.write_text("first")
        return "second"

    assert secret_file(path, overtaken) == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    secret_file(path, lambda: "first")
    replace_secret(path, "second")
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", _fail)
        with pytest.raises(OSError, match="no space left"):
            replace_secret(path, "third")
        with pytest.raises(CryptoError, match=f"cannot replace the master key in {path}"):
            MasterFile(path).replace(MasterKey(MasterKey.new_keyset()))
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def _fail(*_given: object) -> None:
    message = "no space left on device"
    raise OSError(message)


@pytest.mark.skipif(not ROOT, reason="only root gives files away")
def test_a_replaced_secret_stays_with_its_owner(tmp_path: Path) -> None:
    path, server = tmp_path / "secret", pwd.getpwnam(ORDINARY_USER)
    secret_file(path, lambda: "first")
    os.chown(path, server.pw_uid, server.pw_gid)
    replace_secret(path, "second")
    assert (path.stat().st_uid, path.stat().st_gid) == (server.pw_uid, server.pw_gid)
