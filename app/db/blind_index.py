"""Blind indexes: find an encrypted value by a keyed hash of its normalised form.

Each digest is HMAC-SHA-256 under the index key, cut to 128 bits, with the kind of the value
hashed in, so that equal texts of two kinds do not meet.
"""

import hmac
import unicodedata
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

_DIGEST_BYTES: Final = 16
# Beginnings of words from 2 to 8 letters find a name while it is typed; ADR 0008 says what they
# leak. A word of one letter (also one Chinese character) is indexed whole.
_PREFIX_LENGTH_MIN: Final = 2
_PREFIX_LENGTH_MAX: Final = 8


_INTERNATIONAL_PREFIX: Final = "00"


def _alphanumeric(value: str) -> str:
    folded = unicodedata.normalize("NFKC", value)
    return "".join(letter for letter in folded if letter.isalnum()).upper()


def phone_forms(value: str, country_code: str = "") -> tuple[str, ...]:
    """Give the forms under which a phone number is found.

    International (``+`` and digits) where the country is known, and the national digits.
    ``country_code`` is the calling code of a number written without one, such as ``1``.
    """
    folded = unicodedata.normalize("NFKC", value).strip()
    digits = "".join(str(unicodedata.digit(letter)) for letter in folded if letter.isdecimal())
    if folded.startswith("+"):
        return (f"+{digits}",)
    if digits.startswith(_INTERNATIONAL_PREFIX):
        return (f"+{digits.removeprefix(_INTERNATIONAL_PREFIX)}",)
    national = digits.lstrip("0")
    return (f"+{country_code}{national}", national) if country_code else (national,)


class BlindIndex:
    """Makes the digests of the look-up tables."""

    def __init__(self, key: bytes) -> None:
        """Take the 32-byte index key."""
        self._key = key

    def _digest(self, kind: str, normalised: str) -> bytes:
        message = f"{kind}\x1f{normalised}".encode()
        return hmac.digest(self._key, message, sha256)[:_DIGEST_BYTES]

    def national_id(self, value: str) -> bytes:
        """Digest a national id; letters' case, spaces and punctuation do not matter."""
        return self._digest("national_id", _alphanumeric(value))

    def email(self, value: str) -> bytes:
        """Digest an e-mail address; case does not matter."""
        return self._digest("email", unicodedata.normalize("NFKC", value).strip().casefold())

    def phones(self, value: str, country_code: str = "") -> list[bytes]:
        """Digest each form of a phone number; see phone_forms."""
        return [self._digest("phone", form) for form in phone_forms(value, country_code)]

    def account_number(self, value: str) -> bytes:
        """Digest an account number; case, spaces and punctuation do not matter."""
        return self._digest("account_number", _alphanumeric(value))

    def name_prefixes(self, name: str) -> set[bytes]:
        """Digest the beginnings of every word of a name, for the name index."""
        return {self._digest("name", prefix) for prefix in _prefixes(name.split())}

    def name_prefix(self, typed: str) -> bytes:
        """Digest what somebody typed to search for a name."""
        return self._digest("name", _alphanumeric(typed)[:_PREFIX_LENGTH_MAX])


def _prefixes(words: Iterable[str]) -> Iterable[str]:
    for word in map(_alphanumeric, words):
        if word and len(word) < _PREFIX_LENGTH_MIN:
            yield word
        for length in range(_PREFIX_LENGTH_MIN, min(len(word), _PREFIX_LENGTH_MAX) + 1):
            yield word[:length]
