"""Global ids: a type prefix, the owning customer's id, and the row's own.

``cus_<32 hex digits>`` names a row that owns itself or belongs to nobody, ``acc_<64 hex digits>``
one that belongs to a customer: the owner stands first, so that a look-up goes straight to the
owner's shard.
"""

import re
from typing import NamedTuple, Self
from uuid import UUID

from app.planner.errors import bad_input

_FORM = re.compile(r"([a-z]{2,8})_([0-9a-f]{32})([0-9a-f]{32})?", re.ASCII)


class GlobalId(NamedTuple):
    """The parts of a global id; ``owner`` equals ``id`` for a row that owns itself."""

    prefix: str
    owner: UUID
    id: UUID

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a global id; refuses one that is malformed."""
        found = _FORM.fullmatch(text)
        if found is None:
            message = "not an id of this API: ids look like 'cus_' and 32 or 64 hexadecimal digits"
            raise bad_input(message)
        prefix, first, second = found.groups()
        owner = UUID(hex=first)
        return cls(prefix, owner, UUID(hex=second) if second else owner)


def format_id(prefix: str, owner: UUID, row_id: UUID) -> str:
    """Write a global id; the owner is left out where it is the row itself."""
    if owner == row_id:
        return f"{prefix}_{row_id.hex}"
    return f"{prefix}_{owner.hex}{row_id.hex}"
