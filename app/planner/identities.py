"""How one viewer knows customers and rows: by their global ids, or sealed and by pseudonym."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.auth.permissions import PSEUDONYMOUS, Role
from app.planner.errors import bad_input
from app.planner.global_id import GlobalId, format_id

_SEAL_KEY_BYTES: Final = 64
_PSEUDONYM_BYTES: Final = 10
_UUID_BYTES: Final = 16


class Identities(Protocol):
    """Writes and reads global ids, and names customers."""

    def write(self, prefix: str, owner: UUID, row_id: UUID) -> str:
        """Write the global id of a row."""

    def read(self, text: str) -> GlobalId:
        """Read a global id; refuses one that is malformed."""

    def pseudonym(self, owner: UUID) -> str:
        """Name a customer without telling who it is."""


@dataclass(frozen=True)
class OpenIdentities:
    """For those who may know whom a row belongs to; ``pseudonyms`` name those they may not."""

    pseudonyms: "SealedIdentities"

    def write(self, prefix: str, owner: UUID, row_id: UUID) -> str:
        """Write the plain id."""
        return format_id(prefix, owner, row_id)

    def read(self, text: str) -> GlobalId:
        """Read a plain id."""
        return GlobalId.parse(text)

    def pseudonym(self, owner: UUID) -> str:
        """Name a customer for a post that sees ids, but no names."""
        return self.pseudonyms.pseudonym(owner)


class SealedIdentities:
    """Ids under deterministic authenticated encryption (AES-SIV, RFC 5297), a key for each post.

    The same row has the same id for the same post at all times, and ids of two posts cannot be
    joined.
    """

    def __init__(self, secret: bytes, role: Role) -> None:
        """Derive the role's keys from the bank's secret."""

        def derived(purpose: str, length: int) -> bytes:
            info = f"bank360 {purpose} {role.value}".encode()
            return HKDF(SHA256(), length, salt=None, info=info).derive(secret)

        self._seal = AESSIV(derived("sealed ids", _SEAL_KEY_BYTES))
        self._names = derived("pseudonyms", sha256().digest_size)

    def write(self, prefix: str, owner: UUID, row_id: UUID) -> str:
        """Seal an id; the prefix stays readable, as it says what kind of object it is."""
        clear = row_id.bytes if owner == row_id else owner.bytes + row_id.bytes
        sealed = self._seal.encrypt(clear, [prefix.encode()])
        return f"{prefix}_{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def read(self, text: str) -> GlobalId:
        """Open a sealed id; refuses any that was not sealed for this post."""
        prefix, _, body = text.partition("_")
        try:
            padded = body + "=" * (-len(body) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            clear = self._seal.decrypt(sealed, [prefix.encode()])
        except (binascii.Error, ValueError, InvalidTag) as error:
            message = "not an id that this post was given"
            raise bad_input(message) from error
        owner, row_id = clear[:_UUID_BYTES], clear[-_UUID_BYTES:]
        return GlobalId(prefix, UUID(bytes=owner), UUID(bytes=row_id))

    def pseudonym(self, owner: UUID) -> str:
        """Name a customer: ``P-`` and 16 letters and digits, 80 bits of a keyed hash."""
        digest = hmac.digest(self._names, owner.bytes, sha256)[:_PSEUDONYM_BYTES]
        return f"P-{base64.b32encode(digest).decode()}"


def identities_by_role(secret: bytes) -> Mapping[Role, Identities]:
    """Give what each post knows customers and rows by."""
    sealed = {role: SealedIdentities(secret, role) for role in Role}
    return {
        role: sealed[role] if role in PSEUDONYMOUS else OpenIdentities(sealed[role])
        for role in Role
    }
