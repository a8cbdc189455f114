"""From a token to the viewer it speaks for: the same for every transport.

Rules: RFC 7519 (JSON Web Token), RFC 8725 (best current practices), RFC 9068 (access tokens).
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import structlog
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from app.auth.claims import (
    SKEW_SECONDS,
    ClaimNames,
    StrongAuthentication,
    find_claim,
    held_roles,
    identity,
    moment,
)
from app.auth.permissions import Role
from app.auth.refusals import TokenError
from app.auth.signatures import Keys, KeySource, Signed, UnknownKeyError
from app.auth.viewer import Holder, Viewer

_log = structlog.get_logger("bank360.auth")

# A holder takes about 1 KB.
_HOLDERS_MAX: Final = 20_000
# As many as there are roles; headers that say the same otherwise are not kept.
_VIEWERS_MAX: Final = len(Role)
# RFC 9068, section 2.1; most issuers still write the older "JWT".
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})

# Gives the id of the customer (Role.CUSTOMER) or of the member of staff with a number, or None.
FindPerson = Callable[[Role | None, str], Awaitable[UUID | None]]
IsRevoked = Callable[[str], Awaitable[bool]]


class Reason(StrEnum):
    """Why a token is refused, for the log; beside these there are the errors of joserfc."""

    MALFORMED = "malformed"
    NOBODY = "nobody has the number"
    NO_ROLE = "no role of this bank"
    REVOKED = "revoked"
    ROLE_NOT_HELD = "a role that is not the holder's"
    TYPE = "typ"
    UNKNOWN_KEY = "unknown key"


@dataclass(frozen=True)
class Rules:
    """What a token must say to be accepted, and how to read it."""

    issuer: str
    audience: str
    names: ClaimNames
    strong: StrongAuthentication


@dataclass(frozen=True)
class _Verified:
    holder: Holder
    generation: int
    # Who acts, by the role that was wished for.
    viewers: dict[str | None, Viewer] = field(default_factory=dict)

    def acting_as(self, wished: str | None) -> Viewer:
        """Give the viewer that acts in a role; see Holder."""
        viewer = self.viewers.get(wished)
        if viewer is None:
            viewer = self.holder.acting_as(wished)
            if len(self.viewers) < _VIEWERS_MAX:
                self.viewers[wished] = viewer
        return viewer


class Verifier:
    """Verifies tokens; what it verified it keeps until it expires or its key is withdrawn."""

    def __init__(
        self,
        keys: KeySource,
        rules: Rules,
        find_person: FindPerson,
        is_revoked: IsRevoked,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the issuer's keys and rules, and what the database and Redis know."""
        self._keys = keys
        self._rules = rules
        self._find_person = find_person
        self._is_revoked = is_revoked
        self._clock = clock
        self._claims = JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": rules.issuer},
            aud={"essential": True, "value": rules.audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._holders: OrderedDict[bytes, _Verified] = OrderedDict()

    async def verify(self, token: str, acting_role: str | None = None) -> Viewer:
        """Give the viewer that a token speaks for, acting as asked or as the token says.

        Raises TokenError, ActingRoleError, and IssuerUnavailableError when it cannot be told.
        """
        keys = await self._keys.current()
        digest = sha256(token.encode("utf-8", "replace")).digest()
        known = self._holders.get(digest)
        if known is None or known.generation != keys.generation:
            known = await self._verified(token, keys, digest)
        else:
            self._holders.move_to_end(digest)
        holder = known.holder
        if holder.expires_at <= self._now():
            self._holders.pop(digest, None)
            message = "the token has expired: sign in again"
            raise TokenError(message)
        if holder.token_id is not None and await self._is_revoked(holder.token_id):
            raise _refused(Reason.REVOKED)
        return known.acting_as(acting_role)

    def _now(self) -> datetime:
        return moment(self._clock())

    async def _verified(self, token: str, keys: Keys, digest: bytes) -> _Verified:
        try:
            signed = Signed.read(token)
            try:
                header, claims = keys.claims(signed)
            except UnknownKeyError:
                keys = await self._keys.renewed()
                header, claims = keys.claims(signed)
            if str(header.get("typ", "JWT")).lower() not in _TYPES:
                raise _refused(Reason.TYPE)
            self._claims.validate(dict(claims))
            holder = await self._holder(claims)
        except ExpiredTokenError as error:
            message = "the token has expired: sign in again"
            raise TokenError(message) from error
        except UnknownKeyError as error:
            raise _refused(Reason.UNKNOWN_KEY) from error
        except JoseError as error:
            raise _refused(error.error, getattr(error, "claim", None)) from error
        except ValueError as error:
            raise _refused(Reason.MALFORMED) from error
        verified = self._holders[digest] = _Verified(holder, keys.generation)
        if len(self._holders) > _HOLDERS_MAX:
            self._holders.popitem(last=False)
        return verified

    async def _holder(self, claims: Mapping[str, Any]) -> Holder:
        names = self._rules.names
        roles = held_roles(claims, names)
        if not roles:
            raise _refused(Reason.NO_ROLE)
        named = find_claim(claims, names.role)
        role = next((held for held in roles if held.value == named), None)
        if named is not None and role is None:
            raise _refused(Reason.ROLE_NOT_HELD)
        is_customer = Role.CUSTOMER in roles
        is_staff = set(roles) != {Role.CUSTOMER}
        token_id = claims.get("jti")
        return Holder(
            roles,
            role,
            await self._person(claims, names.customer, Role.CUSTOMER) if is_customer else None,
            await self._person(claims, names.staff, None) if is_staff else None,
            expires_at=moment(claims["exp"] + SKEW_SECONDS),
            strong_until=self._rules.strong.until(claims, self._clock()),
            token_id=token_id if isinstance(token_id, str) else None,
        )

    async def _person(
        self, claims: Mapping[str, Any], claim: str, role: Role | None
    ) -> UUID | None:
        named = identity(claims, claim)
        if not isinstance(named, str):
            return named
        found = await self._find_person(role, named)
        if found is None:
            raise _refused(Reason.NOBODY)
        return found


def _refused(reason: Reason | str, claim: str | None = None) -> TokenError:
    """Refuse a token; only the log says why, and neither holds anything of the token."""
    _log.info("token refused", reason=reason, claim=claim)
    return TokenError("the token is not accepted: sign in again")
