"""The last signed head, kept outside of the database, so that a chain cut short is found."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.db.audit_chain import Head, HeadError
from app.db.audit_keys import AuditKeys

NAME: Final = "audit-head.json"
_LENGTH_MAX: Final = 4_096


@dataclass(frozen=True)
class HeadFile:
    """A file of mode 0600 that always holds one whole head, or does not exist."""

    path: Path
    keys: AuditKeys

    @classmethod
    def of(cls, data_dir: Path, keys: AuditKeys) -> "HeadFile":
        """Name the file of a data folder."""
        return cls(data_dir / NAME, keys)

    def read(self) -> Head | None:
        """Give the head, or None where there is no file.

        Raises HeadError when it cannot be read, or is not a head that this bank signed.
        """
        try:
            with self.path.open(encoding="ascii") as file:
                return Head.from_json(file.read(_LENGTH_MAX), self.keys)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            message = getattr(error, "strerror", None) or "it does not hold a head"
            raise HeadError(message) from error

    def write(self, head: Head) -> None:
        """Replace the head; raises OSError, and then the head before is still there.

        It is on the disk before it takes the place of the one before, so that a power cut leaves
        one or the other.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{NAME}.", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(head.as_json(self.keys))
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self.path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
