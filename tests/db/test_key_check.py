"""Foreign keys are found before they do harm."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from app.auth.secret_files import secret_file
from app.db.key_check import check_keys
from app.db.keys import Keys, KeysError
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
