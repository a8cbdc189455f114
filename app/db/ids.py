"""Identifiers: UUIDv7, made by the application (RFC 9562, section 5.7)."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import uuid_utils.compat
from asyncpg.pgproto.pgproto import UUID as DriverUUID  # noqa: N811 - beside the standard one.

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TIMESTAMP_MAX = (1 << 48) - 1


def new_id() -> UUID:
    """Make a UUIDv7 for now; ids made in one process rise."""
    return uuid_utils.compat.uuid7()


def derived_id(at: datetime, *parts: str) -> UUID:
    """Make the UUIDv7 that always belongs to the same source record.

    The time part is ``at`` to the millisecond, the random part is taken from SHA-256 of
    ``parts``, so that an import that runs again meets its own rows.
    """
    milliseconds = (at - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds <= _TIMESTAMP_MAX:
        milliseconds = 0
    random = bytearray(sha256("\x1f".join(parts).encode()).digest()[:10])
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    # The driver's own UUID is made in an eighth of the time: an import makes a million of them.
    return DriverUUID(milliseconds.to_bytes(6, "big") + random)
