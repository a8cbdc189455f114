"""Requests to the service desk: opening one, writing to it, reopening and rating it."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.problem import Problem as Refusal
from app.domain.problem import ProblemCode
from app.domain.service import Channel, TicketCategory, TicketPriority, TicketTopic
from app.domain.ticket import STARS_MAX
from app.planner.declare import object_type, root_field
from app.planner.errors import bad_input
from app.resolvers import ticket
from app.resolvers.context import Context
from app.schema.inputs import (
    account_key,
    check_key,
    check_letter,
    customer_id,
    expected_version,
    idempotency_key,
    ticket_id,
    ticket_key,
)
from app.schema.problem import Problem, answer, refusal, result
from app.schema.service import Ticket

_LETTER = "1 to 4,000 characters, stored encrypted."


@strawberry.input(description="What a customer asks of the bank.")
class OpenTicketInput:
    """What a customer asks of the bank."""

    idempotency_key: strawberry.ID = idempotency_key()
    customer_id: strawberry.ID = strawberry.field(description="Who asks; for customers themselves.")
    category: TicketCategory = strawberry.field(description="What it is about: decides the queue.")
    topic: TicketTopic = strawberry.field(description="What it is about, closer.")
    text: str = strawberry.field(description=f"What it is, in the customer's words: {_LETTER}")
    channel: Channel = strawberry.field(
        description="How the request arrived; by customers themselves, `WEB` or `MOBILE`."
    )
    priority: TicketPriority | None = strawberry.field(
        default=None,
        description="How urgent staff find it; left out, and by customers, as the topic is.",
    )
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The account that it is about: one that the customer owns."
    )


@strawberry.input(description="What somebody writes to a ticket.")
class ReplyToTicketInput:
    """What somebody writes to a ticket."""

    idempotency_key: strawberry.ID = idempotency_key()
    ticket_id: strawberry.ID = ticket_id()
    text: str = strawberry.field(description=f"The text: {_LETTER}")
    internal: bool = strawberry.field(
        default=False, description="For staff only; customers never see it."
    )
    wait_for_customer: bool = strawberry.field(
        default=False,
        description=(
            "Whether the bank waits for the customer then, as `WAITING_FOR_CUSTOMER`; what the "
            "customer writes ends that."
        ),
    )


@strawberry.input(description="An answer that settled nothing.")
class ReopenTicketInput:
    """An answer that settled nothing."""

    idempotency_key: strawberry.ID = idempotency_key()
    ticket_id: strawberry.ID = ticket_id()
    text: str = strawberry.field(description=f"What is not settled: {_LETTER}")
    expected_version: int = expected_version()


@strawberry.input(description="How the service was.")
class RateTicketInput:
    """How the service was."""

    idempotency_key: strawberry.ID = idempotency_key()
    ticket_id: strawberry.ID = ticket_id()
    csat: int = strawberry.field(description="From 1, not at all satisfied, to 5, very satisfied.")
    expected_version: int = expected_version()


@object_type(public=True, description="The ticket that was opened.")
class OpenTicketPayload:
    """The ticket that was opened."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, "The ticket, in its queue.")


@object_type(public=True, description="The ticket with what was written.")
class ReplyToTicketPayload:
    """The ticket with what was written."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, "The ticket; its last comment is the new one.")


@object_type(public=True, description="The ticket that is worked on again.")
class ReopenTicketPayload:
    """The ticket that is worked on again."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, "The ticket, with the new version.")


@object_type(public=True, description="The ticket with its rating.")
class RateTicketPayload:
    """The ticket with its rating."""

    made: strawberry.Private[Made]
    ticket: Ticket | None = result(Ticket, "The ticket, with the new version.")


