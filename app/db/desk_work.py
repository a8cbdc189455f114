"""What the worker does for tickets, one transaction at a time, in the role ``jobs``.

Tickets that a command has locked are passed over: the command sees to them, or the next turn does.
docs/service-levels.md explains what is done when.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from app.db import routing, service_levels
from app.db.audit_keys import AuditKeys
from app.db.business_day import Connection
from app.db.service_calendars import read_calendar
from app.db.service_desk import ensure_service_desk
from app.db.tables.service import BREACH_UNTOLD, DUE_SOON_UNTOLD, GIVEN, WAITING
from app.db.ticket_events import Batch, LockedTicket, Telling

# The actor of what the bank does by itself: no person, no role, this command.
COMMAND: Final = "watchTickets"

_BREACHED: Final = f"""
select * from ticket where {BREACH_UNTOLD} and due_at <= now()
order by due_at limit $1 for no key update skip locked
"""
_DUE_SOON: Final = f"""
select * from ticket where {DUE_SOON_UNTOLD} and due_soon_at <= now() and due_at > now()
order by due_soon_at limit $1 for no key update skip locked
"""
_QUEUES: Final = f"""
select queue, calendar_of_queue(queue) as calendar, now() as at
from (
    select queue from ticket where {WAITING} union select queue from ticket where {GIVEN}
) as waiting
order by queue
"""
_HOLDERS: Final = f"""
select distinct assignee_id from ticket where {GIVEN} and queue = $1 order by assignee_id
"""
_NEXT_WAITING: Final = f"""
select * from ticket where {WAITING} and queue = $1 and (urgent_at, id) > ($2, $3)
order by urgent_at, id limit 1 for no key update skip locked
"""
_NEXT_GIVEN: Final = f"""
select * from ticket
where {GIVEN} and queue = $1 and assignee_id = $4 and (urgent_at, id) > ($2, $3)
order by urgent_at, id limit 1 for no key update skip locked
"""
_COUNT_WAITING: Final = f"select count(*) from ticket where {WAITING}"

Tell = Callable[[Telling, LockedTicket], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Place:
    """A ticket's place in a queue."""

    urgent_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queue with tickets to be given to somebody.

    ``holders`` were given tickets, have answered none of these yet, and are off shift now.
    """

    queue: str
    holders: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of one ticket: its place, and whether somebody took it."""

    place: Place
    is_taken: bool


_FIRST: Final = Place(datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


async def begin_desk(connection: Connection) -> None:
    """Give a bank that was filled before there were calendars those that banks begin with."""
    async with connection.transaction():
        if not await connection.fetchval("select exists (select from service_queue)"):
            await ensure_service_desk(connection)


async def tell_breaches(connection: Connection, keys: AuditKeys, size: int) -> int:
    """Tell of due times that passed, of ``size`` tickets at most; gives of how many."""
    return await _tell(connection, keys, size, _BREACHED, service_levels.tell_breach)


async def tell_due_soon(connection: Connection, keys: AuditKeys, size: int) -> int:
    """Tell of tickets with little time left, of ``size`` at most; gives of how many."""
    return await _tell(connection, keys, size, _DUE_SOON, service_levels.tell_due_soon)


async def _tell(connection: Connection, keys: AuditKeys, size: int, sql: str, tell: Tell) -> int:
    async with connection.transaction():
        rows = await connection.fetch(sql, size)
        batch = await _begin(connection, keys)
        told = [await tell(batch, LockedTicket.of_row(row)) for row in rows]
        await batch.finish()
        return sum(told)


async def _begin(connection: Connection, keys: AuditKeys) -> Batch:
    return Batch(connection, keys, COMMAND, await connection.fetchval("select now()"))


async def queues_waiting(connection: Connection) -> list[Waiting]:
    """Give the queues that have tickets for somebody and an agent on shift with room."""
    found = []
    for row in await connection.fetch(_QUEUES):
        if row["calendar"] is None:
            continue
        calendar, at = read_calendar(row["calendar"]), row["at"]
        agents = await routing.agents_of(connection, row["queue"])
        on_shift = {agent.id for agent in agents if agent.is_on_shift(calendar, at)}
        if any(agent.id in on_shift and agent.has_room for agent in agents):
            holders = await connection.fetch(_HOLDERS, row["queue"])
            gone = tuple(each[0] for each in holders if each[0] not in on_shift)
            found.append(Waiting(row["queue"], gone))
    return found


async def route_next(
    connection: Connection, keys: AuditKeys, queue: str, after: Place | None, holder: UUID | None
) -> Turn | None:
    """Give the next ticket of a queue to somebody: nobody's, or that of a ``holder`` off shift.

    Most urgent first. Gives None where no ticket is left.
    """
    begins = after or _FIRST
    values: list[Any] = [queue, begins.urgent_at, begins.id]
    async with connection.transaction():
        if holder is None:
            row = await connection.fetchrow(_NEXT_WAITING, *values)
        else:
            row = await connection.fetchrow(_NEXT_GIVEN, *values, holder)
        if row is None:
            return None
        batch = await _begin(connection, keys)
        choice = await routing.route(batch, LockedTicket.of_row(row))
        await batch.finish()
        return Turn(Place(row["urgent_at"], row["id"]), choice is not None)


async def count_waiting(connection: Connection) -> int:
    """Count the tickets that are nobody's."""
    count: int = await connection.fetchval(_COUNT_WAITING)
    return count
