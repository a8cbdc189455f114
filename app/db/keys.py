"""Where the secrets come from: the environment, or files of mode 0600 in the data folder."""

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.auth.secret_files import secret_file
from app.db.audit_keys import AuditKeys
from app.db.blind_index import BlindIndex
from app.db.crypto import CryptoError, KeyRing, MasterKey
from app.db.master_file import MasterFile

INDEX_KEY_BYTES: Final = 32
MASTER_FILE: Final = "master.key"
INDEX_FILE: Final = "index.key"
# A key for AES-256-SIV, which takes two keys of 256 bits.
_DERIVED_BYTES: Final = 64


class KeysError(Exception):
    """A key is missing or malformed; the text says which, and where it was looked for."""


@dataclass(frozen=True)
class Keys:
    """The secrets that reading and writing personal data needs.

    ``master`` is the master key set as it was loaded, and ``master_file`` where it came from:
    None for the environment.
    """

    ring: KeyRing
    index: BlindIndex
    cursor_secret: bytes
    identity_secret: bytes
    promise_secret: bytes
    audit: AuditKeys
    master: MasterKey
    master_file: MasterFile | None = None
    created: list[Path] = field(default_factory=list)

    @classmethod
    def load(cls, data_dir: Path | None, master_key: str | None, index_key: str | None) -> Self:
        """Take each key from the environment's value, else from ``data_dir/keys``.

        ``master_key`` is base64 of a tink AEAD key set in JSON form, ``index_key`` base64 of 32
        bytes. Missing files are made. Raises KeysError for a malformed key, and for a missing
        one where there is no data folder.
        """
        created: list[Path] = []

        def secret(given: str | None, variable: str, name: str, make: Callable[[], str]) -> str:
            if given:
                return given
            if data_dir is None:
                message = f"{variable} is not set"
                raise KeysError(message)
            path = data_dir / "keys" / name
            if not path.exists():
                created.append(path)
            return secret_file(path, make)

        def encoded(make: Callable[[], bytes]) -> Callable[[], str]:
            return lambda: base64.b64encode(make()).decode()

        keyset = encoded(lambda: MasterKey.new_keyset().encode())
        master_text = secret(master_key, "BANK360_MASTER_KEY", MASTER_FILE, keyset)
        fresh = encoded(lambda: os.urandom(INDEX_KEY_BYTES))
        index_text = secret(index_key, "BANK360_INDEX_KEY", INDEX_FILE, fresh)
        master_file = None
        if not master_key and data_dir is not None:
            master_file = MasterFile(data_dir / "keys" / MASTER_FILE)
        try:
            master = MasterKey.of_base64(master_text) if master_file is None else master_file.read()
        except CryptoError as error:
            message = f"BANK360_MASTER_KEY: {error}"
            raise KeysError(message) from error
        index = _decoded(index_text, "BANK360_INDEX_KEY")
        if len(index) != INDEX_KEY_BYTES:
            message = f"BANK360_INDEX_KEY: {len(index)} bytes, {INDEX_KEY_BYTES} are needed"
            raise KeysError(message)

        def derived(purpose: bytes) -> bytes:
            return HKDF(SHA256(), _DERIVED_BYTES, salt=None, info=purpose).derive(index)

        return cls(
            KeyRing(master)
            if master_file is None
            else KeyRing(master, changed=master_file.changed),
            BlindIndex(index),
            derived(b"bank360 cursors"),
            derived(b"bank360 identities"),
            derived(b"bank360 promises"),
            AuditKeys.of(derived(b"bank360 audit")),
            master,
            master_file,
            created,
        )


def _decoded(text: str, variable: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        message = f"{variable}: not base64"
        raise KeysError(message) from error
