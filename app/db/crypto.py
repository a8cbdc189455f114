"""Encryption of personal data: a key per customer, wrapped by the master key set.

Values are AES-256-GCM under the customer's key with table, column and row id as associated data,
so that a value moved to another place no longer opens. Erasing a customer means deleting the
wrapped key.
"""

import os
from collections import OrderedDict
from typing import Final
from uuid import UUID

import tink
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tink import aead, json_proto_keyset_format, secret_key_access

CUSTOMER_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
# The first byte names the format, so that another cipher can be read beside this one later.
_FORMAT_AES_GCM: Final = b"\x01"

aead.register()


class CryptoError(Exception):
    """A key or a value does not open: wrong master key, or altered or moved data."""


class MasterKey:
    """The master key set (tink); wraps customers' keys. Its values never reach the database."""

    def __init__(self, keyset_json: str) -> None:
        """Read a key set in tink's JSON form; raises CryptoError when it is not one."""
        try:
            handle = json_proto_keyset_format.parse(keyset_json, secret_key_access.TOKEN)
            self._aead = handle.primitive(aead.Aead)
        except (tink.TinkError, ValueError) as error:
            message = "the master key is not a tink AEAD key set in JSON form"
            raise CryptoError(message) from error

    @staticmethod
    def new_keyset() -> str:
        """Make a key set with one AES-256-GCM key, in tink's JSON form."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        return str(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))

    def wrap(self, key: bytes, customer_id: UUID) -> bytes:
        """Encrypt a customer's key for storage beside that customer only."""
        return bytes(self._aead.encrypt(key, customer_id.bytes))

    def unwrap(self, wrapped: bytes, customer_id: UUID) -> bytes:
        """Open a stored customer key; raises CryptoError under a foreign master key."""
        try:
            return bytes(self._aead.decrypt(wrapped, customer_id.bytes))
        except tink.TinkError as error:
            message = f"the key of customer {customer_id} does not open under this master key"
            raise CryptoError(message) from error


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

    def __init__(self, master: MasterKey, size: int = 50_000) -> None:
        """Keep at most ``size`` unwrapped keys."""
        self._master = master
        self._size = size
        self._ciphers: OrderedDict[tuple[UUID, bytes], CustomerCipher] = OrderedDict()

    def wrap(self, key: bytes, customer_id: UUID) -> bytes:
        """Wrap a key with the master key set; see MasterKey.wrap."""
        return self._master.wrap(key, customer_id)

    def unwrap(self, wrapped: bytes, customer_id: UUID) -> bytes:
        """Unwrap a key without keeping it; see MasterKey.unwrap."""
        return self._master.unwrap(wrapped, customer_id)

    def make(self, customer_id: UUID) -> tuple[bytes, CustomerCipher]:
        """Make a new customer's key: the wrapped form to store, and its cipher."""
        key = os.urandom(CUSTOMER_KEY_BYTES)
        return self._master.wrap(key, customer_id), CustomerCipher(key)

    def cipher(self, customer_id: UUID, wrapped: bytes) -> CustomerCipher:
        """Give the cipher of a stored key; raises CryptoError under a foreign master key."""
        entry = (customer_id, wrapped)
        cipher = self._ciphers.get(entry)
        if cipher is not None:
            self._ciphers.move_to_end(entry)
            return cipher
        cipher = CustomerCipher(self._master.unwrap(wrapped, customer_id))
        self._ciphers[entry] = cipher
        if len(self._ciphers) > self._size:
            self._ciphers.popitem(last=False)
        return cipher
