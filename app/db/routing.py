"""Statements that give a ticket to the agent whom the rules choose.

A ticket is locked before agents are, and agents in the order of their ids. An agent's row tells
how many tickets there are (a trigger keeps the count), so whoever holds it knows that there is room
for one more: however many route at once, nobody gets more than the capacity.
"""

from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from app.db.audit import Connection
from app.db.service_calendars import read_calendar
from app.db.ticket_events import LockedTicket, Telling, note_event
from app.domain.bank_calendar import read_hours
from app.domain.customer import Tier
from app.domain.routing import Agent, Choice, Reason, RoutingCriterion, Wanted, explained, ranked
from app.domain.service import TicketCategory
from app.domain.ticket import assigned

_WANTED: Final = """
select ticket.category, customer.tier, customer.language, customer.branch_id,
    calendar_of_queue(ticket.queue) as calendar,
    (
        select left_assignee_id from ticket_event as step
        where step.customer_id = ticket.customer_id and step.ticket_id = ticket.id
            and step.left_assignee_id is not null
        order by step.number desc limit 1
    ) as left_by
from ticket join customer on customer.id = ticket.customer_id
where ticket.customer_id = $1 and ticket.id = $2
"""
_AGENTS: Final = """
select agent.*, staff.branch_id,
    (select json_object_agg(category, level) from staff_skill
        where staff_skill.staff_id = agent.staff_id) as skills,
    (select json_object_agg(weekday, hours) from staff_shift
        where staff_shift.staff_id = agent.staff_id) as plan
from staff_queue
join staff on staff.id = staff_queue.staff_id
join service_agent as agent on agent.staff_id = staff_queue.staff_id
where staff_queue.queue = $1 and staff.active
"""
_LOCK: Final = """
select staff_id, open_tickets < capacity as has_room from service_agent
where staff_id = any($1::uuid[]) order by staff_id for no key update
"""
_GIVEN: Final = "update service_agent set last_assigned_at = $2 where staff_id = $1"
_EXPLAIN: Final = "update ticket set why_assigned = $3 where customer_id = $1 and id = $2"


class _FullError(Exception):
    """Somebody else gave the agent the last ticket that there was room for."""


async def route(telling: Telling, ticket: LockedTicket) -> Choice | None:
    """Give a locked ticket to the best agent on shift who has room, as a step of its history.

    Whoever has it is not chosen again, nor is who gave it back. Gives None, and changes nothing,
    where nobody else is on shift with room.
    """
    row = await telling.connection.fetchrow(_WANTED, ticket.owner, ticket.id)
    assert row is not None
    if row["calendar"] is None:
        return None
    refused = ticket.state.assignee_id or row["left_by"]
    wanted = Wanted(
        TicketCategory[row["category"]],
        row["language"],
        Tier[row["tier"]],
        row["branch_id"],
        frozenset() if refused is None else frozenset({refused}),
    )
    agents = await agents_of(telling.connection, ticket.state.queue)
    candidates = ranked(wanted, agents, read_calendar(row["calendar"]), telling.at)
    while candidates:
        choice = explained(wanted, candidates)
        try:
            # What was locked for an agent who is full is let go, so that two who try the same
            # agents in another order do not wait for each other.
            async with telling.connection.transaction():
                await _give(telling, ticket, choice)
        except _FullError:
            candidates.remove(choice.agent)
        else:
            return choice
    return None


async def agents_of(connection: Connection, queue: str) -> list[Agent]:
    """Give the agents of a queue, on shift or not."""
    return [_agent(row) for row in await connection.fetch(_AGENTS, queue)]


async def _give(telling: Telling, ticket: LockedTicket, choice: Choice) -> None:
    agent, holder = choice.agent.id, ticket.state.assignee_id
    rows = await telling.connection.fetch(_LOCK, [agent] if holder is None else [agent, holder])
    if not any(row["has_room"] for row in rows if row["staff_id"] == agent):
        raise _FullError
    await telling.connection.execute(_GIVEN, agent, telling.at)
    await note_event(telling, ticket, assigned(ticket.state, agent))
    await telling.connection.execute(_EXPLAIN, ticket.owner, ticket.id, write_reasons(choice))


def _agent(row: Any) -> Agent:
    skills, plan = orjson.loads(row["skills"] or "{}"), orjson.loads(row["plan"] or "{}")
    last: datetime | None = row["last_assigned_at"]
    return Agent(
        row["staff_id"],
        row["branch_id"],
        frozenset(row["languages"]),
        MappingProxyType({TicketCategory[name]: level for name, level in skills.items()}),
        frozenset(Tier[name] for name in row["tiers"]),
        MappingProxyType({int(day): read_hours(hours) for day, hours in plan.items()}),
        row["open_tickets"],
        row["capacity"],
        last,
    )


def write_reasons(choice: Choice) -> str:
    """Write why an agent was chosen, for the ticket's column ``why_assigned``."""
    reasons = [
        [reason.criterion.value, reason.is_met, reason.is_decisive] for reason in choice.reasons
    ]
    return orjson.dumps([choice.considered, reasons]).decode()


def read_reasons(text: str) -> tuple[int, tuple[Reason, ...]]:
    """Read how many agents were considered, and why the one was chosen."""
    considered, reasons = orjson.loads(text)
    return considered, tuple(
        Reason(RoutingCriterion[criterion], is_met, is_decisive)
        for criterion, is_met, is_decisive in reasons
    )
