"""What the viewer may do, and what each post sees: for front ends that draw buttons and columns."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import strawberry
from graphql import GraphQLSchema

from app.auth.permissions import MATRIX, Access, Mask, Permission, Role, ViewerAction, access
from app.auth.viewer import ALWAYS, Viewer
from app.domain.closed_set import ClosedSet
from app.planner.declare import object_type
from app.planner.enforcement import guarded_fields, type_guard
from app.planner.enums import graphql_enum
from app.planner.guards import Guard
from app.schema.scalars import Money

graphql_enum(ViewerAction)


@object_type(public=True, description="Whether the viewer may do something with an object.")
class ViewerCan:
    """Whether the viewer may do something."""

    action: ViewerAction = strawberry.field(description="What it is about.")
    allowed: bool = strawberry.field(description="Whether the viewer may do it now.")
    reason: str | None = strawberry.field(description="Why not, in a sentence; null when allowed.")
    limit: Money | None = strawberry.field(
        description="Up to which amount; null when there is no amount or no limit."
    )


_REASONS: Mapping[Access, str] = {
    Access.MASKED: "Your post sees it masked.",
    Access.STEP_UP: "Sign in again with a second factor.",
    Access.DENIED: "Your post does not see it.",
}
_MAY_NOT: Final = "Your post may not do it."
# Of what is shown, the reason says that it is not.
_SIGHTS: Final = "SEE_"


def _reason(action: ViewerAction, seen: Access) -> str | None:
    if seen is Access.DENIED and not action.value.startswith(_SIGHTS):
        return _MAY_NOT
    return _REASONS.get(seen)


def viewer_can(
    actions: Mapping[ViewerAction, Permission],
) -> Callable[[Viewer], list[ViewerCan]]:
    """Give the function that says which of some actions a viewer may do."""

    def of(viewer: Viewer) -> list[ViewerCan]:
        found = {
            action: access(permission, viewer.role, strong=viewer.strongly_authenticated)
            for action, permission in actions.items()
        }
        return [
            ViewerCan(
                action=action,
                allowed=seen is Access.CLEAR,
                reason=_reason(action, seen),
                limit=None,
            )
            for action, seen in found.items()
        ]

    return of


class FieldAccess(ClosedSet):
    """What a post sees of a field."""

    CLEAR = "CLEAR", "The value."
    MASKED = "MASKED", "A masked form of the value."
    NONE = "NONE", "Nothing: the field is null, with an error `FORBIDDEN`."


graphql_enum(FieldAccess)


@object_type(public=True, description="What a post sees of a field.")
class AccessMatrixEntry:
    """What a post sees of a field."""

    type: str = strawberry.field(description="Name of the type.")
    field: str = strawberry.field(description="Name of the field.")
    access: FieldAccess = strawberry.field(description="What the post sees.")
    permission: Permission | None = strawberry.field(
        description="The permission that decides; null when none is needed."
    )
    mask: Mask | None = strawberry.field(description="How it is masked, when it is.")
    step_up: bool = strawberry.field(description="Only after strong authentication.")


_OPEN = Guard(None)


def entries(schema: GraphQLSchema, role: Role) -> list[AccessMatrixEntry]:
    """Give what a post sees of every field of every type, by type and field."""
    viewer = Viewer(role, (role,), strong_until=ALWAYS)
    found = []
    for type_, name, _, needs in guarded_fields(schema):
        of_type = type_guard(type_) or _OPEN
        seen, permission = of_type.access(viewer), of_type.permission
        if seen is Access.CLEAR:
            seen, decided = needs.access(viewer)
            permission = decided or _deciding(needs.own, needs.leads_to, of_type)
        grant = MATRIX[permission] if permission else None
        found.append(
            AccessMatrixEntry(
                type=type_.name,
                field=name,
                access=_SHOWN[seen],
                permission=permission,
                mask=needs.mask if seen is Access.MASKED else None,
                step_up=grant is not None and role in grant.step_up,
            )
        )
    return sorted(found, key=lambda entry: (entry.type, entry.field))


def _deciding(*guards: Guard | None) -> Permission | None:
    """Give the first permission that any of the guards needs."""
    return next((guard.permission for guard in guards if guard and guard.permission), None)


_SHOWN: Mapping[Access, FieldAccess] = {
    Access.CLEAR: FieldAccess.CLEAR,
    Access.MASKED: FieldAccess.MASKED,
    Access.STEP_UP: FieldAccess.CLEAR,
    Access.DENIED: FieldAccess.NONE,
}


def access_matrix(schema: Callable[[], GraphQLSchema]) -> Callable[[Role], list[AccessMatrixEntry]]:
    """Give the resolver of ``accessMatrix`` for a schema that is built by the time it is asked."""

    @cache
    def of(role: Role) -> list[AccessMatrixEntry]:
        return entries(schema(), role)

    return of
