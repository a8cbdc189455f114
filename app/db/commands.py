"""What viewers want done, and what came of it, as the unit of work takes and gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson

from app.auth.permissions import Role
from app.domain.problem import Problem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Of requests for a second person.
APPROVAL_PREFIX: Final = "apr"


def _plain(value: Any) -> Any:
    """Give what JSON has no word for: a tuple with names is a list, anything else its text."""
    return list(value) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True)
class Command:
    """What a viewer wants done: the mutation's name, the client's key, and all that it says."""

    name: str
    key: str
    payload: "Mapping[str, Any] | DataclassInstance"

    @property
    def content(self) -> bytes:
        """The command as bytes: equal for equal ones, also for one that was stored and read."""
        payload = orjson.loads(self.stored_payload)
        return orjson.dumps([self.name, payload], option=orjson.OPT_SORT_KEYS)

    @property
    def stored_payload(self) -> str:
        """All that the command says, as JSON: what it was made of can be read from it again."""
        return orjson.dumps(self.payload, default=_plain).decode()


@dataclass(frozen=True)
class Made:
    """What a command made or changed, by the parts of its global id."""

    prefix: str
    owner: UUID
    id: UUID


@dataclass(frozen=True)
class Maker:
    """Whose command it is: a person's id, and the post that the person acted in."""

    id: UUID
    role: Role


@dataclass(frozen=True)
class Approved:
    """The request by which a second person has a command carried out.

    ``base`` is what the maker's decision rested upon, as app.db.approvals writes it.
    """

    request: UUID
    maker: Maker
    base: str


@dataclass(frozen=True)
class Effect:
    """What came of a command that was approved: a record of its own, under its maker's name."""

    command: Command
    maker: Maker
    change: "Change"


@dataclass(frozen=True)
class Change:
    """What a command did, for the audit trail and for whom it may concern.

    ``detail`` is stored encrypted with the customer's key: before and after of changed fields.
    ``effect`` is what was done beside, by approving it. A change with a ``refusal`` stays, and
    refuses the command all the same: a request that is found to have expired, a wrong code.
    """

    made: Made
    event: str
    customer_id: UUID | None = None
    fields: Sequence[str] = ()
    detail: Mapping[str, Any] | None = None
    effect: Effect | None = None
    refusal: Problem | None = None


@dataclass(frozen=True)
class Done:
    """A command was carried out, now or when it was first sent."""

    made: Made
    replayed: bool = False


@dataclass(frozen=True)
class Beside:
    """What a command brought about beside what it was for, with the id of the record that tells it.

    ``by_bank`` is what nobody did: the bank's own rules, such as the routing of a ticket.
    """

    record_id: UUID
    change: Change
    by_bank: bool = False
