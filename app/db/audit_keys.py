"""The keys of the audit trail: one for the hash of each record, one that signs the chain's head.

Both follow from the bank's index key, which the database never holds: who can change its tables
cannot make what is changed look true.
"""

import hmac
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

_SEED_BYTES: Final = 32  # RFC 8032, section 5.1.5.


@dataclass(frozen=True)
class AuditKeys:
    """Hashes records and signs heads."""

    secret: bytes
    signer: Ed25519PrivateKey

    @classmethod
    def of(cls, derived: bytes) -> Self:
        """Take 64 bytes that were derived from the bank's index key for this purpose."""
        signer = Ed25519PrivateKey.from_private_bytes(derived[_SEED_BYTES:])
        return cls(derived[:_SEED_BYTES], signer)

    @cached_property
    def public(self) -> Ed25519PublicKey:
        """The key that anybody may check heads with."""
        return self.signer.public_key()

    def mac(self, content: bytes) -> bytes:
        """Hash a record's content or a command's payload: HMAC-SHA-256."""
        return hmac.digest(self.secret, content, sha256)

    def sign(self, head: bytes) -> bytes:
        """Sign a head: Ed25519 (RFC 8032)."""
        return self.signer.sign(head)

    def is_signed(self, head: bytes, signature: bytes) -> bool:
        """Tell whether a head was signed with the bank's key."""
        try:
            self.public.verify(signature, head)
        except InvalidSignature:
            return False
        return True
