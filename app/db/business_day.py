"""Statements of the business date and of the days that are over.

The worker acts in the role ``jobs``. Each transaction of a step locks the step's row and moves it
with what it does: what a worker did before it was killed is done, what it had not committed is
done by the next one, and two at once take turns. docs/worker.md explains it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg

from app.db.policies import BUSINESS_DAY_LOCK
from app.db.roles import JOBS
from app.domain.business_day import ONE_DAY, Clock, DayStep

_CONNECT_TIMEOUT_SECONDS: Final = 10
# The first sum of the bank's own accounts reads all their postings.
_STATEMENT_TIMEOUT_SECONDS: Final = 3600

_CLOCK: Final = "select current_on, follows_calendar, run_to from business_date"
_ENSURE: Final = """
insert into business_date (id, current_on) values (1, $1) on conflict do nothing
"""
_UNFINISHED: Final = """
select day_on, cut_off_at from business_day where finished_at is null order by day_on limit 1
"""
# Whoever looked before another worker began a day's end knows the date that it moved to, and not
# that there is a day to finish first.
_MOVE: Final = """
update business_date set current_on = $2
where current_on = $1 and not exists (select from business_day where finished_at is null)
"""
_BEGIN: Final = """
insert into business_day (day_on, cut_off_at) values ($1, clock_timestamp())
returning day_on, cut_off_at
"""
_BEGIN_STEPS: Final = """
insert into business_day_step (day_on, step) select $1, step from unnest($2::text[]) as step
"""
_STEPS_LEFT: Final = """
select step from business_day_step where day_on = $1 and finished_at is null
"""
_LOCK_STEP: Final = """
select after_owner, after_id, finished_at, now() as at from business_day_step
where day_on = $1 and step = $2 for update
"""
_MOVE_STEP: Final = """
update business_day_step set after_owner = $3, after_id = $4, done = done + $5
where day_on = $1 and step = $2
"""
_FINISH_STEP: Final = """
update business_day_step set done = done + $3, finished_at = clock_timestamp()
where day_on = $1 and step = $2
"""
_FINISH: Final = """
update business_day set finished_at = clock_timestamp()
where day_on = $1 and finished_at is null and not exists (
    select from business_day_step where day_on = $1 and business_day_step.finished_at is null
)
"""
_RUN_TO: Final = "update business_date set run_to = $1"

Connection = asyncpg.Connection


@dataclass(frozen=True, slots=True)
class Day:
    """A business day that is over: ``on``; bookings before ``cut_off_at`` are of it or earlier."""

    on: date
    cut_off_at: datetime

    @property
    def next_on(self) -> date:
        """The day after it, which bookings of its end belong to."""
        return self.on + ONE_DAY


@dataclass(frozen=True, slots=True)
class Key:
    """A row's place in the order in which a step takes rows."""

    owner: UUID
    id: UUID


FIRST: Final = Key(UUID(int=0), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Turn:
    """One transaction of a step: of which day's end, after which row it goes on, and its time."""

    day: Day
    after: Key
    at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction of a step did: the last row it took, None at the end; rows changed."""

    last: Key | None
    done: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a step's turn: ``done`` rows changed; whether the step is finished."""

    done: int
    is_finished: bool


Work = Callable[[Connection, Turn], Awaitable[Batch]]


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    """Open a connection in the role ``jobs``."""
    connection = await asyncpg.connect(
        dsn,
        timeout=_CONNECT_TIMEOUT_SECONDS,
        server_settings={
            "role": JOBS,
            "application_name": "bank360 worker",
            "statement_timeout": f"{_STATEMENT_TIMEOUT_SECONDS}s",
            "jit": "off",
        },
    )
    try:
        yield connection
    finally:
        connection.terminate()


async def read_clock(connection: Connection, today: date) -> Clock:
    """Give where the bank's time stands; a bank without a business date begins ``today``."""
    row = await connection.fetchrow(_CLOCK)
    if row is None:
        await connection.execute(_ENSURE, today)
        row = await connection.fetchrow(_CLOCK)
    assert row is not None
    return Clock(*row)


async def set_target(connection: Connection, target: date) -> None:
    """Let the test clock run to a day."""
    await connection.execute(_RUN_TO, target)


async def unfinished_day(connection: Connection) -> Day | None:
    """Give the oldest day whose end is begun and not finished."""
    row = await connection.fetchrow(_UNFINISHED)
    return None if row is None else Day(*row)


async def begin_day_end(connection: Connection, clock: Clock) -> Day | None:
    """Move the business date by a day and begin the end of the one that it leaves.

    Waits for everybody who is booking, who all belong to the day that ends. Gives None where
    another worker was first: days end one after the other.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", BUSINESS_DAY_LOCK)
        moved = await connection.execute(_MOVE, clock.current_on, clock.current_on + ONE_DAY)
        if moved != "UPDATE 1":
            return None
        row = await connection.fetchrow(_BEGIN, clock.current_on)
        assert row is not None
        await connection.execute(_BEGIN_STEPS, clock.current_on, [step.value for step in DayStep])
        return Day(*row)


async def steps_left(connection: Connection, day: Day) -> list[DayStep]:
    """Give the steps of a day's end that are not finished, in their order."""
    left = {row["step"] for row in await connection.fetch(_STEPS_LEFT, day.on)}
    return [step for step in DayStep if step.value in left]


async def take_turn(connection: Connection, day: Day, step: DayStep, work: Work) -> Taken:
    """Do a step's next batch and move the step, in one transaction."""
    async with connection.transaction():
        row = await connection.fetchrow(_LOCK_STEP, day.on, step.value)
        assert row is not None
        if row["finished_at"] is not None:
            return Taken(0, is_finished=True)
        after = Key(row["after_owner"], row["after_id"]) if row["after_owner"] else FIRST
        batch = await work(connection, Turn(day, after, row["at"]))
        if batch.last is None:
            await connection.execute(_FINISH_STEP, day.on, step.value, batch.done)
        else:
            await connection.execute(
                _MOVE_STEP, day.on, step.value, batch.last.owner, batch.last.id, batch.done
            )
        return Taken(batch.done, is_finished=batch.last is None)


async def finish_day(connection: Connection, day: Day) -> None:
    """Note that a day's end is done, where all its steps are."""
    await connection.execute(_FINISH, day.on)
