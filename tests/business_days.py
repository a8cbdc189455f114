"""A bank whose business date tests move, with the worker's steps in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from factories import Factory, Made

from app.db.ids import new_id
from app.db.keys import Keys
from app.domain.business_day import DayStep
from app.jobs.day_end import DayEnd, Rules

SAVINGS_RATE = Decimal("0.0035")


class Told:
    """What the worker told of itself; `app.jobs.day_end.Observer`."""

    def __init__(self) -> None:
        self.days_due = 0
        self.days_closed = 0
        self.failures = 0
        self.rows: dict[str, int] = dict.fromkeys(DayStep, 0)

    def due(self, days: int) -> None:
        self.days_due = days

    def worked(self, step: DayStep, rows: int, _seconds: float) -> None:
        self.rows[step] += rows

    def closed(self) -> None:
        self.days_closed += 1

    def failed(self) -> None:
        self.failures += 1


class DayBank:
    """A bank in a database of its own; its factory, and what its accounts come to."""

    def __init__(self, url: str, keys: Keys, owner: asyncpg.Connection) -> None:
        self.url = url
        self.keys = keys
        self.owner = owner
        self.factory = Factory(owner, keys)
        self.told = Told()

    async def stands_on(self, day: date, *, follows_calendar: bool = False) -> None:
        await self.owner.execute(
            "insert into business_date (id, current_on, follows_calendar) values (1, $1, $2)",
            day,
            follows_calendar,
        )

    def day_end(self, *, batch: int = 500, kept_days: int = 90) -> DayEnd:
        return DayEnd(self.url, self.keys, Rules("UTC", batch, kept_days), self.told)

    async def run_to(self, day: date, *, batch: int = 500) -> None:
        day_end = self.day_end(batch=batch)
        await day_end.move_to(day)
        await day_end.run()
        assert await self.today() == day

    async def today(self) -> date:
        current_on: date = await self.owner.fetchval("select current_on from business_date")
        return current_on

    async def savings(self, amount: str, **given: Any) -> Made:
        """A savings account in dollars with so much on it."""
        values = {"annual_rate": SAVINGS_RATE} | given
        account = await self.factory.account(await self.factory.customer(), **values)
        if Decimal(amount):
            await self.factory.postings(account, amount)
        return account

    async def product(self, **given: Any) -> Made:
        """A product for accounts in dollars, 3.6 % a year on ACT/360, credited each quarter."""
        row = new_id()
        values = {
            "code": f"P{row.hex[-8:]}",
            "name": "Savings",
            "name_zh": "活期",
            "kind": "DEMAND",
            "currency": "USD",
            "annual_rate": Decimal("0.036"),
            "day_count": "ACT_360",
            "interest_posting": "QUARTERLY",
            "offered": True,
            "rate_source": "Invented.",
        } | given
        await self.factory.insert("account_product", id=row, **values)
        return Made("prd", row, row)

    async def deposit(self, amount: str, settlement: Made | None = None, **given: Any) -> Made:
        """A time deposit of a year from 10 January 2026 at 1.75 %."""
        values = {
            "kind": "TIME_DEPOSIT",
            "annual_rate": Decimal("0.0175"),
            "term_months": 12,
            "opened_on": date(2026, 1, 10),
            "term_began_on": date(2026, 1, 10),
            "matures_on": date(2027, 1, 10),
            "settlement_account_id": settlement and settlement.id,
        } | given
        owner = Made("cus", settlement.owner, settlement.owner) if settlement else None
        account = await self.factory.account(owner or await self.factory.customer(), **values)
        await self.factory.postings(account, amount, day=date(2026, 1, 10))
        return account

    async def order(self, account: Made, amount: str, due: date, **given: Any) -> Made:
        """A standing order to somebody at another bank."""
        row = new_id()
        number = given.pop("number", "6217000000000001")
        place = "standing_order.payee_account_ciphertext"
        values = {
            "purpose": "HOUSEHOLD",
            "amount": Decimal(amount),
            "currency": "USD",
            "frequency": "MONTHLY",
            "status": "ACTIVE",
            "next_on": due,
            "first_on": due,
            "payee_bank": "ICBC",
            "payee_account_ciphertext": self.factory.encrypt(account.owner, place, row, number),
            "source": "BANK360",
        } | given
        await self.factory.insert(
            "standing_order", customer_id=account.owner, id=row, account_id=account.id, **values
        )
        return Made("sto", account.owner, row)

    async def row(self, account: Made) -> asyncpg.Record:
        """The account's row; its balance is the sum of its postings and the last one's."""
        row = await self.owner.fetchrow("select * from account where id = $1", account.id)
        assert row is not None
        sums = await self.owner.fetchrow(
            "select sum(amount) as total, (array_agg(balance_after order by booked_at, id))"
            "[count(*)] as last from posting where account_id = $1",
            account.id,
        )
        assert sums is not None
        assert row["balance"] == (sums["total"] or 0) == (sums["last"] or 0)
        return row

    async def bookings(self, account: Made, kind: str) -> list[tuple[Decimal, date]]:
        """Amounts and value dates of an account's postings of a kind, oldest first."""
        rows = await self.owner.fetch(
            "select amount, value_on from posting where account_id = $1 and kind = $2"
            " order by booked_at, id",
            account.id,
            kind,
        )
        return [(amount, value_on) for amount, value_on in rows]

    async def payments(self, order: Made) -> list[tuple[date, str, int]]:
        """Due day, outcome and attempts of a standing order's payments."""
        rows = await self.owner.fetch(
            "select due_on, outcome, attempts from order_payment where order_id = $1"
            " order by due_on",
            order.id,
        )
        return [(due_on, outcome, attempts) for due_on, outcome, attempts in rows]

    async def number_of(self, account: Made) -> str:
        """The account's number, in clear."""
        sealed = await self.owner.fetchval(
            "select number_ciphertext from account where id = $1", account.id
        )
        cipher = self.factory.ciphers[account.owner]
        return cipher.decrypt("account.number_ciphertext", account.id, sealed)

    async def events(self, subject: Made) -> list[str]:
        """What audit records tell of a row, oldest first."""
        rows = await self.owner.fetch(
            "select event from audit_record where subject_id = $1 order by recorded_at, id",
            subject.id,
        )
        return [row["event"] for row in rows]


@asynccontextmanager
async def open_day_bank(
    migrated_database: Callable[[str], str], keys: Keys
) -> AsyncIterator[DayBank]:
    """A bank of its own: business dates are those of a whole bank."""
    url = await asyncio.to_thread(migrated_database, f"days_{new_id().hex[-12:]}")
    owner = await asyncpg.connect(url)
    yield DayBank(url, keys, owner)
    await owner.close()


@pytest.fixture
async def day_bank(migrated_database: Callable[[str], str], keys: Keys) -> AsyncIterator[DayBank]:
    async with open_day_bank(migrated_database, keys) as bank:
        yield bank
