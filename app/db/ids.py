"""Identifiers: UUIDv7, made by the application (RFC 9562, section 5.7)."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import uuid_utils.compat
from asyncpg.pgproto.pgproto import UUID as DriverUUID  # noqa: N811 - beside the standard one.

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TIMESTAMP_MAX = (1 << 48) - 1
_RANDOM_BYTES = 10


def new_id() -> UUID:
    """Make a UUIDv7 for now; ids made in one process rise."""
    return uuid_utils.compat.uuid7()


def derived_id(at: datetime, *parts: str) -> UUID:
    """Make the UUIDv7 that always belongs to the same source record.

    The time part is ``at`` to the millisecond, the random part is taken from SHA-256 of
    ``parts``, so that an import that runs again meets its own rows.
    """
    return _id(_time_part(at), _digest(parts)[:_RANDOM_BYTES])


def derived_ids(at: datetime, *parts: str) -> tuple[UUID, UUID, UUID]:
    """Make three such ids at once: the digest has enough for the random part of each."""
    time_part, digest = _time_part(at), _digest(parts)
    return (
        _id(time_part, digest[:_RANDOM_BYTES]),
        _id(time_part, digest[_RANDOM_BYTES : 2 * _RANDOM_BYTES]),
        _id(time_part, digest[2 * _RANDOM_BYTES : 3 * _RANDOM_BYTES]),
    )


def _time_part(at: datetime) -> bytes:
    milliseconds = (at - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds <= _TIMESTAMP_MAX:
        milliseconds = 0
    return milliseconds.to_bytes(6, "big")


def _digest(parts: tuple[str, ...]) -> bytes:
    return sha256("\x1f".join(parts).encode()).digest()


def _id(time_part: bytes, random_part: bytes) -> UUID:
    random = bytearray(random_part)
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    # The driver's own UUID is made in an eighth of the time: an import makes a million of them.
    return DriverUUID(time_part + random)
