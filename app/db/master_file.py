"""The file that holds the master key set: read again when it was replaced."""

from pathlib import Path
from typing import Final

from app.auth.secret_files import replace_secret, secret_file
from app.db.master_key import CryptoError, MasterKey

_RETIRED: Final = "retired"


class MasterFile:
    """The master key set in the data folder, for the process that reads or rotates it."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; nothing is read yet."""
        self.path = path
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> MasterKey:
        """Read the set; raises CryptoError when the file is missing or holds something else."""
        try:
            found = self.path.stat()
            text = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"cannot read the master key in {self.path}: {error}"
            raise CryptoError(message) from error
        self._seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        return MasterKey.of_base64(text)

    def changed(self) -> MasterKey | None:
        """Read the set again if the file was replaced since the last time, else give None."""
        try:
            found = self.path.stat()
        except OSError as error:
            message = f"cannot read the master key in {self.path}: {error}"
            raise CryptoError(message) from error
        if (found.st_ino, found.st_mtime_ns, found.st_size) == self._seen:
            return None
        return self.read()

    def replace(self, master: MasterKey) -> None:
        """Put another set in the file's place, whole or not at all; raises CryptoError."""
        try:
            replace_secret(self.path, master.base64)
        except OSError as error:
            message = f"cannot replace the master key in {self.path}: {error}"
            raise CryptoError(message) from error

    def keep_retired(self, master: MasterKey) -> Path:
        """Keep a set whose other keys are about to go: older backups need them; gives where."""
        name = "-".join(sorted(prefix[1:].hex() for prefix in master.prefixes))
        path = self.path.parent / _RETIRED / f"{name}.key"
        try:
            secret_file(path, lambda: master.base64)
        except OSError as error:
            message = f"cannot keep the old master key in {path}: {error}"
            raise CryptoError(message) from error
        return path
