"""Who may see a field or type: declared once, printed in the schema, enforced from the same object.

``@auth`` prints what the matrix in ``app.auth`` says of the declared permission.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import strawberry
from strawberry.schema_directive import Location

from app.auth.permissions import MATRIX, Access, DataClass, Mask, Permission, Role, access
from app.auth.viewer import Viewer
from app.domain import masks
from app.planner.enums import graphql_enum

GUARD: Final = "guard"

for members in (DataClass, Mask, Permission, Role):
    graphql_enum(members)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    description=(
        "Who may see a field, or any object of a type. `roles` see it, those with `stepUp` among "
        "them only after strong authentication; `maskedFor` see it masked; to all others it is "
        "null, with an error `FORBIDDEN`."
    ),
)
class Auth:
    """The guard of a field or type, as the schema shows it."""

    permission: Permission = strawberry.directive_field(name="permission")
    roles: list[Role] = strawberry.directive_field(name="roles")
    masked_for: list[Role] | None = strawberry.directive_field(name="maskedFor")
    mask: Mask | None = strawberry.directive_field(name="mask")
    step_up: list[Role] | None = strawberry.directive_field(name="stepUp")
    data_class: DataClass = strawberry.directive_field(name="dataClass")


@dataclass(frozen=True)
class Guard:
    """What a field or type needs; ``permission`` is None for what is declared public."""

    permission: Permission | None
    mask: Mask | None = None

    @property
    def is_personal(self) -> bool:
        """Whether it guards personal data, so that seeing it is recorded."""
        return self.permission is not None and MATRIX[self.permission].is_personal

    def access(self, viewer: Viewer) -> Access:
        """Say what a viewer sees."""
        if self.permission is None:
            return Access.CLEAR
        found = access(self.permission, viewer.role, strong=viewer.strongly_authenticated)
        # A field without a masked form stays closed to those who would see it masked.
        return Access.DENIED if found is Access.MASKED and self.mask is None else found

    def directives(self) -> list[Auth]:
        """Give what the schema prints."""
        if self.permission is None:
            return []
        grant = MATRIX[self.permission]
        masked = grant.masked if self.mask else frozenset()
        return [
            Auth(
                permission=self.permission,
                roles=_ordered(grant.clear),
                # What is not set is not printed.
                masked_for=_ordered(masked) or strawberry.UNSET,
                mask=self.mask or strawberry.UNSET,
                step_up=_ordered(grant.step_up) or strawberry.UNSET,
                data_class=grant.data_class,
            )
        ]

    def sentence(self) -> str:
        """Say the same in a description: applied directives are not visible by introspection."""
        if self.permission is None:
            return ""
        grant = MATRIX[self.permission]
        parts = [f" Needs {self.permission}"]
        if grant.step_up:
            parts.append(f" (strong authentication for {_listed(grant.step_up)})")
        if self.mask and grant.masked:
            parts.append(f"; masked for {_listed(grant.masked)}")
        return "".join(parts) + "."


def _ordered(roles: frozenset[Role]) -> list[Role]:
    return [role for role in Role if role in roles]


def _listed(roles: frozenset[Role]) -> str:
    return ", ".join(_ordered(roles))


PUBLIC: Final = Guard(None)


def guard_of(
    requires: Permission | None, mask: Mask | None = None, *, public: bool = False
) -> Guard | None:
    """Give the guard that a declaration asks for; None where it says nothing."""
    if public:
        return PUBLIC
    return Guard(requires, mask) if requires else None


# How the clear value of each masked field is shown; a pseudonym needs the row instead.
MASKS: Final[Mapping[Mask, Callable[[Any], Any]]] = {
    Mask.BIRTH_DATE: masks.birth_date,
    Mask.EMAIL: masks.email,
    Mask.NAME: masks.name,
    Mask.NATIONAL_ID: masks.national_id,
    Mask.NUMBER: masks.number,
    Mask.PHONE: masks.phone,
    Mask.ADDRESS: lambda address: address.masked(),
}


def masked(mask: Mask, clear: str | date | Any | None) -> Any:
    """Mask a value; null stays null."""
    return None if clear is None else MASKS[mask](clear)
