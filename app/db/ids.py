"""Identifiers: UUIDv7, made by the application (RFC 9562, section 5.7)."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import uuid_utils.compat

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
    digest = int.from_bytes(sha256("\x1f".join(parts).encode()).digest()[:10], "big")
    random_a, random_b = digest >> 68, digest & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b)
