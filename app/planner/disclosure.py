"""What one operation was shown of personal data, clear or masked, and what it was refused.

Masks and refusals are told once a selection; what is shown clear is kept by customer, for the
audit trail.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from graphql import GraphQLError

from app.auth.permissions import MATRIX, Access, Permission, Role
from app.planner.errors import RefusedError

FORBIDDEN: Final = "FORBIDDEN"
STEP_UP_REQUIRED: Final = "STEP_UP_REQUIRED"

Position = list[str | int]


class Path(Protocol):
    """Where in the answer something stands."""

    def as_list(self) -> Position:
        """Give the keys and indexes from the root."""


@dataclass(frozen=True)
class Denial:
    """The first position of a denied selection, and what it would have needed."""

    position: Position
    permission: Permission
    step_up: bool


class Decision(NamedTuple):
    """What the viewer sees of a field, which permission decided, and where exposures are noted."""

    access: Access
    permission: Permission | None
    expose: Callable[[UUID | None], None] | None


@dataclass
class Disclosure:
    """Made anew for every operation."""

    decisions: dict[object, Decision] = field(default_factory=dict)
    _exposed: dict[str, set[UUID | None]] = field(default_factory=dict)
    _denied: dict[str, Denial] = field(default_factory=dict)
    _masked: set[str] = field(default_factory=set)
    _refused: dict[str, RefusedError] = field(default_factory=dict)

    def exposing(self, name: str) -> Callable[[UUID | None], None]:
        """Give what notes that a customer's data of a class was shown clear.

        ``name`` is the permission that guards it. The customer is None where data is nobody's, as
        the audit trail is. Made once for a field and called for every row.
        """
        return self._exposed.setdefault(name, set()).add

    @property
    def exposed(self) -> Mapping[UUID | None, tuple[str, ...]]:
        """What was shown clear: the classes of data of each customer, in the order of letters."""
        found: dict[UUID | None, tuple[str, ...]] = {}
        for name in sorted(self._exposed):
            for customer in self._exposed[name]:
                found[customer] = (*found.get(customer, ()), name)
        return found

    def mask(self, path: Path) -> None:
        """Note that a value is shown masked."""
        self.mask_selection(selection_of(path.as_list()))

    def mask_selection(self, selection: str) -> None:
        """Note that values of a selection are shown masked."""
        self._masked.add(selection)

    def deny(self, path: Path, permission: Permission, access: Access) -> None:
        """Note that a value is not shown."""
        position = path.as_list()
        selection = selection_of(position)
        known = self._denied.get(selection)
        if known is None or _indexes(position) < _indexes(known.position):
            step_up = access is Access.STEP_UP
            self._denied[selection] = Denial(position, permission, step_up)

    def refuse(self, path: Path, refusal: RefusedError) -> None:
        """Note that an argument is refused; every place of the selection is null."""
        position = path.as_list()
        selection = selection_of(position)
        known = self._refused.get(selection)
        if known is None or _indexes(position) < _indexes(known.path or []):
            refusal.path = position
            assert refusal.extensions is not None
            refusal.extensions["selection"] = selection
            self._refused[selection] = refusal

    @property
    def masked(self) -> list[str]:
        """The selections that are shown masked."""
        return sorted(self._masked)

    def errors(self) -> list[RefusedError]:
        """Give one error for each denied selection."""
        denied = [_error(selection, denial) for selection, denial in self._denied.items()]
        return [*denied, *self._refused.values()]


def in_order(errors: Iterable[GraphQLError]) -> list[GraphQLError]:
    """Give errors in the order of their positions, however they came about."""
    return sorted(errors, key=lambda error: _place(error.path or []))


def refusal(permission: Permission, what: str) -> RefusedError:
    """Refuse an argument that would ask about a value that the viewer does not see."""
    message = f"{what} needs {permission}: it would tell a value that you do not see"
    error = RefusedError(message, FORBIDDEN)
    assert error.extensions is not None
    error.extensions |= {"permission": permission.value, "roles": _who_sees(permission)}
    return error


def _who_sees(permission: Permission) -> list[str]:
    return [role.value for role in Role if role in MATRIX[permission].clear]


def _error(selection: str, denial: Denial) -> RefusedError:
    if denial.step_up:
        message = f"{selection} needs strong authentication: sign in again with a second factor"
    else:
        message = f"{selection} needs {denial.permission}, which your post does not have"
    error = RefusedError(message, STEP_UP_REQUIRED if denial.step_up else FORBIDDEN)
    assert error.extensions is not None
    error.extensions |= {
        "permission": denial.permission.value,
        "roles": _who_sees(denial.permission),
        "selection": selection,
    }
    error.path = denial.position
    return error


def selection_of(position: Sequence[str | int]) -> str:
    """Name a selection by its response keys."""
    return ".".join(key for key in position if isinstance(key, str))


def _indexes(position: Position) -> list[int]:
    return [key for key in position if isinstance(key, int)]


def _place(position: Position) -> list[tuple[int, str]]:
    """Order positions of different shapes: indexes by number, names by letter."""
    return [(key, "") if isinstance(key, int) else (0, key) for key in position]
