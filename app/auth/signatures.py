"""Signatures of tokens: which algorithms count, and which key a token was signed with."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol, Self

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry, extract_compact

# Public-key signatures only: no "none", and no HMAC, for which a published key would be a secret
# (RFC 8725, sections 2.1 and 3.1). "EdDSA" is the older name of "Ed25519" (RFC 9864).
KEY_TYPES: Final[Mapping[str, str]] = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
    "Ed25519": "OKP",
    "EdDSA": "OKP",
}
# Unknown header parameters are ignored, as RFC 7515, section 4, asks; "crit" is still obeyed.
_REGISTRY: Final = JWSRegistry(algorithms=list(KEY_TYPES), strict_check_header=False)
_RSA_BITS_MIN: Final = 2048
_TOKEN_LENGTH_MAX: Final = 16_384


class UnknownKeyError(Exception):
    """The token names a key that the set has not; the issuer may have made it since."""


class KeySource(Protocol):
    """Where the keys of an issuer come from."""

    async def current(self) -> "Keys":
        """Give the keys; raises IssuerUnavailableError when there are none to check with."""

    async def renewed(self) -> "Keys":
        """Give the keys, asked for again where that is worth it."""


@dataclass(frozen=True)
class Signed:
    """A token whose header was read; nothing of it is verified yet."""

    text: str
    algorithm: str
    key_id: str | None

    @classmethod
    def read(cls, token: str) -> Self:
        """Read the header; raises JoseError or ValueError for what is no signed token.

        A key that the header brings along (``jwk``, ``jku``, ``x5c``) is never looked at.
        """
        if len(token) > _TOKEN_LENGTH_MAX:
            message = "overlong"
            raise ValueError(message)
        header = extract_compact(token.encode("ascii"), registry=_REGISTRY).headers()
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
            message = "algorithm"
            raise ValueError(message)
        if key_id is not None and not isinstance(key_id, str):
            message = "kid"
            raise ValueError(message)
        return cls(token, algorithm, key_id)


@dataclass(frozen=True)
class Keys:
    """Public keys of one issuer. ``generation`` grows with every key that is withdrawn."""

    keys: Sequence[Key]
    generation: int = 0

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids that tokens name keys by."""
        return frozenset(key.kid for key in self.keys if key.kid is not None)

    @cached_property
    def thumbprints(self) -> frozenset[str]:
        """What tells the keys apart, whatever they are called (RFC 7638)."""
        return frozenset(key.thumbprint() for key in self.keys)

    @classmethod
    def read(cls, key_set: Any) -> Self:
        """Read a JWK set (RFC 7517); keys that cannot check our signatures are passed over.

        Raises ValueError when it is no JWK set or has no usable key.
        """
        members = key_set.get("keys") if isinstance(key_set, dict) else None
        if not isinstance(members, list):
            message = "what it gave is no JWK set"
            raise ValueError(message)  # noqa: TRY004  # The document is wrong, not our types.
        keys = [key for member in members if (key := _usable(member)) is not None]
        if not keys:
            message = "its JWK set has no key for signatures"
            raise ValueError(message)
        return cls(keys)

    def claims(self, signed: Signed) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Verify the signature and give header and claims.

        Raises UnknownKeyError, or JoseError or ValueError when the signature is not the key's.
        """
        if signed.key_id is not None and signed.key_id not in self.ids:
            raise UnknownKeyError
        fitting = [
            key
            for key in self.keys
            if key.key_type == KEY_TYPES[signed.algorithm]
            and signed.key_id in (None, key.kid)
            and key.get("alg") in (None, signed.algorithm)
        ]
        if len(fitting) != 1:
            message = "no single key for the token's algorithm"
            raise ValueError(message)
        with warnings.catch_warnings():
            # joserfc warns of every token with the older name of Ed25519, which is no weaker.
            warnings.simplefilter("ignore", SecurityWarning)
            found = jwt.decode(signed.text, fitting[0], registry=_REGISTRY)
        return found.header, found.claims


def _usable(member: Any) -> Key | None:
    """Import a public key for signatures; None for any other, and for one that is malformed."""
    if not isinstance(member, dict) or member.get("use") not in (None, "sig"):
        return None
    # A secret has no place in a published set, and joserfc would take it for an HMAC key.
    if member.get("kty") not in KEY_TYPES.values():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            key = import_key(member)
            if isinstance(key, RSAKey):
                return key if key.public_key.key_size >= _RSA_BITS_MIN else None
            assert isinstance(key, ECKey | OKPKey)
            assert key.public_key is not None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key
