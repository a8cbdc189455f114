"""The end of business days: interest, catching up, taking turns, and being broken off."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from audit_trail import open_trail
from business_days import SAVINGS_RATE, DayBank

from app.db import business_day
from app.db.audit_verify import verify
from app.db.ids import new_id


async def test_interest_accrues_by_the_day_and_is_credited_after_the_20th(
    day_bank: DayBank,
) -> None:
    await day_bank.stands_on(date(2026, 3, 18))
    account = await day_bank.savings("10000.00")
    await day_bank.run_to(date(2026, 3, 20))
    row = await day_bank.row(account)
    # 10,000 x 2 days x 0.35 % / 360
    assert row["interest_accrued"] == Decimal("0.1944444444")
    assert row["balance"] == 10_000
    await day_bank.run_to(date(2026, 3, 22))
    # Three days' interest is 0.29; the 21st is of the next period.
    assert await day_bank.bookings(account, "INTEREST_CREDITED") == [
        (Decimal("0.29"), date(2026, 3, 21))
    ]
    row = await day_bank.row(account)
    assert (row["balance"], row["accrued_until"]) == (Decimal("10000.29"), date(2026, 3, 22))
    assert row["interest_accrued"] == Decimal("0.0972250417")
    assert await day_bank.events(account) == ["interest.posted"]
    assert row["version"] == 1


async def test_products_say_how_interest_is_counted_and_when_it_is_credited(
    day_bank: DayBank,
) -> None:
    await day_bank.stands_on(date(2026, 2, 20))
    monthly = await day_bank.product(
        annual_rate=Decimal("0.0365"), day_count="ACT_365", interest_posting="MONTHLY"
    )
    quarterly = await day_bank.product()
    often = await day_bank.savings("1000.00", annual_rate=None, product_id=monthly.id)
    seldom = await day_bank.savings("1000.00", annual_rate=None, product_id=quarterly.id)
    await day_bank.run_to(date(2026, 2, 21))
    assert await day_bank.bookings(often, "INTEREST_CREDITED") == [
        (Decimal("0.10"), date(2026, 2, 21))
    ]
    assert await day_bank.bookings(seldom, "INTEREST_CREDITED") == []
    assert (await day_bank.row(seldom))["interest_accrued"] == Decimal("0.1000000000")


async def test_what_earns_nothing_is_left_alone(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    empty = await day_bank.savings("0.00")
    without_rate = await day_bank.savings("5.00", annual_rate=None)
    closed = await day_bank.savings("0.00", status="CLOSED", closed_on=date(2026, 3, 1))
    future = await day_bank.savings("0.00", opened_on=date(2026, 3, 21))
    await day_bank.run_to(date(2026, 3, 21))
    for account in (empty, without_rate, closed, future):
        row = await day_bank.row(account)
        assert (row["interest_accrued"], row["accrued_until"]) == (0, None)
        assert await day_bank.events(account) == []


async def test_a_bank_that_was_down_catches_up_day_by_day(day_bank: DayBank) -> None:
    today = datetime.now(UTC).date()
    await day_bank.stands_on(today - timedelta(days=4), follows_calendar=True)
    account = await day_bank.savings("10000.00")
    assert await day_bank.day_end().is_due()
    await day_bank.day_end().run()
    assert await day_bank.today() == today
    assert day_bank.told.days_closed == 4
    row = await day_bank.row(account)
    credited = sum(amount for amount, _ in await day_bank.bookings(account, "INTEREST_CREDITED"))
    earned = row["interest_accrued"] + credited
    assert earned == pytest.approx(Decimal(40_000) * SAVINGS_RATE / 360, abs=Decimal("0.01"))
    days = await day_bank.owner.fetch(
        "select day_on, finished_at is not null as done from business_day order by day_on"
    )
    expected = [(today - timedelta(days=n), True) for n in (4, 3, 2, 1)]
    assert [tuple(day) for day in days] == expected
    assert not await day_bank.day_end().is_due()
    assert day_bank.told.days_due == 0


async def test_a_bank_without_a_date_begins_today(day_bank: DayBank) -> None:
    await day_bank.day_end().run()
    assert await day_bank.today() == datetime.now(UTC).date()
    assert day_bank.told.days_closed == 0


async def test_several_at_once_take_turns(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    accounts = [await day_bank.savings("36000.00") for _ in range(7)]
    await day_bank.day_end().move_to(date(2026, 3, 23))
    await asyncio.gather(*(day_bank.day_end(batch=1).run() for _ in range(4)))
    assert await day_bank.today() == date(2026, 3, 23)
    for account in accounts:
        assert await day_bank.bookings(account, "INTEREST_CREDITED") == [
            (Decimal("0.35"), date(2026, 3, 21))
        ]
        # 21 and 22 March, on 36,000.35.
        assert (await day_bank.row(account))["interest_accrued"] == Decimal("0.7000068056")
        assert await day_bank.events(account) == ["interest.posted"]


async def test_no_day_ends_before_the_one_before_it(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    await day_bank.day_end().move_to(date(2026, 3, 23))
    today = date(2026, 3, 23)
    async with business_day.connected(day_bank.url) as connection:
        # A worker that saw no unfinished day, before another one began this one's end.
        clock = await business_day.read_clock(connection, today)
        assert await business_day.begin_day_end(connection, clock) is not None
        clock = await business_day.read_clock(connection, today)
        assert clock.is_over(today)
        assert await business_day.begin_day_end(connection, clock) is None
    assert await day_bank.today() == date(2026, 3, 21)
    await day_bank.day_end().run()
    assert await day_bank.today() == date(2026, 3, 23)


async def test_what_was_broken_off_goes_on_where_it_was(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    accounts = [await day_bank.savings("36000.00") for _ in range(5)]
    await day_bank.day_end().move_to(date(2026, 3, 21))
    turns = 0

    def stops_after_three() -> bool:
        nonlocal turns
        turns += 1
        return turns > 3

    while await day_bank.day_end().is_due():
        turns = 0
        await day_bank.day_end(batch=1).run(stops_after_three)
    for account in accounts:
        assert len(await day_bank.bookings(account, "INTEREST_CREDITED")) == 1
    assert day_bank.told.rows["INTEREST"] == day_bank.told.rows["POSTING"] == 5


async def test_a_failing_step_leaves_nothing_of_its_batch(
    day_bank: DayBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    account = await day_bank.savings("36000.00")

    async def fail(*_given: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr("app.db.day_records.audit.write_all", fail)
        with pytest.raises(ConnectionResetError):
            await day_bank.run_to(date(2026, 3, 21))
    assert (await day_bank.row(account))["balance"] == 36_000
    await day_bank.run_to(date(2026, 3, 21))
    assert (await day_bank.row(account))["balance"] == Decimal("36000.35")


async def test_the_end_of_a_day_waits_for_who_is_booking_and_counts_it(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    account = await day_bank.savings("36000.00")
    other = await asyncpg.connect(day_bank.url)
    transaction = other.transaction()
    await transaction.start()
    assert await other.fetchval("select booking_date()") == date(2026, 3, 20)
    day_end = day_bank.day_end()
    await day_end.move_to(date(2026, 3, 21))
    running = asyncio.create_task(day_end.run())
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    while not await day_bank.owner.fetchval(waits):
        assert not running.done()
        await asyncio.sleep(0.01)
    late = day_bank.owner.fetchval("select booking_date()")
    await transaction.commit()
    assert await late == date(2026, 3, 21)
    await running
    await other.close()
    assert (await day_bank.row(account))["balance"] == Decimal("36000.35")


async def test_what_is_booked_after_a_day_earns_nothing_for_it(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    account = await day_bank.savings("36000.00")
    async with business_day.connected(day_bank.url) as connection:
        await business_day.set_target(connection, date(2026, 3, 21))
        clock = await business_day.read_clock(connection, date(2026, 3, 20))
        await business_day.begin_day_end(connection, clock)
        assert await business_day.begin_day_end(connection, clock) is None
    now = datetime.now(UTC)
    await day_bank.factory.postings(account, "360000.00", day=(now + timedelta(days=1)).date())
    await day_bank.day_end().run()
    assert await day_bank.bookings(account, "INTEREST_CREDITED") == [
        (Decimal("0.35"), date(2026, 3, 21))
    ]


async def test_the_banks_own_accounts_are_closed_daily(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 19))
    await day_bank.savings("36000.00")
    await day_bank.run_to(date(2026, 3, 23))
    sums = await day_bank.owner.fetch(
        "select day_on, sum(balance) from internal_balance group by day_on order by day_on"
    )
    assert [tuple(row) for row in sums] == [
        (date(2026, 3, 19), Decimal("-36000.00")),
        (date(2026, 3, 20), Decimal("-36000.00")),
        # Interest of the 20th is paid on the 21st.
        (date(2026, 3, 21), Decimal("-36000.70")),
        (date(2026, 3, 22), Decimal("-36000.70")),
    ]


async def test_outcomes_of_commands_are_forgotten_after_their_time(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 19))
    now = datetime.now(UTC)
    for days in (1, 89, 91, 400):
        await day_bank.factory.insert(
            "idempotency_key",
            actor_id=new_id(),
            key=f"{days} days old",
            command="updateCustomer",
            payload_hash=b"",
            recorded_at=now - timedelta(days=days),
            problem="{}",
        )
    await day_bank.run_to(date(2026, 3, 20))
    left = await day_bank.owner.fetch("select key from idempotency_key order by key")
    assert [row["key"] for row in left] == ["1 days old", "89 days old"]


async def test_promises_are_forgotten_once_they_have_long_expired(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 19))
    now = datetime.now(UTC)
    used, sent = {"used_at": now}, {"code_digest": b"", "sent_at": now}
    for minutes, given in ((-62, used), (-61, sent), (-59, sent), (-1, used), (9, used)):
        until = now + timedelta(minutes=minutes)
        values = {"actor_id": new_id(), "id": new_id(), "valid_until": until}
        await day_bank.factory.insert("transfer_promise", **values, **given)
    await day_bank.run_to(date(2026, 3, 20))
    left = await day_bank.owner.fetch("select valid_until from transfer_promise order by 1")
    assert [(row["valid_until"] - now) / timedelta(minutes=1) for row in left] == [-59, -1, 9]
    assert day_bank.told.rows["PROMISES"] == 2


async def test_requests_that_nobody_decided_in_time_are_ended_once(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 3, 19))
    customer, maker = await day_bank.factory.customer(), new_id()
    over = datetime.now(UTC) - timedelta(seconds=1)
    late = [await day_bank.factory.approval(customer, maker, expires_at=over) for _ in range(3)]
    waits = await day_bank.factory.approval(customer, maker)
    await day_bank.run_to(date(2026, 3, 20), batch=2)
    await day_bank.run_to(date(2026, 3, 21), batch=2)
    rows = await day_bank.owner.fetch("select id, state from approval")
    states = {row["id"]: row["state"] for row in rows}
    assert states == {each.id: "EXPIRED" for each in late} | {waits.id: "PENDING"}
    told = await day_bank.owner.fetch(
        "select subject_id, actor_id, command, fields from audit_record"
        " where event = 'approval.expired'"
    )
    assert sorted(row["subject_id"] for row in told) == sorted(each.id for each in late)
    fields = ["COMMAND:assignRelationshipManager", f"MAKER:sta_{maker.hex}"]
    assert {(row["actor_id"], row["command"]) for row in told} == {(None, "endOfDay")}
    assert all(row["fields"] == fields for row in told)
    assert day_bank.told.rows["APPROVALS"] == 3


async def test_records_of_a_days_end_stand_in_the_chain(day_bank: DayBank, tmp_path: Path) -> None:
    await day_bank.stands_on(date(2026, 3, 20))
    for _ in range(3):
        await day_bank.savings("36000.00")
    await day_bank.run_to(date(2026, 3, 21))
    async with open_trail(day_bank.url, day_bank.keys, tmp_path) as trail:
        async with trail.sequencing() as (_, wake):
            wake()
            rows = await day_bank.owner.fetch("select id from audit_record")
            assert len(rows) == 3
            await trail.until_numbered([row["id"] for row in rows])
        checked = await verify(
            day_bank.url, day_bank.keys.audit, trail.file, lambda *_progress: None
        )
    assert checked.records == 3
