"""Standing orders that are due at the end of a day: paid, refused, tried again, given up."""

from datetime import date
from decimal import Decimal

import pytest
from business_days import DayBank

from app.db.bank_itself import internal_account_id
from app.domain.account import InternalPurpose, OrderFrequency
from app.domain.business_day import ORDER_ATTEMPTS_MAX, next_due
from app.domain.money import Currency

BEFORE, DUE = date(2026, 1, 30), date(2026, 1, 31)


async def test_an_order_to_another_bank_is_paid_on_its_day(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 1, 29))
    account = await day_bank.savings("100.00", annual_rate=None)
    order = await day_bank.order(account, "30.00", DUE)
    await day_bank.run_to(BEFORE)
    assert await day_bank.payments(order) == []
    await day_bank.run_to(DUE)
    assert (await day_bank.row(account))["balance"] == 70
    assert await day_bank.bookings(account, "HOUSEHOLD_PAYMENT") == [(Decimal("-30.00"), DUE)]
    assert await day_bank.payments(order) == [(DUE, "PAID", 1)]
    assert await day_bank.events(order) == ["standing_order.paid"]
    clearing = internal_account_id(InternalPurpose.CLEARING, Currency.USD)
    sql = "select sum(amount) from posting where account_id = $1"
    assert await day_bank.owner.fetchval(sql, clearing) == 30
    # Due on the 31st: at the end of each month.
    await day_bank.run_to(date(2026, 2, 28))
    assert await day_bank.payments(order) == [(DUE, "PAID", 1), (date(2026, 2, 28), "PAID", 1)]
    next_on = await day_bank.owner.fetchval("select next_on from standing_order")
    assert next_on == date(2026, 3, 31)


async def test_an_order_within_the_bank_tells_each_side_the_other(day_bank: DayBank) -> None:
    await day_bank.stands_on(BEFORE)
    account = await day_bank.savings("100.00", annual_rate=None)
    payee = await day_bank.savings("1.00", annual_rate=None, number="360000000001")
    order = await day_bank.order(
        account, "30.00", DUE, payee_bank=None, number="360000000001", purpose="OTHER"
    )
    await day_bank.run_to(DUE)
    assert await day_bank.payments(order) == [(DUE, "PAID", 1)]
    assert (await day_bank.row(payee))["balance"] == 31
    told = {}
    for side in (account, payee):
        row = await day_bank.owner.fetchrow(
            "select id, counterparty_account_ciphertext as sealed from posting"
            " where account_id = $1 and value_on = $2",
            side.id,
            DUE,
        )
        assert row is not None
        cipher = day_bank.factory.ciphers[side.owner]
        place = "posting.counterparty_account_ciphertext"
        told[side.id] = cipher.decrypt(place, row["id"], row["sealed"])
    assert told[account.id] == "360000000001"
    assert told[payee.id] == await day_bank.number_of(account)


async def test_without_cover_it_is_tried_again_on_the_next_business_day(
    day_bank: DayBank,
) -> None:
    await day_bank.stands_on(BEFORE)
    account = await day_bank.savings("29.99", annual_rate=None)
    order = await day_bank.order(account, "30.00", DUE)
    await day_bank.run_to(date(2026, 2, 1))
    assert await day_bank.payments(order) == [(DUE, "INSUFFICIENT_FUNDS", 2)]
    assert await day_bank.bookings(account, "HOUSEHOLD_PAYMENT") == []
    await day_bank.factory.postings(account, "0.01", day=date(2026, 2, 1))
    await day_bank.run_to(date(2026, 2, 2))
    assert await day_bank.payments(order) == [(DUE, "PAID", 3)]
    assert (await day_bank.row(account))["balance"] == 0
    assert await day_bank.events(order) == [
        "standing_order.refused",
        "standing_order.refused",
        "standing_order.paid",
    ]
    next_on = await day_bank.owner.fetchval("select next_on from standing_order")
    assert next_on == date(2026, 2, 28)


async def test_after_five_days_without_cover_the_payment_is_given_up(day_bank: DayBank) -> None:
    await day_bank.stands_on(BEFORE)
    account = await day_bank.savings("0.00", annual_rate=None)
    order = await day_bank.order(account, "30.00", DUE)
    await day_bank.run_to(date(2026, 2, 6))
    assert await day_bank.payments(order) == [(DUE, "INSUFFICIENT_FUNDS", ORDER_ATTEMPTS_MAX)]
    next_on = await day_bank.owner.fetchval("select next_on from standing_order")
    assert next_on == date(2026, 2, 28)


