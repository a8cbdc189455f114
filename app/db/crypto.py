"""Encryption of personal data: a key per customer, wrapped by the master key set.

Values are AES-256-GCM under the customer's key with table, column and row id as associated data,
so that a value moved to another place no longer opens. Erasing a customer means deleting the
wrapped key.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.db.master_key import CryptoError, MasterKey

__all__ = ["CryptoError", "CustomerCipher", "KeyRing", "MasterKey"]

CUSTOMER_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
# The first byte names the format, so that another cipher can be read beside this one later.
_FORMAT_AES_GCM: Final = b"\x01"


class CustomerCipher:
    """Encrypts and decrypts one customer's values."""

    __slots__ = ("_aesgcm",)

    def __init__(self, key: bytes) -> None:
        """Take the customer's unwrapped 32-byte key."""
        self._aesgcm = AESGCM(key)

    def encrypt(self, place: str, row_id: UUID, value: str) -> bytes:
        """Encrypt ``value`` for ``place`` (``table.column``) of the row ``row_id``."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aesgcm.encrypt(nonce, value.encode(), place.encode() + row_id.bytes)
        return _FORMAT_AES_GCM + nonce + sealed

    def decrypt(self, place: str, row_id: UUID, ciphertext: bytes) -> str:
        """Open a value; raises CryptoError when it was altered or belongs elsewhere."""
        if ciphertext[:1] != _FORMAT_AES_GCM:
            message = f"{place} of row {row_id} is in an unknown format"
            raise CryptoError(message)
        nonce, sealed = ciphertext[1 : 1 + _NONCE_BYTES], ciphertext[1 + _NONCE_BYTES :]
        try:
            return self._aesgcm.decrypt(nonce, sealed, place.encode() + row_id.bytes).decode()
        except InvalidTag as error:
            message = f"{place} of row {row_id} does not open: altered, moved, or another key"
            raise CryptoError(message) from error


class KeyRing:
    """Unwraps customers' keys and keeps the most recently used.

    The cache is keyed by the wrapped key as the database holds it: once that row is deleted or
    re-wrapped, the entry cannot be reached any more.
    """

    def __init__(
        self,
        master: MasterKey,
        size: int = 50_000,
        changed: Callable[[], MasterKey | None] = lambda: None,
    ) -> None:
        """Keep at most ``size`` unwrapped keys.

        ``changed`` gives the master key set again when it was replaced, and None otherwise.
        """
        # A set that was replaced is kept: rows that were read just before may need it still.
        self._masters = [master]
        self._size = size
        self._changed = changed
        self._wraps_with = master.primary
        self._ciphers: OrderedDict[tuple[UUID, bytes], CustomerCipher] = OrderedDict()

    def wrap(self, key: bytes, customer_id: UUID) -> bytes:
        """Wrap a key with the master key that is in force; see wrap_with."""
        return self._master(self._wraps_with).wrap(key, customer_id, self._wraps_with)

    def wrap_with(self, prefix: bytes) -> None:
        """Wrap with the master key of this prefix from now on; CryptoError if it is not known."""
        if not self._master(prefix).knows(prefix):
            message = "the master key in force is not in this key set"
            raise CryptoError(message)
        self._wraps_with = prefix

    def unwrap(self, wrapped: bytes, customer_id: UUID) -> bytes:
        """Unwrap a key without keeping it; see MasterKey.unwrap."""
        return self._master(wrapped).unwrap(wrapped, customer_id)

    def make(self, customer_id: UUID) -> tuple[bytes, CustomerCipher]:
        """Make a new customer's key: the wrapped form to store, and its cipher."""
        key = os.urandom(CUSTOMER_KEY_BYTES)
        return self.wrap(key, customer_id), CustomerCipher(key)

    def cipher(self, customer_id: UUID, wrapped: bytes) -> CustomerCipher:
        """Give the cipher of a stored key; raises CryptoError under a foreign master key."""
        entry = (customer_id, wrapped)
        cipher = self._ciphers.get(entry)
        if cipher is not None:
            self._ciphers.move_to_end(entry)
            return cipher
        cipher = CustomerCipher(self.unwrap(wrapped, customer_id))
        self._ciphers[entry] = cipher
        if len(self._ciphers) > self._size:
            self._ciphers.popitem(last=False)
        return cipher

    def forget(self, customer_id: UUID, wrapped: bytes) -> None:
        """Drop the cipher of a key that is destroyed."""
        self._ciphers.pop((customer_id, wrapped), None)

    def _master(self, wrapped: bytes) -> MasterKey:
        """Find the set that has the key of a wrapped form; looks for a replaced set if none has."""
        for master in self._masters:
            if master.knows(wrapped):
                return master
        replaced = self._changed()
        if replaced is not None:
            self._masters.insert(0, replaced)
            if replaced.knows(wrapped):
                return replaced
        # It says itself that it does not open this.
        return self._masters[0]
