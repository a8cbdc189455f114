"""A service desk with agents and hours of its own, for the tests of routing and service levels."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from client import Client
from conftest import client_of
from factories import Factory, Made
from ticket_support import asked, send

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.domain.service import TicketEventKind
from app.jobs.service_desk import ServiceDesk

ALWAYS = "00:00-00:00"
NEVER_ON = ""
LEVELS = """
  id status version dueAt dueFor remaining isPaused breachedAt firstAnsweredAt
  assignee { id } whyAssigned { considered reasons { criterion isMet isDecisive } }
  history { number kind internal }
"""
READ = f"query ($id: ID!) {{ ticket(id: $id) {{ {LEVELS} }} }}"
_RESET = """
update ticket set status = 'CLOSED', resolution = 'UNSPECIFIED', running_since = null;
truncate service_agent, service_hours, service_queue, service_target, service_calendar,
    special_day, staff_queue, staff_shift, staff_skill
"""


class Told:
    """What the service desk's clock told; `app.jobs.service_desk.DeskObserver`."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.given = 0
        self.left = 0

    def told(self, kind: TicketEventKind, tickets: int) -> None:
        self.events.append((kind.value, tickets))

    def routed(self, tickets: int) -> None:
        self.given += tickets

    def waiting(self, tickets: int) -> None:
        self.left = tickets


class Desk:
    """A bank whose queue PAYMENTS is worked on by agents of the test's choice.

    Calendars begin as always open; answers are due in two hours and solutions in eight.
    """

    queue = "PAYMENTS"

    def __init__(self, url: str, keys: Keys, owner: asyncpg.Connection, client: Client) -> None:
        self.url = url
        self.keys = keys
        self.owner = owner
        self.client = client
        self.factory = Factory(owner, keys)
        self.told = Told()

    async def begin(self) -> None:
        await self.owner.execute(
            "insert into service_calendar (code, name, zone) values ('ALL', 'Always', 'UTC')"
        )
        await self.owner.execute(
            "insert into service_hours"
            " select 'ALL', weekday, $1 from generate_series(1, 7) weekday",
            ALWAYS,
        )
        await self.owner.execute(
            "insert into service_queue (code, calendar_code) values ($1, 'ALL'), ('CARDS', 'ALL')",
            self.queue,
        )
        await self.owner.execute(
            "insert into service_target select tier, priority, 120, 480"
            " from unnest(array['NORMAL', 'SILVER', 'GOLD', 'PLATINUM']) as tier,"
            " unnest(array['LOW', 'NORMAL', 'HIGH', 'URGENT']) as priority"
        )

    async def close(self) -> None:
        """Nobody works any more."""
        await self.owner.execute("update service_hours set hours = $1", NEVER_ON)

    async def agent(
        self,
        capacity: int = 10,
        *,
        hours: str = ALWAYS,
        languages: tuple[str, ...] = ("zh", "en"),
        level: int = 1,
    ) -> UUID:
        """Somebody who works on the queue."""
        agent = await self.factory.agent(self.queue)
        await self.owner.execute(
            "insert into service_agent (staff_id, capacity, languages, tiers)"
            " values ($1, $2, $3, $4)",
            agent,
            capacity,
            list(languages),
            ["NORMAL", "SILVER", "GOLD", "PLATINUM"],
        )
        await self.owner.execute(
            "insert into staff_shift select $1, weekday, $2 from generate_series(1, 7) weekday",
            agent,
            hours,
        )
        await self.owner.execute(
            "insert into staff_skill (staff_id, category, level) values ($1, 'PAYMENT', $2)",
            agent,
            level,
        )
        return agent

    async def goes_off_shift(self, agent: UUID) -> None:
        sql = "update staff_shift set hours = $2 where staff_id = $1"
        await self.owner.execute(sql, agent, NEVER_ON)

    def as_agent(self, agent: UUID) -> Client:
        return self.client.as_(Role.SERVICE_AGENT, agent)

    async def open(self, **given: Any) -> Any:
        """A ticket of a customer of its own."""
        return await self.open_for(await self.factory.customer(**given))

    async def open_for(self, customer: Made) -> Any:
        """A ticket of this customer."""
        me = self.client.as_(Role.CUSTOMER, customer.id)
        ticket = await send(me, "openTicket", **asked(customer))
        assert "code" not in ticket, ticket
        return ticket | {"owner": customer.id, "me": me}

    async def open_at_once(self, tickets: int) -> list[Any]:
        """Tickets of as many customers, all opened at the same time."""
        customers = [await self.factory.customer() for _ in range(tickets)]
        return await asyncio.gather(*map(self.open_for, customers))

    async def read(self, ticket: Any, person: Client | None = None) -> Any:
        return (await (person or self.client).run(READ, id=ticket["id"]))["ticket"]

    async def row(self, ticket: Any) -> asyncpg.Record:
        sql = "select * from ticket where customer_id = $1"
        row = await self.owner.fetchrow(sql, ticket["owner"])
        assert row is not None
        return row

    async def time_passes(self, span: timedelta) -> None:
        """Let everything that is on record have happened so much earlier."""
        await self.owner.execute(
            "update ticket set opened_at = opened_at - $1::interval,"
            " running_since = running_since - $1,"
            " due_at = due_at - $1, due_soon_at = due_soon_at - $1,"
            " urgent_at = case when due_at is null then urgent_at else urgent_at - $1 end",
            span,
        )

    def clock(self, batch: int = 500) -> ServiceDesk:
        return ServiceDesk(self.url, self.keys.audit, batch, self.told)

    async def kinds(self, ticket: Any) -> list[str]:
        """What happened to a ticket, as the database has it."""
        rows = await self.owner.fetch(
            "select kind from ticket_event where customer_id = $1 order by number", ticket["owner"]
        )
        return [row["kind"] for row in rows]

    async def loads(self) -> dict[UUID, tuple[int, int]]:
        """How many open tickets each agent has, and how many are counted."""
        rows = await self.owner.fetch(
            "select staff_id, open_tickets, (select count(*) from ticket"
            " where assignee_id = staff_id and status not in ('RESOLVED', 'CLOSED')) as found"
            " from service_agent"
        )
        return {row["staff_id"]: (row["found"], row["open_tickets"]) for row in rows}


def staff_id(agent: UUID) -> str:
    return Made("sta", agent, agent).global_id


@pytest.fixture(scope="session")
def desk_url(migrated_database: Callable[[str], str]) -> str:
    """A migrated database; each test's desk is the only one in it."""
    return migrated_database("desk")


@pytest.fixture
async def service_desk(desk_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Desk]:
    owner = await asyncpg.connect(desk_url)
    # Whatever the test before left is nobody's business any more.
    await owner.execute(_RESET)
    async with client_of(desk_url, keys, token_key) as client:
        made = Desk(desk_url, keys, owner, client)
        await made.begin()
        yield made
    await owner.close()
