"""Time deposits whose term ends, and standing orders that are due, at the end of a day."""

from datetime import date
from decimal import Decimal

import pytest
from business_days import DayBank

BEFORE, DUE = date(2027, 1, 9), date(2027, 1, 10)


async def test_interest_of_a_term_accrues_without_compounding(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 4, 18))
    deposit = await day_bank.deposit("50000.00")
    await day_bank.run_to(date(2026, 4, 20))
    # Three months and ten days: 50,000 x 0.0175 x 100 / 360.
    assert (await day_bank.row(deposit))["interest_accrued"] == Decimal("243.0555555556")


async def test_without_renewal_principal_and_interest_are_paid_out(day_bank: DayBank) -> None:
    await day_bank.stands_on(BEFORE)
    current = await day_bank.savings("1.00", annual_rate=None)
    deposit = await day_bank.deposit("50000.00", current)
    await day_bank.run_to(DUE)
    row = await day_bank.row(deposit)
    assert (row["status"], row["closed_on"], row["balance"]) == ("CLOSED", DUE, 0)
    assert row["interest_accrued"] == 0
    assert await day_bank.bookings(deposit, "INTEREST_CREDITED") == [(Decimal("875.00"), DUE)]
    assert await day_bank.bookings(current, "TRANSFER_IN") == [(Decimal("50875.00"), DUE)]
    assert (await day_bank.row(current))["balance"] == Decimal("50876.00")
    assert await day_bank.events(deposit) == ["deposit.matured"]
    # Nothing is left to be done on the days after.
    await day_bank.run_to(date(2027, 1, 12))
    assert len(await day_bank.bookings(current, "TRANSFER_IN")) == 1


@pytest.mark.parametrize(
    ("renewal", "principal", "paid_out"),
    [
        ("PRINCIPAL", "50000.00", [(Decimal("875.00"), DUE)]),
        ("PRINCIPAL_AND_INTEREST", "50875.00", []),
    ],
)
async def test_with_renewal_a_new_term_begins_at_the_rate_of_the_day(
    day_bank: DayBank, renewal: str, principal: str, paid_out: list[object]
) -> None:
    await day_bank.stands_on(BEFORE)
    product = await day_bank.product(
        kind="TIME_DEPOSIT",
        annual_rate=Decimal("0.0150"),
        day_count="MONTHS_360",
        interest_posting="AT_MATURITY",
        term_months=12,
    )
    current = await day_bank.savings("1.00", annual_rate=None)
    deposit = await day_bank.deposit(
        "50000.00", current, auto_renewal=renewal, product_id=product.id
    )
    await day_bank.run_to(DUE)
    row = await day_bank.row(deposit)
    assert (row["status"], row["balance"]) == ("OPEN", Decimal(principal))
    assert (row["term_began_on"], row["matures_on"]) == (DUE, date(2028, 1, 10))
    assert (row["annual_rate"], row["version"]) == (Decimal("0.015000"), 2)
    assert await day_bank.bookings(current, "TRANSFER_IN") == paid_out
    assert await day_bank.events(deposit) == ["deposit.renewed"]
    await day_bank.run_to(date(2027, 1, 11))
    accrued = (await day_bank.row(deposit))["interest_accrued"]
    assert accrued == (Decimal(principal) * Decimal("0.015") / 360).quantize(Decimal("1E-10"))


async def test_a_deposit_of_a_month_end_is_renewed_to_month_ends(day_bank: DayBank) -> None:
    await day_bank.stands_on(date(2026, 2, 27))
    deposit = await day_bank.deposit(
        "3600.00",
        term_months=1,
        opened_on=date(2026, 1, 31),
        term_began_on=None,
        matures_on=date(2026, 2, 28),
        annual_rate=Decimal("0.012"),
        auto_renewal="PRINCIPAL_AND_INTEREST",
    )
    await day_bank.run_to(date(2026, 2, 28))
    row = await day_bank.row(deposit)
    assert (row["balance"], row["matures_on"]) == (Decimal("3603.60"), date(2026, 3, 31))


@pytest.mark.parametrize(
    ("of_deposit", "of_current"),
    [
        ({"status": "FROZEN"}, {}),
        ({"held": Decimal("1.00")}, {}),
        ({}, {"status": "CLOSED", "closed_on": date(2026, 6, 1)}),
        ({}, {"currency": "EUR"}),
        ({}, None),
    ],
)
async def test_what_cannot_be_paid_out_stays_and_earns_as_on_demand(
    day_bank: DayBank, of_deposit: dict[str, object], of_current: dict[str, object] | None
) -> None:
    await day_bank.stands_on(date(2027, 3, 18))
    await day_bank.product()
    current = None
    if of_current is not None:
        current = await day_bank.savings("0.00", annual_rate=None, **of_current)
    began_on, ends_on = date(2026, 3, 19), date(2027, 3, 19)
    deposit = await day_bank.deposit(
        "50000.00",
        current,
        opened_on=began_on,
        term_began_on=began_on,
        matures_on=ends_on,
        **of_deposit,
    )
    await day_bank.run_to(date(2027, 3, 20))
    row = await day_bank.row(deposit)
    assert (row["balance"], row["matured_on"]) == (Decimal("50875.00"), ends_on)
    assert row["status"] == of_deposit.get("status", "OPEN")
    # One day at the 3.6 % of the demand product.
    assert row["interest_accrued"] == Decimal("5.0875000000")
    await day_bank.run_to(date(2027, 3, 21))
    ((_, _), (credited, on)) = await day_bank.bookings(deposit, "INTEREST_CREDITED")
    # 10.175, half-even.
    assert (credited, on) == (Decimal("10.18"), date(2027, 3, 21))


async def test_two_renewals_in_one_batch_pay_into_one_account(day_bank: DayBank) -> None:
    await day_bank.stands_on(BEFORE)
    current = await day_bank.savings("1.00", annual_rate=None)
    await day_bank.deposit("50000.00", current)
    await day_bank.deposit("10000.00", current)
    await day_bank.run_to(DUE)
    assert (await day_bank.row(current))["balance"] == Decimal("61051.00")
