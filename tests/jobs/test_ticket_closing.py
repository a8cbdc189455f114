"""Answered tickets that cannot be reopened any more, at the end of a day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from business_days import DayBank
from factories import Made

from app.domain.business_day import DayStep
from app.domain.ticket import REOPENING

ANSWERED: dict[str, Any] = {"status": "RESOLVED", "resolution": "EXPLAINED"}


async def _status(day_bank: DayBank, ticket: Made) -> str:
    status: str = await day_bank.owner.fetchval(
        "select status from ticket where id = $1", ticket.id
    )
    return status


async def test_tickets_are_closed_once_they_cannot_be_reopened(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 2))
    now, factory = datetime.now(UTC), day_bank.factory
    customer = await factory.customer()
    past, minute = now - REOPENING, timedelta(minutes=1)
    over = [
        await factory.ticket(customer, **ANSWERED, resolved_at=past - n * minute)
        for n in range(1, 4)
    ]
    kept = [
        await factory.ticket(customer, **ANSWERED, resolved_at=past + 10 * minute),
        # Nobody knows when.
        await factory.ticket(customer, **ANSWERED),
        await factory.ticket(customer, status="OPEN"),
    ]
    # Two to a transaction.
    await day_bank.run_to(date(2026, 3, 3), batch=2)
    assert [await _status(day_bank, ticket) for ticket in over] == ["CLOSED"] * 3
    assert [await _status(day_bank, ticket) for ticket in kept] == ["RESOLVED", "RESOLVED", "OPEN"]
    assert day_bank.told.rows[DayStep.TICKETS] == 3
    steps = await day_bank.owner.fetch(
        "select step.number, step.kind, step.status, step.staff_id, record.event, record.command,"
        " record.actor_id, record.fields, ticket.version, ticket.closed_at = record.recorded_at"
        " from ticket_event as step join audit_record as record on record.id = step.record_id"
        " join ticket on ticket.id = step.ticket_id and ticket.id = record.subject_id"
    )
    told = (2, "CLOSED", "CLOSED", None, "ticket.closed", "endOfDay", None)
    assert [tuple(step) for step in steps] == [(*told, ["closed_at", "status"], 2, True)] * 3
    await day_bank.run_to(date(2026, 3, 4))
    assert day_bank.told.rows[DayStep.TICKETS] == 3


async def test_a_ticket_that_somebody_is_at_is_left_to_the_next_day(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 2))
    at = datetime.now(UTC) - 2 * REOPENING
    ticket = await day_bank.factory.ticket(
        await day_bank.factory.customer(), **ANSWERED, resolved_at=at
    )
    async with day_bank.owner.transaction():
        await day_bank.owner.execute("select from ticket where id = $1 for update", ticket.id)
        await day_bank.run_to(date(2026, 3, 3))
    assert await _status(day_bank, ticket) == "RESOLVED"
    await day_bank.run_to(date(2026, 3, 4))
    assert await _status(day_bank, ticket) == "CLOSED"
