"""Following tickets: one, a customer's, those of a queue, or those that one works on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final

from app.auth.scopes import ROW_SCOPES, ScopeKind
from app.db.events import Event, TicketStep, Topic, TopicKind
from app.planner.errors import bad_input
from app.planner.loaders import load_row
from app.planner.projection import Projection
from app.resolvers.context import Context
from app.resolvers.following import Following, Happening, UnseenError, id_given, one_of

_TICKET: Final = "ticketId"
_CUSTOMER: Final = "customerId"
_QUEUE: Final = "queue"
_OWN: Final = "assignedToMe"


class Told(Enum):
    """What is told of a ticket: a step of its history, or that it is not there any more."""

    STEP = auto()
    LEFT = auto()


# Says what is told of a step to a viewer who sees the ticket, or who does not.
_Says = Callable[[Context, Event, TicketStep, bool], Awaitable[Sequence[Happening]]]


async def follow(
    context: Context, given: Mapping[str, Any], tickets: Projection
) -> Following | None:
    """Follow what was asked for; None where the viewer sees nothing of it."""
    name, wanted = one_of(given, _TICKET, _CUSTOMER, _QUEUE, _OWN)
    found = await _FOLLOW[name](context, tickets, wanted)
    if found is None:
        return None
    topic, says = found

    async def tell(now: Context, event: Event) -> Sequence[Happening]:
        step = event.step
        assert step is not None, "an event of tickets"
        if step.internal and ROW_SCOPES[now.viewer.role] is ScopeKind.SELF:
            return []
        # Who sees a customer sees the customer's tickets.
        sees = await now.reader.sees(event.customer_id)
        return await says(now, event, step, sees)

    return Following(frozenset({topic}), tell)


async def _ticket(context: Context, tickets: Projection, wanted: str) -> tuple[Topic, _Says] | None:
    ticket = id_given(context, _TICKET, wanted, "tkt")
    if await load_row(context.reader, tickets, ticket.owner, ticket.id, ()) is None:
        return None

    async def says(
        _now: Context, event: Event, _step: TicketStep, sees: bool
    ) -> Sequence[Happening]:
        # Whoever saw it until now may know that it is out of sight.
        return [_step_of(event) if sees else _left(event, last=True)]

    return Topic(TopicKind.TICKET, ticket.id), says


async def _customer(
    context: Context, _tickets: Projection, wanted: str
) -> tuple[Topic, _Says] | None:
    customer = id_given(context, _CUSTOMER, wanted, "cus").id
    if not await context.reader.sees(customer):
        return None

    async def says(
        _now: Context, event: Event, _step: TicketStep, sees: bool
    ) -> Sequence[Happening]:
        if not sees:
            raise UnseenError
        return [_step_of(event)]

    return Topic(TopicKind.TICKETS_OF_CUSTOMER, customer), says


async def _queue(context: Context, _tickets: Projection, wanted: str) -> tuple[Topic, _Says] | None:
    if not await _may_follow_queue(context, wanted):
        return None

    async def says(now: Context, event: Event, step: TicketStep, sees: bool) -> Sequence[Happening]:
        if not await _may_follow_queue(now, wanted):
            raise UnseenError
        if step.queue == wanted:
            return [_step_of(event)] if sees else []
        # Agents saw what was in their queue; others may never have seen it.
        return [_left(event)] if sees or await _works_on(now, wanted) else []

    return Topic(TopicKind.TICKETS_IN_QUEUE, wanted), says


async def _own(context: Context, _tickets: Projection, wanted: Any) -> tuple[Topic, _Says] | None:
    if wanted is not True:
        message = f"{_OWN}: true, or left out"
        raise bad_input(message)
    staff = context.viewer.staff_id
    if staff is None:
        return None

    async def says(
        _now: Context, event: Event, step: TicketStep, sees: bool
    ) -> Sequence[Happening]:
        if step.assignee != staff:
            return [_left(event)]
        return [_step_of(event)] if sees else []

    return Topic(TopicKind.TICKETS_OF_STAFF, staff), says


_FOLLOW: Final[Mapping[str, Callable[..., Awaitable[tuple[Topic, _Says] | None]]]] = {
    _TICKET: _ticket,
    _CUSTOMER: _customer,
    _QUEUE: _queue,
    _OWN: _own,
}


async def _may_follow_queue(context: Context, queue: str) -> bool:
    """Tell whether a queue is open to a viewer: agents follow those that they work on."""
    is_agent = ROW_SCOPES[context.viewer.role] is ScopeKind.QUEUE
    return not is_agent or await _works_on(context, queue)


async def _works_on(context: Context, queue: str) -> bool:
    staff = context.viewer.staff_id
    return staff is not None and await context.reader.works_on(staff, queue)


def _step_of(event: Event) -> Happening:
    return Happening(event, what=Told.STEP, personal=False)


def _left(event: Event, *, last: bool = False) -> Happening:
    return Happening(event, what=Told.LEFT, last=last, personal=False)
