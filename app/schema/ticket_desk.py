"""The service desk's work on tickets: who has one, how far it has come, and its answer."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.service import TicketResolution, TicketStatus
from app.planner.declare import object_type, root_field
from app.resolvers import ticket_desk
from app.resolvers.context import Context
from app.schema.inputs import (
    check_key,
    check_letter,
    check_text,
    expected_version,
    id_of,
    idempotency_key,
    ticket_id,
    ticket_key,
)
from app.schema.problem import Problem, answer, result
from app.schema.service import Ticket

_OWN_QUEUE = "Agents do so in their own queues, else TICKET_NOT_IN_QUEUE."
_NEW_VERSION = (
    "The ticket, with the new version; null when it has left what the viewer may see with it."
)


@strawberry.input(description="Who works on a ticket.")
class AssignTicketInput:
    """Who works on a ticket."""

    idempotency_key: strawberry.ID = idempotency_key()
    ticket_id: strawberry.ID = ticket_id()
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None,
        description=(
            "A SERVICE_AGENT who works on the ticket's queue, else STAFF_NOT_FITTING; left out to "
            "give it back to the queue."
        ),
    )
    expected_version: int = expected_version()


@strawberry.input(description="How far a ticket has come.")
class ChangeTicketStatusInput:
    """How far a ticket has come."""

    idempotency_key: strawberry.ID = idempotency_key()
    ticket_id: strawberry.ID = ticket_id()
    status: TicketStatus = strawberry.field(
        description=(
            "`IN_PROGRESS` or `WAITING_FOR_CUSTOMER` while it is worked on, `CLOSED` once it is "
            "`RESOLVED`; anything else is refused as STATUS_NOT_FITTING."
        )
    )
    expected_version: int = expected_version()


@strawberry.input(description="A ticket that is more urgent than it seemed.")
class EscalateTicketInput:
    """A ticket that is more urgent than it seemed."""

    idempotency_key: strawberry.ID = idempotency_key()
    ticket_id: strawberry.ID = ticket_id()
    reason: str = strawberry.field(
        description="Why, for staff only: 1 to 4,000 characters, stored encrypted as a comment."
    )
    queue: str | None = strawberry.field(
        default=None,
        description="Code of the queue that it moves to, where nobody has it; left out to stay.",
    )
    expected_version: int = expected_version()


@strawberry.input(description="The answer to a ticket.")
class ResolveTicketInput:
    """The answer to a ticket."""

    idempotency_key: strawberry.ID = idempotency_key()
    ticket_id: strawberry.ID = ticket_id()
    resolution: TicketResolution = strawberry.field(description="What came of it.")
    text: str = strawberry.field(
        description="What the customer is told: 1 to 4,000 characters, stored encrypted."
    )
    expected_version: int = expected_version()


@object_type(public=True, description="The ticket with whoever works on it.")
class AssignTicketPayload:
    """The ticket with whoever works on it."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, _NEW_VERSION)


@object_type(public=True, description="The ticket as far as it has come.")
class ChangeTicketStatusPayload:
    """The ticket as far as it has come."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, _NEW_VERSION)


@object_type(public=True, description="The ticket, more urgent or elsewhere.")
class EscalateTicketPayload:
    """The ticket, more urgent or elsewhere."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, _NEW_VERSION)


