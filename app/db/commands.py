"""What viewers want done, and what came of it, as the unit of work takes and gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.domain.problem import Problem


@dataclass(frozen=True)
class Command:
    """What a viewer wants done: the mutation's name, the client's key, and all that it says."""

    name: str
    key: str
    payload: Mapping[str, Any]

    @property
    def content(self) -> bytes:
        """The command as bytes: equal for equal commands."""
        return orjson.dumps([self.name, self.payload], default=str, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True)
class Made:
    """What a command made or changed, by the parts of its global id."""

    prefix: str
    owner: UUID
    id: UUID


@dataclass(frozen=True)
class Change:
    """What a command did, for the audit trail and for whom it may concern.

    ``detail`` is stored encrypted with the customer's key: before and after of changed fields.
    A change with a ``refusal`` stays, and refuses the command all the same: a wrong code that is
    counted.
    """

    made: Made
    event: str
    customer_id: UUID | None = None
    fields: Sequence[str] = ()
    detail: Mapping[str, Any] | None = None
    refusal: Problem | None = None


@dataclass(frozen=True)
class Done:
    """A command was carried out, now or when it was first sent."""

    made: Made
    replayed: bool = False
