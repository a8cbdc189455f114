"""The service desk that a bank begins with: hours, targets, and how agents work.

Both banks that this program fills, seeded and imported, have it; a bank that has calendars of its
own keeps them. Changed with SQL (docs/service-levels.md).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from app.domain.bank_calendar import BankCalendar, SpecialDay, SpecialDayKind, read_hours
from app.domain.customer import Tier
from app.domain.service import QUEUES
from app.domain.service_level import TARGETS

DESK: Final = "DESK"
HOTLINE: Final = "HOTLINE"
DESK_HOURS: Final = "08:30-12:00 13:00-17:30 18:00-20:00"
HOTLINE_HOURS: Final = "08:00-14:00 14:00-20:00"
_ZONE: Final = "Asia/Shanghai"
_COUNTRY: Final = "CN"
_CALENDARS: Final = (
    (DESK, "Service desk: three shifts on working days", _ZONE, _COUNTRY),
    (HOTLINE, "Cards: two shifts on every day of the year", _ZONE, None),
)
_HOURS: Final = (
    *((DESK, weekday, DESK_HOURS) for weekday in range(1, 6)),
    *((HOTLINE, weekday, HOTLINE_HOURS) for weekday in range(1, 8)),
)
_INVENTED: Final = "Invented for this bank."
# The library of public holidays has everything else that a Chinese bank's desk needs.
_SPECIAL: Final = tuple(
    (DESK, date(year, 12, 31), SpecialDayKind.CLOSING, None, "08:30-12:00 13:00-17:30",
     "Closing of the year's books", _INVENTED)
    for year in range(2025, 2036)
    if date(year, 12, 31).isoweekday() <= 5  # noqa: PLR2004  # Friday.
)  # fmt: skip
_CARDS: Final = "CARDS"

_EARLY: Final = "08:30-12:00 13:00-17:30"
_LATE: Final = "13:00-17:30 18:00-20:00"
_EARLY_HOTLINE: Final = "08:00-14:00"
_LATE_HOTLINE: Final = "14:00-20:00"
# Dealt to agents in turn, so that each queue of a few agents has both languages and both shifts.
_LANGUAGES: Final = (("zh", "en"), ("zh",), ("en", "zh"), ("zh", "en"), ("en",))
# What waits for the customer counts too; in an invented bank an agent serves a thousand customers.
_CAPACITIES: Final = (80, 96, 112)
_LEVELS: Final = 3
_COMMON_TIERS: Final = (Tier.NORMAL, Tier.SILVER)

_STORE_CALENDARS: Final = """
insert into service_calendar (code, name, zone, country)
select $1, $2, $3, $4 where not exists (select from service_queue)
"""
_STORE_HOURS: Final = """
insert into service_hours (calendar_code, weekday, hours)
select $1, $2, $3 where not exists (select from service_queue)
"""
_STORE_SPECIAL: Final = """
insert into special_day (calendar_code, day_on, kind, follows, hours, name, source)
select $1, $2, $3, $4, $5, $6, $7 where not exists (select from service_queue)
"""
_STORE_QUEUES: Final = """
insert into service_queue (code, calendar_code)
select code, calendar_code from unnest($1::text[], $2::text[]) as given (code, calendar_code)
where not exists (select from service_queue)
"""
_STORE_TARGETS: Final = """
insert into service_target (tier, priority, answer_minutes, solution_minutes)
values ($1, $2, $3, $4) on conflict do nothing
"""
_NEW_AGENTS: Final = """
select staff.id, array_agg(staff_queue.queue order by staff_queue.queue) as queues
from staff join staff_queue on staff_queue.staff_id = staff.id
where not exists (select from service_agent where service_agent.staff_id = staff.id)
group by staff.id, staff.number order by staff.number
"""
_STORE_AGENT: Final = """
insert into service_agent (staff_id, capacity, languages, tiers, open_tickets)
select $1, $2, $3, $4, count(*) from ticket
where assignee_id = $1 and status not in ('RESOLVED', 'CLOSED')
"""
_STORE_SKILL: Final = "insert into staff_skill (staff_id, category, level) values ($1, $2, $3)"
_STORE_SHIFT: Final = "insert into staff_shift (staff_id, weekday, hours) values ($1, $2, $3)"


@cache
def calendar_of(queue: str) -> BankCalendar:
    """Give the calendar that a bank's queue begins with."""
    code = HOTLINE if queue == _CARDS else DESK
    ((zone, country),) = ((zone, country) for name, _, zone, country in _CALENDARS if name == code)
    return BankCalendar(
        ZoneInfo(zone),
        {weekday: read_hours(hours) for name, weekday, hours in _HOURS if name == code},
        country,
        {
            day: SpecialDay(kind, follows, read_hours(hours))
            for name, day, kind, follows, hours, *_ in _SPECIAL
            if name == code
        },
    )


async def ensure_service_desk(connection: asyncpg.Connection) -> None:
    """Store calendars, queues and targets where there are none, and plans of new agents.

    Call it inside a transaction, once staff and their queues are stored.
    """
    # Whoever comes second, as beside another run, finds the queues.
    await connection.execute("lock table service_queue in share row exclusive mode")
    await connection.executemany(_STORE_CALENDARS, _CALENDARS)
    await connection.executemany(_STORE_HOURS, _HOURS)
    await connection.executemany(_STORE_SPECIAL, _SPECIAL)
    queues = sorted(set(QUEUES.values()))
    calendars = [HOTLINE if queue == _CARDS else DESK for queue in queues]
    await connection.execute(_STORE_QUEUES, queues, calendars)
    await connection.executemany(
        _STORE_TARGETS,
        [
            (tier, priority, _minutes(target.answer), _minutes(target.solution))
            for (tier, priority), target in TARGETS.items()
        ],
    )
    for place, (staff, queues) in enumerate(await connection.fetch(_NEW_AGENTS)):
        await _store_agent(connection, place, staff, queues)


def _minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)


async def _store_agent(
    connection: asyncpg.Connection, place: int, staff: UUID, queues: list[str]
) -> None:
    tiers = tuple(Tier) if place % 2 == 0 else _COMMON_TIERS
    await connection.execute(
        _STORE_AGENT,
        staff,
        _CAPACITIES[place % len(_CAPACITIES)],
        list(_LANGUAGES[place % len(_LANGUAGES)]),
        list(tiers),
    )
    skills = [
        (staff, category, 1 + (place + number) % _LEVELS)
        for number, (category, queue) in enumerate(QUEUES.items())
        if queue in queues
    ]
    await connection.executemany(_STORE_SKILL, skills)
    plan = [(staff, weekday, hours) for weekday, hours in _plan(place, queues)]
    await connection.executemany(_STORE_SHIFT, plan)


def _plan(place: int, queues: list[str]) -> Iterator[tuple[int, str]]:
    is_early = place % 2 == 0
    if _CARDS in queues:
        for weekday in range(1, 8):
            yield weekday, _EARLY_HOTLINE if is_early else _LATE_HOTLINE
        return
    for weekday in range(1, 6):
        yield weekday, _EARLY if is_early else _LATE
