"""Tickets with their history, and contacts with customers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.permissions import Permission, Role
from app.auth.viewer import Viewer
from app.db import tables
from app.domain.service import (
    CallOutcome,
    CallPurpose,
    Channel,
    InteractionKind,
    TicketCategory,
    TicketEventKind,
    TicketPriority,
    TicketResolution,
    TicketStatus,
    TicketTopic,
)
from app.domain.service_level import Milestone
from app.planner.declare import Node, column, encrypted, for_viewer, projection, relation
from app.planner.enums import graphql_enum
from app.planner.projection import Order
from app.schema import buttons, service_level
from app.schema.access import ViewerCan
from app.schema.bank import Branch, Staff
from app.schema.service_level import WhyAssigned

if TYPE_CHECKING:
    from app.schema.account import Account
    from app.schema.customer import Customer

for members in (
    CallOutcome,
    CallPurpose,
    InteractionKind,
    TicketCategory,
    TicketEventKind,
    TicketPriority,
    TicketResolution,
    TicketStatus,
    TicketTopic,
):
    graphql_enum(members)


def _number(viewer: Viewer, number: int, internal_before: int) -> int:
    """Count the steps that the viewer may see: a gap would tell customers of one they may not."""
    return number - internal_before if viewer.role is Role.CUSTOMER else number


@projection(
    tables.TicketEvent,
    prefix="tev",
    requires=Permission.TICKET_READ,
    description="One step of a ticket's history; steps never change.",
    orders={"NUMBER": Order(("number",), "First step first.")},
)
class TicketEvent(Node):
    """One step of a ticket's history."""

    number: int = for_viewer(
        _number,
        of_post=True,
        number=lambda row: row.c.number,
        internal_before=lambda row: row.c.internal_before,
        description=(
            "Number of the step within the ticket, from 1 without gaps: for customers among those "
            "that they see."
        ),
    )
    kind: TicketEventKind = column(description="What happened.")
    occurred_at: datetime | None = column(
        description="When it happened (UTC); null when the source does not say."
    )
    status: TicketStatus | None = column(description="Status from then on, when it changed.")
    internal: bool = column(description="For staff only; customers never see such a step.")
    queue: str | None = column(
        description="Queue in which it waits from then on; null when the source does not say."
    )
    staff: Staff | None = relation(
        ("staff_id", "id"), description="Who did it; null for the customer and the system."
    )
    assignee: Staff | None = relation(
        ("assignee_id", "id"), description="Who works on it from then on; null for nobody."
    )
    comment: Annotated["TicketComment", strawberry.lazy("app.schema.service")] | None = relation(
        ("customer_id", "customer_id"),
        ("comment_id", "id"),
        description="What was written with it, where the viewer may read it.",
    )


@projection(
    tables.TicketComment,
    prefix="tco",
    requires=Permission.TICKET_READ,
    description="A comment on a ticket.",
    orders={"OLDEST": Order(("written_at",), "First written first.")},
)
class TicketComment(Node):
    """A comment on a ticket."""

    internal: bool = column(description="For staff only.")
    body: str | None = encrypted(
        "body_ciphertext", requires=Permission.TICKET_READ, description="The text."
    )
    written_at: datetime = column(description="When it was written (UTC).")
    staff: Staff | None = relation(
        ("staff_id", "id"), description="Who wrote it; null for the customer."
    )


