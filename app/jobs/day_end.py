"""The end of business days: each over day's steps in their order, day by day, once each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from app.db import business_day
from app.db.business_day import Connection, Day, Work
from app.db.day_approvals import Expiry
from app.db.day_closing import Forgetting, close_internal_accounts, forget_promises
from app.db.day_interest import Interest
from app.db.day_maturities import Maturities
from app.db.day_orders import StandingOrders
from app.db.day_tickets import TicketClosing
from app.db.keys import Keys
from app.domain.business_day import DayStep

_log = structlog.get_logger("bank360.worker")

UTC_NAME: Final = "UTC"


class Observer(Protocol):
    """Is told what the worker does."""

    def due(self, days: int) -> None:
        """Tell how many business days are over and not closed."""

    def worked(self, step: DayStep, rows: int, seconds: float) -> None:
        """Tell that one transaction of a step changed so many rows."""

    def closed(self) -> None:
        """Tell that a day's end is done."""

    def failed(self) -> None:
        """Tell that a run was broken off; it goes on where it was at the next try."""


@dataclass(frozen=True)
class Rules:
    """What the end of a day goes by; ``batch`` is how many rows one transaction takes."""

    zone: str
    batch: int
    idempotency_key_days: int


def calendar_day(zone: str) -> date:
    """Give the calendar's day in a time zone."""
    return datetime.now(UTC if zone == UTC_NAME else ZoneInfo(zone)).date()


@dataclass(frozen=True)
class DayEnd:
    """Closes the business days of one bank that are over."""

    dsn: str
    keys: Keys
    rules: Rules
    observer: Observer

    def today(self) -> date:
        """Give the calendar's day where the bank is."""
        return calendar_day(self.rules.zone)

    def _steps(self) -> Mapping[DayStep, Work]:
        interest = Interest(self.keys.audit, self.rules.batch)
        return {
            DayStep.INTEREST: interest.accrue,
            DayStep.POSTING: interest.credit,
            DayStep.MATURITIES: Maturities(self.keys.audit, self.rules.batch).settle,
            DayStep.STANDING_ORDERS: StandingOrders(self.keys, self.rules.batch).pay,
            DayStep.INTERNAL_ACCOUNTS: close_internal_accounts,
            DayStep.APPROVALS: Expiry(self.keys.audit, self.rules.batch).end,
            DayStep.PROMISES: forget_promises,
            DayStep.IDEMPOTENCY_KEYS: Forgetting(self.rules.idempotency_key_days).forget,
            DayStep.TICKETS: TicketClosing(self.keys.audit, self.rules.batch).close,
        }

    async def is_due(self) -> bool:
        """Tell whether there is something to do."""
        async with business_day.connected(self.dsn) as connection:
            return await self._days_due(connection) > 0

    async def move_to(self, target: date) -> None:
        """Let the test clock move the business date to a day, once the days before are closed."""
        async with business_day.connected(self.dsn) as connection:
            await business_day.set_target(connection, target)

    async def _days_due(self, connection: Connection) -> int:
        today = self.today()
        clock = await business_day.read_clock(connection, today)
        unfinished = await business_day.unfinished_day(connection)
        due = clock.days_due(today) + (unfinished is not None)
        self.observer.due(due)
        return due

    async def run(
        self,
        stops: Callable[[], bool] = lambda: False,
        closed: Callable[[date], None] = lambda _day: None,
    ) -> None:
        """Close day after day until none is over, or until told to stop between two batches."""
        async with business_day.connected(self.dsn) as connection:
            while not stops():
                day = await self._next(connection)
                if day is None or not await self._close(connection, day, stops):
                    return
                closed(day.on)

    async def _next(self, connection: Connection) -> Day | None:
        """Give the day to work on: one that was left, else the one that is over."""
        while True:
            await self._days_due(connection)
            left = await business_day.unfinished_day(connection)
            if left is not None:
                return left
            today = self.today()
            clock = await business_day.read_clock(connection, today)
            if not clock.is_over(today):
                return None
            begun = await business_day.begin_day_end(connection, clock)
            if begun is not None:
                return begun

    async def _close(self, connection: Connection, day: Day, stops: Callable[[], bool]) -> bool:
        """Do what is left of a day's end; gives whether it is done."""
        works = self._steps()
        for step in await business_day.steps_left(connection, day):
            began, rows, finished = perf_counter(), 0, False
            while not finished:
                if stops():
                    return False
                turn_began = perf_counter()
                taken = await business_day.take_turn(connection, day, step, works[step])
                self.observer.worked(step, taken.done, perf_counter() - turn_began)
                rows, finished = rows + taken.done, taken.is_finished
            _log.info(
                "a step of the day's end is done",
                day=str(day.on),
                step=step.value,
                rows=rows,
                duration_ms=round((perf_counter() - began) * 1000, 1),
            )
        await business_day.finish_day(connection, day)
        self.observer.closed()
        _log.info("the business day is closed", day=str(day.on))
        return True