OpenTicketResult = Annotated[
    OpenTicketPayload | Problem,
    strawberry.union("OpenTicketResult", description="The ticket, or why there is none."),
]
ReplyToTicketResult = Annotated[
    ReplyToTicketPayload | Problem,
    strawberry.union("ReplyToTicketResult", description="The ticket, or why nothing was written."),
]
ReopenTicketResult = Annotated[
    ReopenTicketPayload | Problem,
    strawberry.union("ReopenTicketResult", description="The ticket, or why it stays ended."),
]
RateTicketResult = Annotated[
    RateTicketPayload | Problem,
    strawberry.union("RateTicketResult", description="The ticket, or why it is not rated."),
]
OpenTicketArgument = Annotated[
    OpenTicketInput, strawberry.argument(description="What the customer asks.")
]
ReplyToTicketArgument = Annotated[
    ReplyToTicketInput, strawberry.argument(description="What is written.")
]
ReopenTicketArgument = Annotated[
    ReopenTicketInput, strawberry.argument(description="What is not settled.")
]
RateTicketArgument = Annotated[
    RateTicketInput, strawberry.argument(description="How the service was.")
]


async def _open_ticket(
    info: Info[Context, None],
    input: OpenTicketArgument,  # noqa: A002  # Relay's name.
) -> OpenTicketResult | None:
    key, owner = check_key(input.idempotency_key), customer_id(info, input.customer_id)
    about = None if input.account_id is None else account_key(info, input.account_id, "accountId")
    if about is not None and about.owner != owner:
        return refusal(info, Refusal(ProblemCode.NOT_FOUND, "accountId"))
    command = ticket.OpenTicket(
        owner,
        input.category,
        input.topic,
        check_letter("text", input.text),
        input.channel,
        input.priority,
        None if about is None else about.id,
    )
    outcome = await ticket.open_ticket(info.context, key, command)
    return answer(info, outcome, lambda made: OpenTicketPayload(made=made))


async def _reply_to_ticket(
    info: Info[Context, None],
    input: ReplyToTicketArgument,  # noqa: A002  # Relay's name.
) -> ReplyToTicketResult | None:
    command = ticket.ReplyToTicket(
        ticket_key(info, input.ticket_id),
        check_letter("text", input.text),
        input.internal,
        input.wait_for_customer,
    )
    outcome = await ticket.reply(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: ReplyToTicketPayload(made=made))


async def _reopen_ticket(
    info: Info[Context, None],
    input: ReopenTicketArgument,  # noqa: A002  # Relay's name.
) -> ReopenTicketResult | None:
    command = ticket.ReopenTicket(
        ticket_key(info, input.ticket_id), check_letter("text", input.text), input.expected_version
    )
    outcome = await ticket.reopen(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: ReopenTicketPayload(made=made))


async def _rate_ticket(
    info: Info[Context, None],
    input: RateTicketArgument,  # noqa: A002  # Relay's name.
) -> RateTicketResult | None:
    if not 1 <= input.csat <= STARS_MAX:
        message = f"csat: 1 to {STARS_MAX}"
        raise bad_input(message)
    command = ticket.RateTicket(
        ticket_key(info, input.ticket_id), input.csat, input.expected_version
    )
    outcome = await ticket.rate(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: RateTicketPayload(made=made))


@strawberry.type
class TicketMutation:
    """What customers, and whoever serves them, do with tickets."""

    open_ticket: OpenTicketResult | None = root_field(
        _open_ticket,
        requires=Permission.TICKET_OPEN,
        description=(
            "Ask the service desk for something. The subject is the topic's; what the customer "
            "writes is the first comment. ONLY_STAFF_MAY where a customer says how urgent it is, "
            "or that it came otherwise than online."
        ),
    )
    reply_to_ticket: ReplyToTicketResult | None = root_field(
        _reply_to_ticket,
        requires=Permission.TICKET_REPLY,
        description=(
            "Write to a ticket: to the other side, or as staff to each other. TICKET_ENDED once "
            "it is answered, but for what staff write to each other."
        ),
    )
    reopen_ticket: ReopenTicketResult | None = root_field(
        _reopen_ticket,
        requires=Permission.TICKET_REOPEN,
        description=(
            "Say that an answer settled nothing, within 14 days of it, else TICKET_TIME_OVER. "
            "Whoever worked on the ticket has it again."
        ),
    )
    rate_ticket: RateTicketResult | None = root_field(
        _rate_ticket,
        requires=Permission.TICKET_RATE,
        description=(
            "Say how the service was, within 30 days of the answer, else TICKET_TIME_OVER; once, "
            "else ALREADY_RATED, and once more when it was reopened and answered again."
        ),
    )
