"""Demo tokens: signed by this installation's own key, made at first start.

Ed25519 signatures (RFC 9864) on JSON Web Tokens (RFC 7519); no other algorithm is accepted.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jwt import JWTClaimsRegistry

from app.auth.permissions import Role
from app.auth.secret_files import secret_file
from app.auth.viewer import Viewer

ISSUER: Final = "bank360-demo"
AUDIENCE: Final = "bank360"
STRONG: Final = "strong"
_ALGORITHM: Final = "Ed25519"
_CLOCK_SKEW_SECONDS: Final = 60
_CURVE: Final = "Ed25519"


def _new_key() -> OKPKey:
    return OKPKey.generate_key(_CURVE, private=True)


class TokenError(Exception):
    """A token is not accepted; the text says why in words fit for the client."""


class TokenKey:
    """Signs and verifies the demo's tokens."""

    def __init__(self, key: OKPKey) -> None:
        """Take the private key."""
        self._key = key
        self._claims = JWTClaimsRegistry(
            leeway=_CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
        )

    @classmethod
    def new(cls) -> Self:
        """Make a key for this process only."""
        return cls(_new_key())

    @classmethod
    def load(cls, data_dir: Path) -> Self:
        """Read ``data_dir/keys/token.jwk``; makes it, with mode 0600, where there is none."""
        path = data_dir / "keys" / "token.jwk"
        text = secret_file(path, lambda: json.dumps(_new_key().as_dict(private=True)))
        try:
            return cls(OKPKey.import_key(json.loads(text)))
        except (ValueError, JoseError) as error:
            message = f"{path} is not an Ed25519 key in JWK form; remove it to make a new one"
            raise TokenError(message) from error

    def issue(
        self,
        role: Role,
        subject: UUID,
        roles: tuple[Role, ...] = (),
        *,
        strong: bool = False,
        ttl_seconds: int = 3600,
        clock: Callable[[], float] = time.time,
    ) -> str:
        """Sign a token for the person with the id ``subject``, acting as ``role``."""
        now = int(clock())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(subject),
            "iat": now,
            "exp": now + ttl_seconds,
            "auth_time": now,
            "role": role.value,
            "roles": [held.value for held in roles or (role,)],
        }
        if strong:
            claims["acr"] = STRONG
        header = {"alg": _ALGORITHM, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=[_ALGORITHM])

    def verify(self, token: str) -> Viewer:
        """Give the viewer that a token speaks for; raises TokenError when it is not accepted."""
        try:
            found = jwt.decode(token, self._key, algorithms=[_ALGORITHM])
            self._claims.validate(found.claims)
            claims = found.claims
            role = Role[claims["role"]]
            roles = tuple(Role[held] for held in claims["roles"])
            subject = UUID(claims["sub"])
            expires_at = datetime.fromtimestamp(claims["exp"] + _CLOCK_SKEW_SECONDS, UTC)
        except JoseError as error:
            message = f"the token is not accepted: {error.description or error.error}"
            raise TokenError(message) from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            message = "the token is not accepted: a claim is missing or malformed"
            raise TokenError(message) from error
        if role not in roles:
            message = f"the token's role {role} is not one of its holder's roles"
            raise TokenError(message)
        is_customer = role is Role.CUSTOMER
        return Viewer(
            role,
            roles,
            customer_id=subject if is_customer else None,
            staff_id=None if is_customer else subject,
            strongly_authenticated=claims.get("acr") == STRONG,
            expires_at=expires_at,
        )
