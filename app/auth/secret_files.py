"""Secrets in files: made once, complete, and readable by their owner only."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_PRIVATE_FOLDER: Final = 0o700


def secret_file(path: Path, make: Callable[[], str]) -> str:
    """Give a secret file's text; where there is none, writes what ``make`` gives, mode 0600.

    The file is on the disk before it appears under its name, so neither a power cut nor a process
    that starts at the same moment sees another secret than the one that counts from then on.
    """
    if not path.exists():
        path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            _write(descriptor, make())
            # Another process may have been first; then its secret counts.
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            Path(draft).unlink()
        _settle(path.parent)
    return path.read_text(encoding="ascii").strip()


def replace_secret(path: Path, text: str) -> None:
    """Put another text in a secret file's place; mode 0600, and the owner stays.

    Whoever reads the file meanwhile reads the whole old text or the whole new one, also after a
    power cut.
    """
    before = path.stat()
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        _write(descriptor, text)
        # The servers that read the file may belong to somebody else than whoever replaces it.
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(draft, before.st_uid, before.st_gid)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
    _settle(path.parent)


def _write(descriptor: int, text: str) -> None:
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
