"""The master key set (tink): wraps customers' keys, and is changed by adding and taking keys.

A wrapped key begins with five bytes that name the key of the set that it was wrapped with
(tink's output prefix), so that a row itself tells whether it is under an old key.
"""

import base64
import binascii
from typing import Any, Final, Self
from uuid import UUID

import orjson
import tink
from tink import aead, json_proto_keyset_format, secret_key_access

PREFIX_BYTES: Final = 5
# Tink's wire format: the version byte, then the key's id as an unsigned big-endian integer.
_PREFIX_VERSION: Final = b"\x01"
_ID_BYTES: Final = 4
_NO_KEY_SET: Final = "the master key is not a tink AEAD key set in JSON form"

aead.register()


class CryptoError(Exception):
    """A key or a value does not open: wrong master key, or altered or moved data."""


class MasterKey:
    """One state of the master key set. Its values never reach the database."""

    def __init__(self, keyset_json: str) -> None:
        """Read a key set in tink's JSON form; raises CryptoError when it is not one."""
        try:
            self._whole = _aead(keyset_json)
            self._keyset: dict[str, Any] = orjson.loads(keyset_json)
            self._single = {
                _prefix(key): _aead(_json([key], key["keyId"]))
                for key in self._keyset["key"]
                if key["status"] == "ENABLED"
            }
        except (tink.TinkError, ValueError, KeyError) as error:
            raise CryptoError(_NO_KEY_SET) from error
        self.primary: bytes = next(
            _prefix(key) for key in self._keyset["key"] if key["keyId"] == self._primary_id
        )

    @staticmethod
    def new_keyset() -> str:
        """Make a key set with one AES-256-GCM key, in tink's JSON form."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        return str(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))

    @classmethod
    def of_base64(cls, text: str) -> Self:
        """Read a key set as the environment and the key file hold it; raises CryptoError."""
        try:
            return cls(base64.b64decode(text, validate=True).decode())
        except binascii.Error as error:
            message = "not base64"
            raise CryptoError(message) from error
        except UnicodeDecodeError as error:
            raise CryptoError(_NO_KEY_SET) from error

    @property
    def base64(self) -> str:
        """The set as the environment and the key file hold it: secret."""
        return base64.b64encode(_json(self._keyset["key"], self._primary_id).encode()).decode()

    @property
    def _primary_id(self) -> int:
        return int(self._keyset["primaryKeyId"])

    @property
    def prefixes(self) -> frozenset[bytes]:
        """How what was wrapped with each key of the set begins."""
        return frozenset(self._single)

    def with_new_key(self) -> Self:
        """Give this set with a new key beside the others; the new one is its primary key."""
        taken = {key["keyId"] for key in self._keyset["key"]}
        while True:
            made = orjson.loads(self.new_keyset())
            if made["primaryKeyId"] not in taken:
                break
        return type(self)(_json([*self._keyset["key"], *made["key"]], made["primaryKeyId"]))

    def primary_alone(self) -> Self:
        """Give the set that has the primary key only."""
        kept = [key for key in self._keyset["key"] if key["keyId"] == self._primary_id]
        return type(self)(_json(kept, self._primary_id))

    def knows(self, wrapped: bytes) -> bool:
        """Tell whether the set has the key that something was wrapped with."""
        return wrapped[:PREFIX_BYTES] in self._single

    def wrap(self, key: bytes, customer_id: UUID, prefix: bytes | None = None) -> bytes:
        """Encrypt a customer's key for storage beside that customer only.

        Uses the key of ``prefix``, else the primary one. Raises CryptoError for an unknown prefix.
        """
        single = self._single.get(self.primary if prefix is None else prefix)
        if single is None:
            message = "the key that customers' keys are wrapped with is not in this master key set"
            raise CryptoError(message)
        return bytes(single.encrypt(key, customer_id.bytes))

    def unwrap(self, wrapped: bytes, customer_id: UUID) -> bytes:
        """Open a stored customer key; raises CryptoError under a foreign master key."""
        try:
            return bytes(self._whole.decrypt(wrapped, customer_id.bytes))
        except tink.TinkError as error:
            message = f"the key of customer {customer_id} does not open under this master key"
            raise CryptoError(message) from error


def _aead(keyset_json: str) -> aead.Aead:
    handle = json_proto_keyset_format.parse(keyset_json, secret_key_access.TOKEN)
    return handle.primitive(aead.Aead)


def _json(keys: list[dict[str, Any]], primary_id: int) -> str:
    return orjson.dumps({"primaryKeyId": primary_id, "key": keys}).decode()


def _prefix(key: dict[str, Any]) -> bytes:
    """Give what ciphertexts of a key begin with; raises CryptoError where that says nothing."""
    if key["outputPrefixType"] != "TINK":
        message = (
            f"key {key['keyId']} of the master key has the output prefix {key['outputPrefixType']}:"
            " without TINK's, nothing would tell what is wrapped with it"
        )
        raise CryptoError(message)
    return _PREFIX_VERSION + int(key["keyId"]).to_bytes(_ID_BYTES, "big")
