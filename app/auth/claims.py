"""What a token's claims say about its holder; every issuer names and nests them its own way."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard
from uuid import UUID

from app.auth.permissions import Role

SKEW_SECONDS: Final = 60


@dataclass(frozen=True)
class ClaimNames:
    """Where an issuer writes what this bank needs; ``a.b`` is the member ``b`` of the claim ``a``.

    ``role`` is the role to act in unless the request names another, and may be missing in a token.
    """

    roles: str = "roles"
    role: str = "role"
    staff: str = "staff_id"
    customer: str = "customer_id"


@dataclass(frozen=True)
class StrongAuthentication:
    """What counts as strong: one of these ``acr`` or ``amr`` values, ``auth_time`` no older.

    Both claims are those of OpenID Connect Core 1.0, section 2; values of ``amr`` are registered
    by RFC 8176.
    """

    acr: frozenset[str]
    amr: frozenset[str]
    age_seconds_max: int

    def until(self, claims: Mapping[str, Any], now: float) -> datetime | None:
        """Give the moment from which a sign-in is not fresh enough, or None where none counts.

        A token without ``auth_time``, or with one in the future, says nothing about freshness.
        """
        authenticated_at, references = claims.get("auth_time"), claims.get("amr")
        methods = references if isinstance(references, list) else []
        is_strong = claims.get("acr") in self.acr or any(each in self.amr for each in methods)
        if not is_strong or not is_time(authenticated_at) or authenticated_at > now + SKEW_SECONDS:
            return None
        return moment(authenticated_at + self.age_seconds_max)


def is_time(value: Any) -> TypeGuard[float]:
    """Tell whether a claim's value is a NumericDate (RFC 7519, section 2)."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def moment(seconds: float) -> datetime:
    """Give the moment of a NumericDate; raises ValueError for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        message = "a time outside the calendar"
        raise ValueError(message) from error


def find_claim(claims: Mapping[str, Any], name: str) -> Any:
    """Give a claim by its name, else by its path; None where there is none.

    The name is tried first, because namespaced names, such as ``https://bank.example/roles``,
    have dots that are no path.
    """
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def held_roles(claims: Mapping[str, Any], names: ClaimNames) -> tuple[Role, ...]:
    """Give the roles of this bank that a token names, in the order of `Role`.

    Issuers also name roles that mean something to other services; those are passed over.
    """
    named = find_claim(claims, names.roles)
    if isinstance(named, str):
        named = named.split()
    if not isinstance(named, list):
        return ()
    return tuple(role for role in Role if role.value in named)


def identity(claims: Mapping[str, Any], name: str) -> UUID | str | None:
    """Give whom a claim names: by an id of ours, or by a number that is to be looked up.

    Also reads global ids such as ``sta_…``. None where the claim is missing or no text.
    """
    value = find_claim(claims, name)
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        return UUID(value.strip().rpartition("_")[2])
    except ValueError:
        return value.strip()
