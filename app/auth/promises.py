"""Promises of what a transfer will be asked for, as tokens that only the bank can write."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.auth.limits import CustomerLimit
from app.auth.viewer import Viewer
from app.domain.money import Currency
from app.domain.problem import Problem, ProblemCode
from app.domain.requirement import TransferStep

LASTS: Final = timedelta(minutes=10)
_FIELD: Final = "requirementsToken"
# A promise is shorter; what is longer is none, and not worth decrypting.
_LENGTH_MAX: Final = 2_000
_PARTS: Final = 11


@dataclass(frozen=True)
class Promise:
    """What a transfer will be asked for until ``valid_until``: these steps and none beside.

    ``transfer`` is the digest of all that was asked about. ``limit`` is that of the customer who
    orders, at least; None for staff. ``is_to_new`` when the payee is new, ``is_unusual`` when the
    transfer is out of the ordinary.
    """

    id: UUID
    viewer_id: UUID
    role: str
    transfer: bytes
    amount: Decimal
    currency: Currency
    valid_until: datetime
    steps: frozenset[TransferStep]
    cooling_off_until: datetime | None = None
    limit: CustomerLimit | None = None
    is_to_new: bool = False
    is_unusual: bool = False


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Promises:
    """Writes and reads the tokens under one secret of 64 bytes, which all servers share.

    AES-SIV (RFC 5297) both authenticates them and keeps them closed: nobody builds upon what is
    inside. Whether a promise was kept already is told by the database (app.db.promises).
    """

    secret: bytes = field(repr=False)
    now: Callable[[], datetime] = _now

    def write(self, promise: Promise) -> str:
        """Write the token."""
        limit = promise.limit
        body = [
            promise.id,
            promise.viewer_id,
            promise.role,
            promise.transfer.hex(),
            str(promise.amount),
            promise.currency,
            promise.valid_until,
            sorted(promise.steps),
            promise.cooling_off_until,
            limit and [str(limit.order), str(limit.day)],
            promise.is_to_new,
            promise.is_unusual,
        ]
        sealed = AESSIV(self.secret).encrypt(orjson.dumps(body), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, token: str, viewer: Viewer) -> Promise:
        """Give what was promised to a viewer; refuses all but what the bank wrote for the viewer.

        Who was promised something as a customer was not promised it as a teller.
        """
        promise = self._open(token)
        if (promise.viewer_id, promise.role) != (viewer.id, viewer.role.value):
            raise Problem(ProblemCode.REQUIREMENTS_OF_SOMEBODY_ELSE, _FIELD)
        if self.now() >= promise.valid_until:
            raise Problem(ProblemCode.REQUIREMENTS_EXPIRED, _FIELD)
        return promise

    def read_for(self, token: str, viewer: Viewer, transfer: bytes) -> Promise:
        """Give what was promised for a transfer; refuses what was promised for another one."""
        promise = self.read(token, viewer)
        if promise.transfer != transfer:
            raise Problem(ProblemCode.REQUIREMENTS_OF_ANOTHER_TRANSFER, _FIELD)
        return promise

    def _open(self, token: str) -> Promise:
        if len(token) > _LENGTH_MAX:
            raise Problem(ProblemCode.REQUIREMENTS_INVALID, _FIELD)
        try:
            padded = token + "=" * (-len(token) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            body = AESSIV(self.secret).decrypt(sealed, None)
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise Problem(ProblemCode.REQUIREMENTS_INVALID, _FIELD) from error
        return _read(orjson.loads(body))


def _read(body: list[Any]) -> Promise:
    # What the release before has written says nothing of what is unusual.
    *terms, steps, until, limit, is_to_new, is_unusual = body if len(body) > _PARTS else [*body, 0]
    id_, viewer, role, transfer, amount, currency, valid_until = terms
    return Promise(
        UUID(id_),
        UUID(viewer),
        role,
        bytes.fromhex(transfer),
        Decimal(amount),
        Currency[currency],
        datetime.fromisoformat(valid_until),
        frozenset(TransferStep[step] for step in steps),
        until and datetime.fromisoformat(until),
        limit and CustomerLimit(*map(Decimal, limit)),
        is_to_new,
        bool(is_unusual),
    )
