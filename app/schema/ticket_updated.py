"""Subscription to what happens to tickets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.db.ticket_events import PREFIX
from app.domain.service import TicketEventKind
from app.planner.declare import object_type, root_field
from app.planner.roots import Stream
from app.resolvers import ticket_updates
from app.resolvers.context import Context
from app.resolvers.following import Following, Happening
from app.resolvers.ticket_updates import Told
from app.schema.nodes import projection_of
from app.schema.problem import result
from app.schema.service import Ticket, TicketEvent
from app.schema.stream import (
    AT,
    After,
    ResyncRequired,
    StreamMessage,
    StreamPosition,
    position_of,
    standing,
)


@strawberry.interface(description="A step of a ticket's history, as it happens.")
class TicketUpdate(StreamMessage):
    """A step of a ticket's history."""

    recorded_at: datetime = strawberry.field(description=AT)
    of: strawberry.Private[Made]
    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, "The ticket, as it is now.", attribute="of")
    event: TicketEvent | None = result(TicketEvent, "The step of its history.")


@object_type(public=True, description="A request of a customer arrived.")
class TicketOpened(TicketUpdate):
    """A request of a customer arrived."""


@object_type(public=True, description="It was given to somebody, or back to its queue.")
class TicketAssigned(TicketUpdate):
    """It was given to somebody, or back to its queue."""


@object_type(public=True, description="It was sent to the department in charge.")
class TicketForwarded(TicketUpdate):
    """It was sent to the department in charge."""


@object_type(public=True, description="A comment was added that the customer may read.")
class TicketReplied(TicketUpdate):
    """A comment was added that the customer may read."""


@object_type(
    public=True, description="Staff noted something for each other; customers are never told."
)
class TicketCommented(TicketUpdate):
    """Staff noted something for each other; customers are never told."""


@object_type(public=True, description="Its status changed.")
class TicketStatusChanged(TicketUpdate):
    """Its status changed."""


@object_type(public=True, description="It was made more urgent, or moved to another queue.")
class TicketEscalated(TicketUpdate):
    """It was made more urgent, or moved to another queue."""


@object_type(public=True, description="Little time is left to answer it; customers are not told.")
class TicketDueSoon(TicketUpdate):
    """Little time is left to answer it; customers are not told."""


@object_type(public=True, description="It was not answered in time.")
class TicketBreached(TicketUpdate):
    """It was not answered in time."""


@object_type(public=True, description="It was answered.")
class TicketResolved(TicketUpdate):
    """It was answered."""


@object_type(public=True, description="What was answered was not settled.")
class TicketReopened(TicketUpdate):
    """What was answered was not settled."""


@object_type(public=True, description="It ended.")
class TicketClosed(TicketUpdate):
    """It ended."""


@object_type(public=True, description="The customer rated the service.")
class TicketRated(TicketUpdate):
    """The customer rated the service."""


@object_type(
    public=True,
    description=(
        "A ticket is not in what is followed any more: it left the queue, is nobody's or somebody "
        "else's now, or the viewer does not see it any more. After the last of these the stream of "
        "one ticket ends."
    ),
)
class TicketLeft(StreamMessage):
    """A ticket is not in what is followed any more."""

    recorded_at: datetime = strawberry.field(description=AT)
    ticket_id: strawberry.ID = strawberry.field(description="Which ticket.")


_KINDS: Final[Mapping[str, type[TicketUpdate]]] = {
    TicketEventKind.OPENED: TicketOpened,
    TicketEventKind.ASSIGNED: TicketAssigned,
    TicketEventKind.FORWARDED: TicketForwarded,
    TicketEventKind.REPLIED: TicketReplied,
    TicketEventKind.COMMENTED: TicketCommented,
    TicketEventKind.STATUS_CHANGED: TicketStatusChanged,
    TicketEventKind.ESCALATED: TicketEscalated,
    TicketEventKind.DUE_SOON: TicketDueSoon,
    TicketEventKind.BREACHED: TicketBreached,
    TicketEventKind.RESOLVED: TicketResolved,
    TicketEventKind.REOPENED: TicketReopened,
    TicketEventKind.CLOSED: TicketClosed,
    TicketEventKind.RATED: TicketRated,
}
TicketUpdated = Annotated[
    TicketOpened
    | TicketAssigned
    | TicketForwarded
    | TicketReplied
    | TicketCommented
    | TicketStatusChanged
    | TicketEscalated
    | TicketDueSoon
    | TicketBreached
    | TicketResolved
    | TicketReopened
    | TicketClosed
    | TicketRated
    | TicketLeft
    | StreamPosition
    | ResyncRequired,
    strawberry.union("TicketUpdated", description="What can happen to a ticket."),
]
OfTicket = Annotated[
    strawberry.ID | None, strawberry.argument(description="One ticket that you see.")
]
OfCustomer = Annotated[
    strawberry.ID | None, strawberry.argument(description="All tickets of a customer.")
]
OfQueue = Annotated[
    str | None,
    strawberry.argument(
        description="Tickets that come into a queue, wait in it or leave it; agents follow theirs."
    ),
]
OfOneself = Annotated[
    bool | None,
    strawberry.argument(description="Tickets that you work on; true, or left out."),
]


async def _follow(context: Context, given: Mapping[str, Any]) -> Following | None:
    return await ticket_updates.follow(context, given, projection_of(Ticket))


async def _told(  # The field has so many arguments.
    self: Any,
    info: Info[Context, None],
    ticket_id: OfTicket = strawberry.UNSET,
    customer_id: OfCustomer = strawberry.UNSET,
    queue: OfQueue = strawberry.UNSET,
    *,
    assigned_to_me: OfOneself = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> TicketUpdated | None:
    del ticket_id, customer_id, queue, assigned_to_me, after
    stands = standing(info, self)
    if stands is not None or self is None:
        return stands
    assert isinstance(self, Happening)
    event = self.event
    position = position_of(info, self)
    if self.what is Told.LEFT:
        identities = info.context.reader.identities
        left = identities.write(PREFIX, event.customer_id, event.subject_id)
        return TicketLeft(
            position=position, recorded_at=event.recorded_at, ticket_id=strawberry.ID(left)
        )
    assert event.step is not None, "an event of tickets"
    return _KINDS[event.step.kind](  # type: ignore[return-value]  # One of the union's.
        position=position,
        recorded_at=event.recorded_at,
        of=Made(PREFIX, event.customer_id, event.subject_id),
        made=Made("tev", event.customer_id, event.step.id),
    )


@strawberry.type
class TicketUpdatedSubscription:
    """What happens to tickets."""

    ticket_updated: TicketUpdated | None = root_field(
        _told,
        requires=Permission.TICKET_READ,
        root=Stream(_follow),
        description=(
            "What happens to a ticket, to those of a customer, in a queue, or to those that you "
            "work on. Give exactly one of `ticketId`, `customerId`, `queue` and `assignedToMe`. "
            "Customers are told of what they may read alone. The stream ends with FORBIDDEN where "
            "you see nothing of it, or nothing any more."
        ),
    )
