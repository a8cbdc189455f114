"""Tickets that are worked on, for the tests of the service desk."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from client import Client
from factories import Factory, Made

from app.auth.permissions import Permission, Role
from app.db.ids import new_id

TICKET = """
  id number category topic subject status priority channel queue openedAt firstAnsweredAt resolvedAt
  closedAt ratedAt resolution csat version assignee { id } account { id }
  comments { body internal }
  history { number kind status internal queue assignee { id } comment { body } }
"""
PERMISSIONS = {
    "openTicket": Permission.TICKET_OPEN,
    "replyToTicket": Permission.TICKET_REPLY,
    "reopenTicket": Permission.TICKET_REOPEN,
    "rateTicket": Permission.TICKET_RATE,
    "assignTicket": Permission.TICKET_ASSIGN,
    "changeTicketStatus": Permission.TICKET_WORK,
    "escalateTicket": Permission.TICKET_ESCALATE,
    "resolveTicket": Permission.TICKET_WORK,
}
READ = f"query ($id: ID!) {{ ticket(id: $id) {{ {TICKET} }} }}"


def mutation(name: str, selected: str = TICKET) -> str:
    type_ = name[0].upper() + name[1:]
    return f"""
mutation ($input: {type_}Input!) {{
  {name}(input: $input) {{
    ... on {type_}Payload {{ ticket {{ {selected} }} }}
    ... on Problem {{ code message field hint }}
  }}
}}
"""


async def send(person: Client, name: str, **given: Any) -> Any:
    """Send a command; gives the ticket, or the problem."""
    values = {"idempotencyKey": uuid4().hex} | given
    answer = (await person.run(mutation(name), input=values))[name]
    return answer.get("ticket", answer)


async def read(person: Client, ticket: str) -> Any:
    return (await person.run(READ, id=ticket))["ticket"]


def asked(customer: Made, **given: Any) -> dict[str, Any]:
    """What a customer asks."""
    return {
        "customerId": customer.global_id,
        "category": "PAYMENT",
        "topic": "PAYMENT_MISSING",
        "text": "Where is the money that I sent to my sister?",
        "channel": "MOBILE",
    } | given


@dataclass
class ServiceDesk:
    """A customer, and two agents who work on the queue of payments."""

    customer: Made
    me: Client
    agent: Client
    agent_id: UUID
    colleague: Client
    colleague_id: UUID
    # No other test has tickets in this queue's place: the customer is this test's own.
    queue: str = "PAYMENTS"

    @property
    def agent_global(self) -> str:
        return Made("sta", self.agent_id, self.agent_id).global_id

    @property
    def colleague_global(self) -> str:
        return Made("sta", self.colleague_id, self.colleague_id).global_id

    async def opened(self, **given: Any) -> Any:
        """A ticket that the customer has opened."""
        return await send(self.me, "openTicket", **asked(self.customer, **given))

    async def resolved(self) -> Any:
        """A ticket that is answered."""
        ticket = await self.opened()
        return await send(self.agent, "resolveTicket", **ANSWER, **version_of(ticket))


ANSWER = {"resolution": "EXPLAINED", "text": "It arrives tomorrow."}


def version_of(ticket: Any) -> dict[str, Any]:
    """Which ticket a command is about, as it was read."""
    return {"ticketId": ticket["id"], "expectedVersion": ticket["version"]}


async def make_desk(client: Client, factory: Factory) -> ServiceDesk:
    customer = await factory.customer()
    agent, colleague = [await factory.agent("PAYMENTS") for _ in range(2)]
    return ServiceDesk(
        customer,
        client.as_(Role.CUSTOMER, customer.id),
        client.as_(Role.SERVICE_AGENT, agent),
        agent,
        client.as_(Role.SERVICE_AGENT, colleague),
        colleague,
    )


async def ticket_with_everything(
    factory: Factory, account: Made, staff: UUID, opened_at: datetime
) -> Made:
    """A late ticket in the queue ACCOUNTS, about an account, whose fields all have a value."""
    comment = new_id()
    ticket = await factory.ticket(
        Made("cus", account.owner, account.owner),
        opened_by=staff,
        comment_id=comment,
        account_id=account.id,
        assignee_id=staff,
        queue="ACCOUNTS",
        opened_at=opened_at,
        running_since=opened_at,
        due_for="ANSWER",
        due_at=opened_at,
        urgent_at=opened_at,
        left_seconds=0,
        why_assigned='[1, [["SKILL", true, false]]]',
    )
    await factory.insert("service_calendar", code="DESK", name="Desk", zone="UTC")
    await factory.insert("service_queue", code="ACCOUNTS", calendar_code="DESK")
    await factory.comment(ticket, "We look into it.", internal=False, staff=staff, row=comment)
    return ticket
