"""Showing one masked value, for a stated reason and on the record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.auth.permissions import Access, Mask
from app.auth.viewer import Viewer
from app.db import reveal as reveals
from app.db.commands import Change, Command, Made
from app.db.unit_of_work import Unit
from app.domain.audit import RevealReason
from app.domain.problem import Problem, ProblemCode
from app.domain.reveal import SHOWN_FOR, check_text
from app.planner.fields import Valued
from app.planner.global_id import GlobalId
from app.planner.loaders import load_row
from app.planner.projection import Projection
from app.resolvers.context import Context, carry_out


@dataclass(frozen=True)
class Masked:
    """A field that some posts see masked."""

    projection: Projection
    name: str

    @property
    def data_class(self) -> str:
        """The permission that guards the field: the class of data in the audit trail."""
        guard = self.projection.guards[self.name]
        assert guard is not None
        return str(guard.permission)

    def is_masked_for(self, viewer: Viewer) -> bool:
        """Tell whether a viewer sees the value masked; a pseudonym is no mask of a value."""
        guard = self.projection.guards[self.name]
        assert guard is not None
        is_masked = guard.access(viewer) is Access.MASKED and guard.mask is not Mask.PSEUDONYM
        return is_masked and self.projection.is_visible(viewer)


@dataclass(frozen=True)
class Reveal:
    """What to show, and what for; ``masked`` is None where the object has no such field."""

    id: GlobalId
    field: str
    masked: Masked | None
    reason: RevealReason
    text: str


@dataclass(frozen=True)
class Revealed:
    """A value in clear, which is kept nowhere, and when it is to leave the screen."""

    value: Any
    hide_at: datetime


async def reveal(context: Context, key: str, command: Reveal) -> Revealed | Problem:
    """Show a value that the viewer's post sees masked.

    Sent again, the command is checked and recorded again, and shows what stands there by then.
    """
    shown: list[Revealed] = []

    async def act(unit: Unit) -> Change:
        check_text(command.text)
        masked = command.masked
        if masked is None or not masked.is_masked_for(context.viewer):
            raise Problem(ProblemCode.NOT_MASKED, "field")
        _, owner, row_id = command.id
        await reveals.lock_value(unit, owner)
        value = await _read(context, masked, owner, row_id)
        shown[:] = [Revealed(value, unit.at + SHOWN_FOR)]
        detail = {"reason": command.reason, "text": command.text, "field": masked.name}
        made = Made(command.id.prefix, owner, row_id)
        shown_of = (masked.data_class, masked.name)
        return Change(made, "field.revealed", owner, shown_of, detail)

    payload = {
        "id": command.id,
        "field": command.field,
        "reason": command.reason,
        "text": command.text,
    }
    outcome = await carry_out(context, Command("revealField", key, payload), act, shows=True)
    return outcome if isinstance(outcome, Problem) else shown[0]


async def _read(context: Context, masked: Masked, owner: UUID, row_id: UUID) -> Any:
    """Read the value as every answer is read: as the viewer, and within the viewer's scope."""
    row = await load_row(context.reader, masked.projection, owner, row_id, (masked.name,))
    if row is None:
        raise Problem(ProblemCode.NOT_FOUND, "id")
    kind = masked.projection.fields[masked.name]
    assert isinstance(kind, Valued)
    value = kind.value(masked.name, row, context.reader)
    if value is None:
        raise Problem(ProblemCode.NOTHING_TO_REVEAL, "field")
    return value
