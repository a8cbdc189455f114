"""Demo tokens: signed by this installation's own key, made at first start.

Ed25519 signatures (RFC 9864) on JSON Web Tokens (RFC 7519).
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from app.auth.permissions import Role
from app.auth.secret_files import secret_file
from app.auth.signatures import Keys

# Whichever port it listens on, tokens of an installation are its own: the issuer is no address.
ISSUER: Final = "bank360-demo"
STRONG: Final = "strong"
TTL_SECONDS: Final = 3600
ALGORITHM: Final = "Ed25519"
_CURVE: Final = "Ed25519"


def _new_key() -> OKPKey:
    return OKPKey.generate_key(_CURVE, private=True)


class TokenKeyError(Exception):
    """The file of the key has something else in it; the text says which file."""


class TokenKey:
    """Signs the demo's tokens, and gives the key to verify them with."""

    def __init__(self, key: OKPKey) -> None:
        """Take the private key."""
        key.ensure_kid()
        self._key = key
        self._keys = Keys.read(self.jwk_set())

    @classmethod
    def new(cls) -> Self:
        """Make a key for this process only."""
        return cls(_new_key())

    @classmethod
    def load(cls, data_dir: Path) -> Self:
        """Read ``data_dir/keys/token.jwk``; makes it, with mode 0600, where there is none."""
        path = data_dir / "keys" / "token.jwk"
        text = secret_file(path, lambda: json.dumps(_new_key().as_dict(private=True)))
        message = f"{path} is not a private Ed25519 key in JWK form; remove it to make a new one"
        try:
            key = OKPKey.import_key(json.loads(text))
        except (ValueError, JoseError) as error:
            raise TokenKeyError(message) from error
        if not key.is_private or key.curve_name != _CURVE:
            raise TokenKeyError(message)
        return cls(key)

    def jwk_set(self) -> dict[str, Any]:
        """Give the public key as a JWK set (RFC 7517)."""
        public = self._key.as_dict(private=False)
        return {"keys": [public | {"use": "sig", "alg": ALGORITHM}]}

    async def current(self) -> Keys:
        """Give the key to verify with; `app.auth.signatures.KeySource`."""
        return self._keys

    async def renewed(self) -> Keys:
        """Give the key to verify with: there never is another."""
        return self._keys

    def issue(
        self,
        role: Role,
        subject: UUID,
        roles: tuple[Role, ...] = (),
        *,
        strong: bool = False,
        ttl_seconds: int = TTL_SECONDS,
        audience: str = "bank360",
        clock: Callable[[], float] = time.time,
    ) -> str:
        """Sign a token for the person with the id ``subject``, acting as ``role``."""
        now = int(clock())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": audience,
            "sub": str(subject),
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + ttl_seconds,
            "auth_time": now,
            "role": role.value,
            "roles": [held.value for held in roles or (role,)],
            "customer_id" if role is Role.CUSTOMER else "staff_id": str(subject),
        }
        if strong:
            claims["acr"] = STRONG
        return self.sign(claims)

    def sign(self, claims: Mapping[str, Any], type_: str = "at+jwt") -> str:
        """Sign any claims."""
        header = {"alg": ALGORITHM, "kid": self._key.kid, "typ": type_}
        return jwt.encode(header, dict(claims), self._key, algorithms=[ALGORITHM])