@projection(
    tables.Ticket,
    prefix="tkt",
    requires=Permission.TICKET_READ,
    description="A customer's request to the service desk.",
    orders={
        "NEWEST": Order(("-opened_at",), "Last opened first."),
        "OLDEST": Order(("opened_at",), "First opened first."),
        "URGENCY": Order(("urgent_at",), "First due first; what owes nothing now comes last."),
    },
)
class Ticket(Node):
    """A customer's request."""

    number: str = column(description="Ticket number.")
    category: TicketCategory = column(description="What it is about.", filterable=True)
    topic: TicketTopic | None = column(
        description="What it is about, closer; null for requests from other systems.",
        filterable=True,
    )
    subject: str = column(
        description=(
            "The request in a few words of the bank: that of the topic, where there is one. What "
            "the customer wrote is the first comment."
        ),
        filterable=True,
    )
    status: TicketStatus = column(description="How far it has come.", filterable=True)
    priority: TicketPriority = column(description="How urgent it is.", filterable=True)
    channel: Channel = column(
        description=(
            "How the request arrived; of one that the bank opened because of an account, how the "
            "order came that was the reason: `WEB` or `BRANCH`."
        ),
        filterable=True,
    )
    queue: str = column(description="Code of the queue it waits in.", filterable=True)
    opened_at: datetime = column(description="When it arrived (UTC).", filterable=True)
    due_at: datetime | None = column(
        description=(
            "When what it owes the customer next is due (UTC), on the bank's calendar; null while "
            "it waits for the customer, and where nothing was promised."
        )
    )
    due_for: Milestone | None = column(
        description="What is due then; null where nothing was promised."
    )
    remaining: int | None = service_level.time_left()
    is_paused: bool = service_level.is_paused()
    breached_at: datetime | None = column(
        description="When it was first late (UTC): the due time that passed; null if it never was."
    )
    first_answered_at: datetime | None = column(
        description="When staff first wrote to the customer (UTC); null before, or if unknown."
    )
    resolved_at: datetime | None = column(
        description=(
            "When it was answered for good (UTC); null while it is worked on, or if unknown. It "
            "can be reopened for 14 days then, and rated for 30."
        )
    )
    closed_at: datetime | None = column(
        description="When it ended (UTC); null while open, or when the source does not say."
    )
    rated_at: datetime | None = column(
        description="When the last answer was rated (UTC); null while it is not."
    )
    resolution: TicketResolution | None = column(
        description="How it ended; null while open.", filterable=True
    )
    csat: int | None = column(
        description=(
            "The customer's rating from 1 to 5; null when none. Of a ticket that was reopened, "
            "that of the answer before until the new one is rated."
        )
    )
    version: int = column(
        description="Rises with every change but comments for staff; for `expectedVersion`."
    )
    viewer_can: list[ViewerCan] = buttons.of_ticket()
    assignee: Staff | None = relation(
        ("assignee_id", "id"), description="Who works on it; null while nobody does."
    )
    why_assigned: WhyAssigned | None = service_level.why_assigned()
    history: list[TicketEvent] | None = relation(
        ("customer_id", "customer_id"), ("id", "ticket_id"), description="What happened, in order."
    )
    comments: list[TicketComment] | None = relation(
        ("customer_id", "customer_id"), ("id", "ticket_id"), description="Comments, in order."
    )
    customer: Annotated["Customer", strawberry.lazy("app.schema.customer")] | None = relation(
        ("customer_id", "id"), description="Whose request it is."
    )
    account: Annotated["Account", strawberry.lazy("app.schema.account")] | None = relation(
        ("customer_id", "customer_id"),
        ("account_id", "id"),
        description="The customer's account that it is about, when it is about one.",
    )


@projection(
    tables.Interaction,
    prefix="int",
    requires=Permission.PROFILE_READ,
    description="A contact between the bank and a customer.",
    orders={
        "NEWEST": Order(("-started_at",), "Latest contact first."),
        "OLDEST": Order(("started_at",), "Earliest contact first."),
    },
)
class Interaction(Node):
    """A contact with a customer."""

    kind: InteractionKind = column(description="What kind of contact.", filterable=True)
    channel: Channel = column(description="How they met.", filterable=True)
    started_at: datetime = column(description="When it began (UTC).", filterable=True)
    ended_at: datetime | None = column(description="When it ended (UTC), when known.")
    purpose: CallPurpose | None = column(description="What a caller wanted.", filterable=True)
    outcome: CallOutcome | None = column(description="How a call ended.", filterable=True)
    stars: int | None = column(description="Stars of a review, 1 to 5.", filterable=True)
    text: str | None = encrypted(
        "text_ciphertext",
        requires=Permission.PROFILE_READ,
        description="Text of a review or message.",
    )
    branch: Branch | None = relation(
        ("branch_id", "id"), description="The branch it is about, when it is about one."
    )
    ticket: Ticket | None = relation(
        ("customer_id", "customer_id"),
        ("ticket_id", "id"),
        description="The ticket it is about, when it is about one.",
    )