@object_type(public=True, description="The ticket with its answer.")
class ResolveTicketPayload:
    """The ticket with its answer."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, _NEW_VERSION)


AssignTicketResult = Annotated[
    AssignTicketPayload | Problem,
    strawberry.union("AssignTicketResult", description="The ticket, or why it stays where it is."),
]
ChangeTicketStatusResult = Annotated[
    ChangeTicketStatusPayload | Problem,
    strawberry.union("ChangeTicketStatusResult", description="The ticket, or why it stays as is."),
]
EscalateTicketResult = Annotated[
    EscalateTicketPayload | Problem,
    strawberry.union("EscalateTicketResult", description="The ticket, or why nothing changed."),
]
ResolveTicketResult = Annotated[
    ResolveTicketPayload | Problem,
    strawberry.union("ResolveTicketResult", description="The ticket, or why it is not answered."),
]
AssignTicketArgument = Annotated[
    AssignTicketInput, strawberry.argument(description="Who works on it.")
]
ChangeTicketStatusArgument = Annotated[
    ChangeTicketStatusInput, strawberry.argument(description="How far it has come.")
]
EscalateTicketArgument = Annotated[
    EscalateTicketInput, strawberry.argument(description="What is urgent.")
]
ResolveTicketArgument = Annotated[
    ResolveTicketInput, strawberry.argument(description="What is answered.")
]


async def _assign_ticket(
    info: Info[Context, None],
    input: AssignTicketArgument,  # noqa: A002  # Relay's name.
) -> AssignTicketResult | None:
    to = input.assignee_id
    command = ticket_desk.AssignTicket(
        ticket_key(info, input.ticket_id),
        None if to is None else id_of(info, to, "sta", "assigneeId").id,
        input.expected_version,
    )
    outcome = await ticket_desk.assign(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: AssignTicketPayload(made=made))


async def _change_ticket_status(
    info: Info[Context, None],
    input: ChangeTicketStatusArgument,  # noqa: A002  # Relay's name.
) -> ChangeTicketStatusResult | None:
    command = ticket_desk.ChangeTicketStatus(
        ticket_key(info, input.ticket_id), input.status, input.expected_version
    )
    key = check_key(input.idempotency_key)
    outcome = await ticket_desk.change_status(info.context, key, command)
    return answer(info, outcome, lambda made: ChangeTicketStatusPayload(made=made))


async def _escalate_ticket(
    info: Info[Context, None],
    input: EscalateTicketArgument,  # noqa: A002  # Relay's name.
) -> EscalateTicketResult | None:
    command = ticket_desk.EscalateTicket(
        ticket_key(info, input.ticket_id),
        None if input.queue is None else check_text("queue", input.queue),
        check_letter("reason", input.reason),
        input.expected_version,
    )
    outcome = await ticket_desk.escalate(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: EscalateTicketPayload(made=made))


async def _resolve_ticket(
    info: Info[Context, None],
    input: ResolveTicketArgument,  # noqa: A002  # Relay's name.
) -> ResolveTicketResult | None:
    command = ticket_desk.ResolveTicket(
        ticket_key(info, input.ticket_id),
        input.resolution,
        check_letter("text", input.text),
        input.expected_version,
    )
    outcome = await ticket_desk.resolve(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: ResolveTicketPayload(made=made))


@strawberry.type
class TicketDeskMutation:
    """What the service desk does with tickets."""

    assign_ticket: AssignTicketResult | None = root_field(
        _assign_ticket,
        requires=Permission.TICKET_ASSIGN,
        description=f"Say who works on a ticket. {_OWN_QUEUE}",
    )
    change_ticket_status: ChangeTicketStatusResult | None = root_field(
        _change_ticket_status,
        requires=Permission.TICKET_WORK,
        description=(f"Say how far a ticket has come; `resolveTicket` answers it. {_OWN_QUEUE}"),
    )
    escalate_ticket: EscalateTicketResult | None = root_field(
        _escalate_ticket,
        requires=Permission.TICKET_ESCALATE,
        description=(
            "Make a ticket more urgent by one step, and move it to another queue where one is "
            "named; NOTHING_TO_CHANGE for one that is URGENT and stays. Agents thereby may lose "
            f"sight of its customer. {_OWN_QUEUE}"
        ),
    )
    resolve_ticket: ResolveTicketResult | None = root_field(
        _resolve_ticket,
        requires=Permission.TICKET_WORK,
        description=(
            "Answer a ticket for good; the customer may reopen it within 14 days and rate it "
            f"within 30. {_OWN_QUEUE}"
        ),
    )
