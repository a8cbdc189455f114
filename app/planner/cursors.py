"""Keyset cursors: encrypted, authenticated, and bound to the list and order that gave them.

A cursor of a list below a row holds the keys of that row. Whoever reads it compares them: a plan
does so with rows that only its statement finds.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.planner.errors import RefusedError, bad_input

_REFUSAL: Final = "not a cursor of this list and order; take it from endCursor or startCursor"


class Entrance(NamedTuple):
    """Where a page begins: after these order values, in the list below the row with these keys."""

    keys: list[object]
    place: tuple[Any, ...]

    def place_below(self, keys: Sequence[object]) -> tuple[Any, ...]:
        """Give the place, in a list below a row with ``keys``; refuses a cursor of another."""
        if self.keys != list(map(_written, keys)):
            raise refusal()
        return self.place


class Cursors:
    """Writes and reads cursors under one secret.

    AES-SIV (RFC 5297) is deterministic, so that a row's cursor stays the same; it is encrypted
    because it holds the row's plain id, which not every post may know.
    """

    def __init__(self, secret: bytes) -> None:
        """Take the 64 bytes that every server of the bank shares."""
        self._cipher = AESSIV(secret)

    def write(self, scope: str, keys: Sequence[object], values: Sequence[object]) -> str:
        """Write the cursor of a row: its order values, for the list and order of ``scope``.

        ``keys`` are those of the row that the list stands below.
        """
        body = orjson.dumps([list(map(_written, keys)), list(map(_written, values))])
        sealed = self._cipher.encrypt(body, [scope.encode()])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, scope: str, cursor: str, types: Sequence[type]) -> Entrance:
        """Give what a cursor holds; refuses any that was not written for ``scope``."""
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            body = self._cipher.decrypt(sealed, [scope.encode()])
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise refusal() from error
        keys, values = orjson.loads(body)
        if len(values) != len(types):
            # An order gained or lost a column between two releases under the same name.
            raise refusal()
        return Entrance(keys, tuple(map(_read, values, types)))


def refusal() -> RefusedError:
    """Refuse a cursor of another list."""
    return bad_input(_REFUSAL)


def _written(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    return value


def _read(value: Any, type_: type) -> Any:
    try:
        if type_ in {datetime, date}:
            return type_.fromisoformat(value)
        if type_ in {UUID, Decimal}:
            return type_(value)
    except (ValueError, InvalidOperation) as error:
        # An order changed its columns between two releases under the same name.
        raise refusal() from error
    return value
