"""Customers move money while business days end: every cent bears interest for its days, once."""

import asyncio
import random
from datetime import date, timedelta
from decimal import Decimal

from business_days import SAVINGS_RATE, DayBank
from factories import Made

from app.db import business_day
from app.db.ids import new_id
from app.db.ledger import book, lock_accounts
from app.domain.account import TransactionKind
from app.domain.interest import DayCount, demand_interest
from app.domain.ledger import Entry, Leg
from app.domain.money import Currency

FIRST, DAYS, TRANSFERS = date(2026, 3, 18), 5, 40


async def move_money(bank: DayBank, accounts: list[Made], seed: int) -> None:
    """Transfer small amounts between random accounts, each in a transaction."""
    rng = random.Random(seed)
    async with business_day.connected(bank.url) as connection:
        for _ in range(TRANSFERS):
            payer, payee = rng.sample(accounts, 2)
            amount = Decimal(rng.randint(1, 10_000)) / 100
            async with connection.transaction():
                on = await connection.fetchval("select booking_date()")
                await lock_accounts(connection, [(each.owner, each.id) for each in (payer, payee)])
                out, into = TransactionKind.TRANSFER_OUT, TransactionKind.TRANSFER_IN
                usd = Currency.USD
                legs = (
                    Leg(new_id(), payer.owner, payer.id, -amount, usd, out),
                    Leg(new_id(), payee.owner, payee.id, amount, usd, into),
                )
                await book(connection, Entry(new_id(), payer.owner, out, on, legs))


async def expected_interest(bank: DayBank, account: Made) -> Decimal:
    """Interest by the balance at each day's end, as value dates tell it."""
    total = Decimal(0)
    for number in range(DAYS):
        balance = await bank.owner.fetchval(
            "select sum(amount) from posting where account_id = $1 and value_on <= $2",
            account.id,
            FIRST + timedelta(days=number),
        )
        total += demand_interest(balance, SAVINGS_RATE, DayCount.ACT_360)
    return total


async def test_every_cent_bears_interest_for_its_days(day_bank: DayBank) -> None:
    await day_bank.stands_on(FIRST)
    accounts = [await day_bank.savings("100000.00") for _ in range(6)]
    last = FIRST + timedelta(days=DAYS)
    await day_bank.day_end().move_to(last)
    await asyncio.gather(
        *(move_money(day_bank, accounts, seed) for seed in range(4)),
        *(day_bank.day_end(batch=2).run() for _ in range(2)),
    )
    assert await day_bank.today() == last
    moved = set()
    for account in accounts:
        row = await day_bank.row(account)
        credited = await day_bank.bookings(account, "INTEREST_CREDITED")
        assert [on for _, on in credited] == [date(2026, 3, 21)]
        earned = await expected_interest(day_bank, account)
        # What was credited had been rounded to the cent.
        assert abs(row["interest_accrued"] + credited[0][0] - earned) <= Decimal("0.005")
        rows = await day_bank.owner.fetch(
            "select distinct value_on from posting where account_id = $1", account.id
        )
        moved |= {each["value_on"] for each in rows}
    # Money did move on several of the days, or this would show little.
    assert len(moved & {FIRST + timedelta(days=n) for n in range(DAYS + 1)}) > 2
    sums = await day_bank.owner.fetchval("select sum(amount) from posting")
    assert sums == 0
