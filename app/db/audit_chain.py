"""The chain of audit records: how a link is hashed, and what a signed head says."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Self
from uuid import UUID

import orjson

from app.db.audit_keys import AuditKeys

GENESIS: Final = bytes(sha256().digest_size)
# A proof leads from a record to the next head, so it has at most so many steps.
POSITIONS_PER_HEAD: Final = 256
_POSITION_BYTES: Final = 8
_STATEMENT: Final = re.compile(
    r"bank360 audit head (?P<position>[1-9][0-9]{0,18}) (?P<hash>[0-9a-f]{64})"
    r" (?P<signed_at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)",
    re.ASCII,
)


class HeadError(Exception):
    """A text is not a head, or not one that this bank signed; says which."""


def link_hash(before: bytes, position: int, record_id: UUID, record_mac: bytes) -> bytes:
    """Hash a link: SHA-256 of the hash before, the position, and the record's id and mac.

    The position is 8 bytes, most significant first; before the first link stand 32 zero bytes.
    """
    return sha256(
        before + position.to_bytes(_POSITION_BYTES, "big") + record_id.bytes + record_mac
    ).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """The chain up to a position, signed."""

    position: int
    hash: bytes
    signed_at: datetime
    signature: bytes

    @classmethod
    def sign(cls, keys: AuditKeys, position: int, hash_: bytes, signed_at: datetime) -> Self:
        """Sign the chain's hash at a position."""
        signed = keys.sign(_statement(position, hash_, signed_at).encode())
        return cls(position, hash_, signed_at, signed)

    @property
    def statement(self) -> str:
        """The text that is signed: position, hash and time, readable."""
        return _statement(self.position, self.hash, self.signed_at)

    def is_signed(self, keys: AuditKeys) -> bool:
        """Tell whether the bank's key signed it."""
        return keys.is_signed(self.statement.encode(), self.signature)

    def as_json(self, keys: AuditKeys) -> str:
        """Write it as a text of one line, with the key that checks it."""
        written = {
            "statement": self.statement,
            "signature": self.signature.hex(),
            "public_key": keys.public.public_bytes_raw().hex(),
        }
        return orjson.dumps(written).decode() + "\n"

    @classmethod
    def from_json(cls, text: str, keys: AuditKeys) -> Self:
        """Read what ``as_json`` wrote; raises HeadError, also when this bank did not sign it."""
        try:
            written = orjson.loads(text)
            found = _STATEMENT.fullmatch(written["statement"])
            signature = bytes.fromhex(written["signature"])
        except (ValueError, KeyError, TypeError) as error:
            message = "it does not hold a head"
            raise HeadError(message) from error
        if found is None:
            message = "it does not hold a head"
            raise HeadError(message)
        try:
            signed_at = datetime.fromisoformat(found["signed_at"])
        except ValueError as error:
            message = "it does not hold a head"
            raise HeadError(message) from error
        head = cls(int(found["position"]), bytes.fromhex(found["hash"]), signed_at, signature)
        if not head.is_signed(keys):
            message = "the head in it is not signed with this bank's key"
            raise HeadError(message)
        return head


def _statement(position: int, hash_: bytes, signed_at: datetime) -> str:
    moment = signed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return f"bank360 audit head {position} {hash_.hex()} {moment.replace('+00:00', 'Z')}"
