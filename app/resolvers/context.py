"""What every resolver of one operation has at hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.auth.permissions import Permission
from app.auth.promises import Promises
from app.auth.viewer import Viewer
from app.db.blind_index import BlindIndex
from app.db.commands import Command, Done
from app.db.lookup import LookUp
from app.db.scope import RowScope
from app.db.unit_of_work import Act, Writes
from app.domain.audit import LookUpValue
from app.domain.problem import Language, Problem
from app.planner.disclosure import Disclosure
from app.planner.errors import bad_input
from app.planner.projection import Projection
from app.planner.reader import Reader
from app.resolvers.messages import Messages

# Which of a projection's fields the operation asks for.
Selected = Callable[[Projection], tuple[str, ...]]

_VALUE_LENGTH_MAX: Final = 254  # The longest e-mail address (RFC 5321, section 4.5.3.1).


def check_value(what: str, value: str) -> None:
    """Refuse an empty or overlong value to look up by."""
    if not any(map(str.isalnum, value)) or len(value) > _VALUE_LENGTH_MAX or "\x00" in value:
        message = f"{what}: a letter or digit, and at most {_VALUE_LENGTH_MAX} characters"
        raise bad_input(message)


def note_look_up(context: "Context", by: LookUp, customer: UUID) -> None:
    """Note for the audit trail that a look-up found a customer."""
    context.disclosure.exposing(f"{Permission.CUSTOMER_LOOK_UP}:{LookUpValue[by.name]}")(customer)


@dataclass
class Context:
    """Made anew for every operation."""

    viewer: Viewer
    reader: Reader
    index: BlindIndex
    writes: Writes
    promises: Promises
    # None where the bank has nothing that carries messages.
    messages: Messages | None = None
    disclosure: Disclosure = field(default_factory=Disclosure)
    request_id: str = ""
    language: Language = Language.EN


async def carry_out(
    context: Context, command: Command, act: Act, *, shows: bool = False
) -> Done | Problem:
    """Carry a command out for the viewer of the operation; see `Writes.carry_out`."""
    # What an earlier command of the same operation read and answered may have changed since.
    context.reader.loaders.clear()
    scope = RowScope(context.viewer)
    return await context.writes.carry_out(command, scope, context.request_id, act, shows=shows)
