"""Requests for a second person: four eyes."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import sqlalchemy as sa
import strawberry
from strawberry.types import Info

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import Access, Mask, Permission, Role, ViewerAction, access
from app.auth.viewer import Viewer
from app.db import approvals, tables
from app.db.commands import APPROVAL_PREFIX, Done, Made
from app.domain import problem
from app.domain.approval import ApprovalReason, ApprovalState
from app.planner.declare import (
    Node,
    column,
    computed,
    encrypted,
    for_viewer,
    object_type,
    projection,
    reference,
    relation,
)
from app.planner.enums import graphql_enum
from app.planner.fields import Encrypted
from app.planner.global_id import format_id
from app.planner.graph_field import GraphField
from app.planner.guards import Guard
from app.planner.guards import masked as masked_value
from app.planner.projection import Order
from app.resolvers.context import Context
from app.schema.access import ViewerCan
from app.schema.bank import Staff
from app.schema.customer import Customer
from app.schema.problem import Problem, refusal, result
from app.schema.scalars import Address

for members in (ApprovalReason, ApprovalState):
    graphql_enum(members)
PayloadT = TypeVar("PayloadT")
_SELF = strawberry.Parent["FieldDiff"]


def _declared(info: Info[Context, None], like: str) -> tuple[Guard, GraphField]:
    """Give the guard of a type, and the field whose guard values share."""
    type_name, _, name = like.partition(".")
    definition: Any = info.schema.get_type_by_name(type_name)
    names = info.schema.config.name_converter
    (found,) = (each for each in definition.fields if names.get_graphql_name(each) == name)
    assert isinstance(found, GraphField)
    return definition.origin.__guard__, found


def _as_text(value: Any) -> str:
    if isinstance(value, Address):
        return value.on_one_line()
    return value.isoformat() if isinstance(value, date) else str(value)


def _shown(info: Info[Context, None], diff: "FieldDiff", clear: str | None) -> str | None:
    """Show a value as the viewer is shown the field that it is like, and note what was shown."""
    if clear is None or diff.like is None:
        return clear
    context = info.context
    type_guard, field = _declared(info, diff.like)
    seen = Access.CLEAR
    for guard in (type_guard, field.guard):
        if guard is None or guard.permission is None:
            continue
        seen = guard.access(context.viewer)
        if seen in {Access.DENIED, Access.STEP_UP}:
            context.disclosure.deny(info.path, guard.permission, seen)
            return None
        if seen is Access.CLEAR and guard.is_personal:
            context.disclosure.exposing(guard.permission.value)(diff.customer)
    value = field.kind.decode(clear) if isinstance(field.kind, Encrypted) else clear
    if seen is not Access.MASKED:
        return _as_text(value)
    context.disclosure.mask(info.path)
    mask = field.guard.mask if field.guard else None
    if mask is Mask.PSEUDONYM:
        return context.reader.identities.pseudonym(diff.customer)
    assert mask is not None
    return _as_text(masked_value(mask, value))


def _before(info: Info[Context, None], diff: _SELF) -> str | None:
    return _shown(info, diff, diff.before_clear)


def _after(info: Info[Context, None], diff: _SELF) -> str | None:
    return _shown(info, diff, diff.after_clear)


@object_type(
    public=True,
    description=(
        "A field that a command would change. Personal data is shown, masked or denied as in the "
        "field itself. Another object stands as its global id."
    ),
)
class FieldDiff:
    """A field that a command would change."""

    field: str = strawberry.field(description="The field, such as `relationshipManager`.")
    before: str | None = strawberry.field(
        resolver=_before,
        description="What stood there when it was asked; null for nothing, or where it is denied.",
    )
    after: str | None = strawberry.field(
        resolver=_after, description="What it would become; null for nothing, or where denied."
    )
    customer: strawberry.Private[UUID]
    like: strawberry.Private[str | None]
    before_clear: strawberry.Private[str | None]
    after_clear: strawberry.Private[str | None]


def _diff(text: str) -> list[FieldDiff]:
    customer, fields = approvals.read_diff(text)
    return [
        FieldDiff(
            field=each.field,
            customer=customer,
            like=each.like,
            before_clear=each.before,
            after_clear=each.after,
        )
        for each in fields
    ]


_OWN: Final = "You asked for it yourself."
_NOT_OWN: Final = "Somebody else asked for it."
_DECIDED: Final = "It does not wait for anybody any more."
_LATE: Final = "Nobody approved it in time."
_ONESELF: Final = "You are the customer concerned."
_MAY_NOT: Final = "Your post may not decide it."
_WEAK: Final = "Sign in again with a second factor."


def _viewer_can(
    viewer: Viewer, maker: UUID, customer: UUID, roles: list[str], state: str, *, late: bool
) -> list[ViewerCan]:
    """Say what a viewer may do with a request, and why not."""
    over = _DECIDED if state != ApprovalState.PENDING else _LATE if late else None
    decides = access(Permission.APPROVAL_DECIDE, viewer.role, strong=viewer.strongly_authenticated)
    why_not = over
    if maker in {viewer.id, viewer.own_customer_id}:
        why_not = why_not or _OWN
    elif customer == viewer.own_customer_id:
        why_not = why_not or _ONESELF
    elif viewer.role.value not in roles or decides is Access.DENIED:
        why_not = why_not or _MAY_NOT
    elif decides is Access.STEP_UP:
        why_not = why_not or _WEAK
    withdraws = over or (None if maker == viewer.id else _NOT_OWN)
    found = {
        ViewerAction.APPROVE_REQUEST: why_not,
        ViewerAction.REJECT_REQUEST: why_not,
        ViewerAction.WITHDRAW_REQUEST: withdraws,
    }
    return [
        ViewerCan(action=action, allowed=reason is None, reason=reason, limit=None)
        for action, reason in found.items()
    ]


@projection(
    tables.Approval,
    prefix=APPROVAL_PREFIX,
    requires=Permission.APPROVAL_READ,
    description=(
        "A command that waits for a second person, or waited. Whoever asked sees it, and posts "
        "that may decide it, while the customer is in their scope. Once the customer is erased, "
        "what it would have changed cannot be read any more."
    ),
    orders={
        "NEWEST": Order(("-requested_at",), "Latest first."),
        "EXPIRING": Order(("expires_at",), "Next to expire first."),
    },
)
class Approval(Node):
    """A command that waits for a second person, or waited."""

    command: str = column(
        description="The mutation that was asked for, such as `eraseCustomer`.", filterable=True
    )
    reason: ApprovalReason = column(description="Why a second person is needed.")
    state: ApprovalState = column(
        description=(
            "Where it stands. After `expiresAt` it is EXPIRED as soon as the bank's daily run, or "
            "somebody who tries to decide, comes by."
        ),
        filterable=True,
    )
    customer: Customer | None = relation(
        ("customer_id", "id"), description="The customer concerned."
    )
    maker_id: strawberry.ID = reference(
        "maker_id",
        "sta",
        "cus",
        prefix=lambda row: sa.case((row.c.maker_role == Role.CUSTOMER.value, "cus"), else_="sta"),
        description="Who asked: a member of staff, or a customer where `makerRole` is CUSTOMER.",
    )
    maker: Staff | None = relation(
        ("maker_id", "id"), description="Who asked, where it was a member of staff."
    )
    maker_role: Role = column(description="The post that it was asked in.")
    required_roles: list[Role] = column(
        description="Posts of which one has to approve, in the person of somebody else."
    )
    requested_at: datetime = column(description="When it was asked (UTC).", filterable=True)
    expires_at: datetime = column(
        description="From when on nobody can approve it any more (UTC).", filterable=True
    )
    diff: list[FieldDiff] | None = encrypted(
        "diff_ciphertext",
        requires=Permission.APPROVAL_READ,
        decode=_diff,
        description="What it would change, as the maker saw it; null once the customer is erased.",
    )
    fresh_diff: list[FieldDiff] | None = encrypted(
        "fresh_diff_ciphertext",
        requires=Permission.APPROVAL_READ,
        decode=_diff,
        description=(
            "Of a request that was found STALE: what it would have changed by then, beside `diff`; "
            "null otherwise."
        ),
    )
    decided_at: datetime | None = column(
        description="When it ended, in whatever way; null while it waits."
    )
    decided_by: Staff | None = relation(
        ("decided_by", "id"),
        description="Who approved, rejected or withdrew it, or found it STALE: a member of staff.",
    )
    decided_role: Role | None = column(description="The post that it was decided in.")
    answer: str | None = encrypted(
        "answer_ciphertext",
        requires=Permission.APPROVAL_READ,
        description="Why it was rejected, in the checker's words; null otherwise.",
    )
    result_id: strawberry.ID | None = computed(
        format_id,
        prefix=lambda row: row.c.result_prefix,
        owner=lambda row: row.c.result_owner,
        row_id=lambda row: row.c.result_id,
        description="Global id of what it made or changed; null unless it is APPROVED.",
    )
    version: int = column(description="Rises when it ends; send it as `expectedVersion`.")
    viewer_can: list[ViewerCan] = for_viewer(
        _viewer_can,
        maker=lambda row: row.c.maker_id,
        customer=lambda row: row.c.customer_id,
        roles=lambda row: row.c.required_roles,
        state=lambda row: row.c.state,
        late=lambda row: row.c.expires_at <= sa.func.now(),
        description="Whether you may approve, reject or withdraw it now, and why not.",
    )


@object_type(
    public=True,
    description=(
        "Nothing has changed yet: a second person has to approve first. The same command with the "
        "same key gives the same request, whatever has become of it."
    ),
)
class PendingApproval:
    """Nothing has changed yet: a second person has to approve first."""

    made: strawberry.Private[Made]
    approval: Approval | None = result(
        Approval, "What waits: who may approve it, until when, and what it would change."
    )


def second_person(command: str) -> str:
    """Give the sentence that tells which posts approve a command, for its description."""
    return FOUR_EYES[command].sentence


def answer_or_ask(
    info: Info[Context, None], outcome: Done | problem.Problem, payload: Callable[[Made], PayloadT]
) -> PayloadT | PendingApproval | Problem:
    """Give the answer of a command that may need a second person."""
    if not isinstance(outcome, Done):
        return refusal(info, outcome)
    if outcome.made.prefix == APPROVAL_PREFIX:
        return PendingApproval(made=outcome.made)
    return payload(outcome.made)
