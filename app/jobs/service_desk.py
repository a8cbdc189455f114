"""The service desk's clock: what is due soon or late is told once, and tickets find agents."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from app.db import business_day, desk_work
from app.db.audit_keys import AuditKeys
from app.db.business_day import Connection
from app.domain.service import TicketEventKind

_log = structlog.get_logger("bank360.worker")

_TELLING: Final = (
    (TicketEventKind.BREACHED, desk_work.tell_breaches),
    (TicketEventKind.DUE_SOON, desk_work.tell_due_soon),
)

Stops = Callable[[], bool]


class DeskObserver(Protocol):
    """Is told what the clock of the service desk does."""

    def told(self, kind: TicketEventKind, tickets: int) -> None:
        """Tell that so many tickets were told to be due soon, or late."""

    def routed(self, tickets: int) -> None:
        """Tell that so many tickets were given to agents."""

    def waiting(self, tickets: int) -> None:
        """Tell how many tickets are nobody's."""


@dataclass(frozen=True)
class ServiceDesk:
    """Watches the tickets of one bank; ``batch`` is how many one transaction tells of.

    Any number may watch at once: each ticket is told of, and given away, under its own lock.
    """

    dsn: str
    keys: AuditKeys
    batch: int
    observer: DeskObserver

    async def run(self, stops: Stops = lambda: False) -> None:
        """Do once what there is to do now, or until told to stop between two transactions."""
        async with business_day.connected(self.dsn) as connection:
            await desk_work.begin_desk(connection)
            for kind, tell in _TELLING:
                found = self.batch
                while found == self.batch and not stops():
                    found = await tell(connection, self.keys, self.batch)
                    if found:
                        self.observer.told(kind, found)
                        _log.info("tickets were told of", kind=kind.value, tickets=found)
            for waiting in await desk_work.queues_waiting(connection):
                for holder in (None, *waiting.holders):
                    await self._route(connection, waiting.queue, holder, stops)
            self.observer.waiting(await desk_work.count_waiting(connection))

    async def _route(
        self, connection: Connection, queue: str, holder: UUID | None, stops: Stops
    ) -> None:
        """Give away tickets, most urgent first, until nobody has room."""
        place, routed = None, 0
        while not stops():
            turn = await desk_work.route_next(connection, self.keys, queue, place, holder)
            if turn is None or not turn.is_taken:
                break
            place, routed = turn.place, routed + 1
        if routed:
            self.observer.routed(routed)
            _log.info("tickets were given to agents", queue=queue, tickets=routed)
