"""What every subscription may tell beside events: where it stands."""

from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from app.db.feed import Resync
from app.domain.happening import ResyncReason
from app.planner.declare import object_type
from app.planner.enums import graphql_enum
from app.resolvers.context import Context
from app.resolvers.following import Happening, Position, write_position

graphql_enum(ResyncReason)

AT = "When it happened (UTC)."
POSITION = "Where it stands: sent as `after`, the stream goes on after it."

After = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "The `position` that was told last: everything after it is told first, once and in "
            "order. Without it the stream begins now, with a `StreamPosition`."
        )
    ),
]


@strawberry.interface(description="Whatever a subscription tells: it all has a position.")
class StreamMessage:
    """Whatever a subscription tells."""

    position: str = strawberry.field(description=POSITION)


@object_type(
    public=True,
    description=(
        "Where a stream stands. A stream without `after` begins with one, so that what is read "
        "after it came has no gap; later ones come when nothing else was to be told for a while."
    ),
)
class StreamPosition(StreamMessage):
    """Where a stream stands."""


@object_type(
    public=True,
    description=(
        "What happened between `after` and `position` is not told: read what is there now. The "
        "stream goes on."
    ),
)
class ResyncRequired(StreamMessage):
    """Some events are not told."""

    reason: ResyncReason = strawberry.field(description="Why.")


def standing(info: Info[Context, None], told: Any) -> StreamPosition | ResyncRequired | None:
    """Give what a stream tells beside events; None for an event."""
    if isinstance(told, Resync):
        position = write_position(info.context, Position(told.position))
        return ResyncRequired(position=position, reason=told.reason)
    if isinstance(told, Position):
        return StreamPosition(position=write_position(info.context, told))
    return None


def position_of(info: Info[Context, None], told: Happening) -> str:
    """Give the position of something that is told."""
    return write_position(info.context, told.position)
