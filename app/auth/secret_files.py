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
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            # Another process may have been first; then its secret counts.
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            Path(draft).unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path.read_text(encoding="ascii").strip()
