"""What of a ticket follows from the service level and from routing: time left, and reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry
from sqlalchemy import FromClause, Text, case, func, null

from app.auth.permissions import Permission
from app.db.routing import read_reasons
from app.db.service_calendars import read_calendar
from app.domain.routing import RoutingCriterion
from app.domain.service import TicketStatus
from app.domain.service_level import NEVER, Milestone, remaining
from app.domain.ticket import ENDED
from app.planner.declare import column, computed, object_type
from app.planner.enums import graphql_enum

graphql_enum(Milestone)
graphql_enum(RoutingCriterion)


@object_type(public=True, description="How the agent who was chosen stood in one criterion.")
class RoutingReason:
    """How the agent stood in one criterion."""

    criterion: RoutingCriterion = strawberry.field(description="What was compared.")
    is_met: bool = strawberry.field(description="Whether it holds of the agent.")
    is_decisive: bool = strawberry.field(
        description="Whether it told the agent from the one who came second."
    )


@object_type(public=True, description="Why routing gave a ticket to the agent who has it.")
class WhyAssigned:
    """Why routing chose an agent."""

    considered: int = strawberry.field(
        description="How many agents of the queue were on shift and had room, this one included."
    )
    reasons: list[RoutingReason] = strawberry.field(
        description="The criteria, in the order in which they count."
    )


def now() -> datetime:
    """Give the moment that time is left at."""
    return datetime.now(UTC)


def _remaining(left: int, urgent_at: datetime, calendar: str) -> int:
    due_at = None if urgent_at == NEVER else urgent_at
    found = remaining(due_at, timedelta(seconds=left), read_calendar(calendar), now())
    return found // timedelta(seconds=1)


def _left(ticket: FromClause) -> Any:
    """Give what was left when the clock last changed; null once the ticket has ended."""
    ended = [status.value for status in ENDED]
    return case((ticket.c.status.in_(ended), null()), else_=ticket.c.left_seconds)


def _why_assigned(text: str) -> WhyAssigned:
    considered, reasons = read_reasons(text)
    return WhyAssigned(
        considered=considered,
        reasons=[
            RoutingReason(
                criterion=reason.criterion,
                is_met=reason.is_met,
                is_decisive=reason.is_decisive,
            )
            for reason in reasons
        ],
    )


def time_left() -> Any:
    """Declare the field of a ticket."""
    return computed(
        _remaining,
        left=_left,
        urgent_at=lambda ticket: ticket.c.urgent_at,
        calendar=lambda ticket: func.calendar_of_queue(ticket.c.queue, type_=Text()),
        description=(
            "Working time until it is due, in seconds; negative once it is late. It stands still "
            "while the bank is closed, and while the ticket waits for the customer. Null once the "
            "ticket has ended, and where nothing was promised."
        ),
    )


def is_paused() -> Any:
    """Declare the field of a ticket."""
    waiting = TicketStatus.WAITING_FOR_CUSTOMER.value
    return column(
        lambda ticket: (ticket.c.status == waiting) & ticket.c.left_seconds.is_not(None),
        description="Whether its time stands still because the customer is waited for.",
    )


def why_assigned() -> Any:
    """Declare the field of a ticket."""
    return computed(
        _why_assigned,
        requires=Permission.TICKET_ROUTING_READ,
        text=lambda ticket: ticket.c.why_assigned,
        description=(
            "Why routing gave it to the assignee; null where nobody has it, and where a person "
            "said who works on it."
        ),
    )
