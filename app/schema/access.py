"""What the viewer may do, and what each post sees: for front ends that draw buttons and columns."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import strawberry
from graphql import GraphQLSchema

from app.auth.buttons import needs_second
from app.auth.permissions import MATRIX, Access, Mask, Permission, Role, ViewerAction, access
from app.auth.viewer import ALWAYS, Viewer
from app.domain.closed_set import ClosedSet
from app.domain.problem import Language, ProblemCode
from app.planner.declare import object_type
from app.planner.enforcement import guarded_fields, type_guard
from app.planner.enums import graphql_enum
from app.planner.guards import Guard
from app.schema.scalars import Money

graphql_enum(ProblemCode)
graphql_enum(ViewerAction)


@object_type(public=True, description="Whether the viewer may do something with an object.")
class ViewerCan:
    """Whether the viewer may do something."""

    action: ViewerAction = strawberry.field(description="What it is about.")
    allowed: bool = strawberry.field(
        description=(
            "Whether the viewer may do it now, as far as the viewer sees what that depends on."
        )
    )
    reason: str | None = strawberry.field(
        description=(
            "Why not, in a sentence: English or Chinese, by `Accept-Language`. When allowed, that "
            "a second person must agree, where one must whatever the amount; null otherwise."
        )
    )
    limit: Money | None = strawberry.field(
        description=(
            "Up to which amount alone: above it a second person must agree, or it is refused. "
            "Null when there is no amount or no limit, and when not allowed."
        )
    )
    problem: ProblemCode | None = strawberry.field(
        default=None,
        description=(
            "The code with which the mutation would refuse it as things stand; null when allowed, "
            "and when the post or the sign-in is the reason."
        ),
    )


_REASONS: Mapping[Access, Mapping[Language, str]] = {
    Access.MASKED: {
        Language.EN: "Your post sees it masked.",
        Language.ZH: "您的岗位只能看到掩码值。",
    },
    Access.STEP_UP: {
        Language.EN: "Sign in again with a second factor.",
        Language.ZH: "请使用双因素重新登录。",
    },
    Access.DENIED: {
        Language.EN: "Your post does not see it.",
        Language.ZH: "您的岗位无权查看。",
    },
}
_MAY_NOT: Final = {
    Language.EN: "Your post may not do it.",
    Language.ZH: "您的岗位无权办理。",
}
_SECOND: Final = {
    Language.EN: "A second person must agree.",
    Language.ZH: "须由另一人复核批准。",
}
# Of what is shown, the reason says that it is not.
_SIGHTS: Final = "SEE_"


def _reason(action: ViewerAction, seen: Access, language: Language) -> str:
    is_sight = action.value.startswith(_SIGHTS)
    return (_REASONS[seen] if is_sight or seen is not Access.DENIED else _MAY_NOT)[language]


def told(
    actions: Mapping[ViewerAction, Permission],
    viewer: Viewer,
    language: Language,
    refused: Callable[[ViewerAction], ProblemCode | None] = lambda _action: None,
    limit: Callable[[ViewerAction], Money | None] = lambda _action: None,
) -> list[ViewerCan]:
    """Say which of some actions a viewer may do: by the post first, then as the object stands."""
    found, strong = [], viewer.strongly_authenticated
    for action, permission in actions.items():
        seen = access(permission, viewer.role, strong=strong)
        problem, reason = None, None
        if seen is not Access.CLEAR:
            reason = _reason(action, seen, language)
        elif (problem := refused(action)) is not None:
            reason = problem.message_in(language)
        allowed = reason is None
        if allowed and needs_second(action):
            reason = _SECOND[language]
        found.append(
            ViewerCan(
                action=action,
                allowed=allowed,
                reason=reason,
                limit=limit(action) if allowed else None,
                problem=problem,
            )
        )
    return found


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