async def test_orders_of_one_account_share_what_is_available(day_bank: DayBank) -> None:
    await day_bank.stands_on(BEFORE)
    account = await day_bank.savings("50.00", annual_rate=None, held=Decimal("5.00"))
    first = await day_bank.order(account, "30.00", DUE)
    second = await day_bank.order(account, "30.00", DUE)
    third = await day_bank.order(account, "15.00", DUE)
    await day_bank.run_to(DUE)
    assert await day_bank.payments(first) == [(DUE, "PAID", 1)]
    assert await day_bank.payments(second) == [(DUE, "INSUFFICIENT_FUNDS", 1)]
    assert await day_bank.payments(third) == [(DUE, "PAID", 1)]
    assert (await day_bank.row(account))["balance"] == 5


@pytest.mark.parametrize(
    ("of_account", "of_payee", "outcome"),
    [
        ({"status": "FROZEN"}, {}, "ACCOUNT_FROZEN"),
        ({"status": "CLOSED", "closed_on": DUE}, {}, "ACCOUNT_CLOSED"),
        ({"currency": "EUR"}, {}, "WRONG_CURRENCY"),
        ({}, {"currency": "EUR"}, "WRONG_CURRENCY"),
        ({}, {"status": "CLOSED", "closed_on": DUE}, "PAYEE_CLOSED"),
        ({}, {"number": "another"}, "PAYEE_NOT_FOUND"),
    ],
)
async def test_what_cannot_be_paid_is_refused_with_its_reason(
    day_bank: DayBank,
    of_account: dict[str, object],
    of_payee: dict[str, object],
    outcome: str,
) -> None:
    await day_bank.stands_on(BEFORE)
    account = await day_bank.savings("0.00", annual_rate=None, **of_account)
    payee = {"number": "360000000002"} | of_payee
    await day_bank.savings("0.00", annual_rate=None, **payee)
    order = await day_bank.order(account, "30.00", DUE, payee_bank=None, number="360000000002")
    await day_bank.run_to(DUE)
    assert await day_bank.payments(order) == [(DUE, outcome, 1)]
    assert await day_bank.bookings(account, "HOUSEHOLD_PAYMENT") == []


async def test_an_order_of_an_erased_customer_pays_nobody(day_bank: DayBank) -> None:
    await day_bank.stands_on(BEFORE)
    account = await day_bank.savings("100.00", annual_rate=None)
    order = await day_bank.order(account, "30.00", DUE)
    await day_bank.owner.execute("delete from customer_key where customer_id = $1", account.owner)
    await day_bank.run_to(DUE)
    assert await day_bank.payments(order) == [(DUE, "PAYEE_NOT_FOUND", 1)]


async def test_an_order_ends_and_a_cancelled_one_is_not_paid(day_bank: DayBank) -> None:
    await day_bank.stands_on(BEFORE)
    account = await day_bank.savings("100.00", annual_rate=None)
    last = await day_bank.order(account, "30.00", DUE, ends_on=date(2026, 2, 6), frequency="WEEKLY")
    cancelled = await day_bank.order(account, "30.00", DUE, status="CANCELLED")
    await day_bank.run_to(date(2026, 2, 8))
    assert await day_bank.payments(last) == [(DUE, "PAID", 1)]
    assert await day_bank.payments(cancelled) == []


@pytest.mark.parametrize(
    ("frequency", "first", "due", "expected"),
    [
        (OrderFrequency.WEEKLY, None, date(2026, 1, 31), date(2026, 2, 7)),
        (OrderFrequency.MONTHLY, date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)),
        (OrderFrequency.MONTHLY, None, date(2026, 2, 28), date(2026, 3, 28)),
        (OrderFrequency.QUARTERLY, date(2025, 11, 30), date(2026, 2, 28), date(2026, 5, 30)),
        (OrderFrequency.YEARLY, date(2024, 2, 29), date(2027, 2, 28), date(2028, 2, 29)),
    ],
)
def test_the_day_after_the_one_that_is_due(
    frequency: OrderFrequency, first: date | None, due: date, expected: date
) -> None:
    assert next_due(frequency, first, due) == expected
