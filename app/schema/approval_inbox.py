"""Subscription to requests for a second person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import APPROVAL_PREFIX, Made
from app.domain.happening import APPROVAL_EVENTS, ApprovalChange
from app.planner.declare import object_type, root_field
from app.planner.enums import graphql_enum
from app.planner.roots import Stream
from app.resolvers import approval_inbox
from app.resolvers.context import Context
from app.resolvers.following import Following, Happening
from app.schema.approval import Approval
from app.schema.nodes import projection_of
from app.schema.problem import result
from app.schema.stream import (
    AT,
    After,
    ResyncRequired,
    StreamMessage,
    StreamPosition,
    position_of,
    standing,
)

graphql_enum(ApprovalChange)


@object_type(public=True, description="A request for a second person came, or ended.")
class ApprovalChanged(StreamMessage):
    """A request for a second person came, or ended."""

    recorded_at: datetime = strawberry.field(description=AT)
    change: ApprovalChange = strawberry.field(description="What became of it.")
    made: strawberry.Private[Made]
    approval: Approval | None = result(Approval, "The request, as it is now.")


ApprovalInboxEvent = Annotated[
    ApprovalChanged | StreamPosition | ResyncRequired,
    strawberry.union("ApprovalInboxEvent", description="What can happen in one's inbox."),
]


async def _follow(context: Context, given: Mapping[str, Any]) -> Following:
    return await approval_inbox.follow(context, given, projection_of(Approval))


async def _told(
    self: Any, info: Info[Context, None], after: After = strawberry.UNSET
) -> ApprovalInboxEvent | None:
    del after
    stands = standing(info, self)
    if stands is not None or self is None:
        return stands
    assert isinstance(self, Happening)
    event = self.event
    return ApprovalChanged(
        position=position_of(info, self),
        recorded_at=event.recorded_at,
        change=APPROVAL_EVENTS[event.name],
        made=Made(APPROVAL_PREFIX, event.customer_id, event.subject_id),
    )


@strawberry.type
class ApprovalInboxSubscription:
    """Requests for a second person."""

    approval_inbox: ApprovalInboxEvent | None = root_field(
        _told,
        requires=Permission.APPROVAL_READ,
        root=Stream(_follow),
        description=(
            "Requests for a second person as they come and end: those you made, and those that "
            "the post you act in may decide, of customers in your scope."
        ),
    )
