"""Lock files name packages and their hashes, never where they are downloaded from."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
FOLDERS: Final = (".", "web/*", "web/*/*", "tests/*", "bench/*")
LOCKS: Final = sorted(
    path
    for folder in FOLDERS
    for name in ("package-lock.json", "*.lock")
    for path in ROOT.glob(f"{folder}/{name}")
    if "node_modules" not in path.parts
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_file_has_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    # "funding" comes back by itself with every `npm install`.
    assert re.findall(r".*://.*", text) == []


def test_lock_files_are_found() -> None:
    assert len(LOCKS) >= 8
