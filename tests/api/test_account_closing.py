"""Accounts that are closed, and time deposits that are broken off."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
from payment_support import (
    account_with,
    balance,
    check_ledger,
    owner_of,
    usd,
)
from terms_support import (
    deposit_of,
    send,
    today_of,
)
from writing_support import detail_of, state

from app.auth.permissions import Role
from app.db.keys import Keys
from app.domain.interest import DayCount, days


@pytest.fixture
async def demand_rate(owner: asyncpg.Connection, factory: Factory) -> Decimal:
    """The one demand product in dollars that the bank offers: 0.72 % over 360 days."""
    await owner.execute("update account_product set offered = false where currency = 'USD'")
    await factory.account_product(annual_rate=Decimal("0.0072"))
    return Decimal("0.0072")


async def test_closing_pays_out_the_balance_with_the_interest_earned(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    account = await account_with(factory, "1000.00", annual_rate=Decimal("0.036"))
    target = await factory.account(Made("cus", account.owner, account.owner))
    today = await today_of(owner)
    # 1,000.00 for 10 days at 3.6 % over 360 is 1.00; 2.00 had accrued before.
    await owner.execute(
        "update account set interest_accrued = 2, accrued_until = $2 where id = $1",
        account.id,
        today - timedelta(days=10),
    )
    made = await send(
        owner_of(client, account),
        "closeAccount",
        accountId=account.global_id,
        toAccountId=target.global_id,
        expectedVersion=1,
    )
    made = made["account"]
    assert (made["status"], made["closedOn"], made["version"]) == ("CLOSED", today.isoformat(), 2)
    assert made["interestAccrued"] == {"amount": "0.00"}
    assert await balance(owner, target) == Decimal("1003.00")
    await check_ledger(owner, account, target)
    (record,) = await owner.fetch(
        "select * from audit_record where customer_id = $1", account.owner
    )
    told = orjson.loads(await detail_of(owner, keys, record))
    assert (told["paid_out"], told["interest"]) == ("1003.00", "3.00")


async def test_interest_of_days_not_worked_out_yet_follows_the_balance_of_each(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    today = await today_of(owner)
    account = await account_with(factory, annual_rate=Decimal("0.036"))
    # 1,000 on each of the first 4 days, 3,000 on the last 6: 22,000 x 3.6 % / 360 = 2.20.
    await factory.postings(account, "1000.00", day=today - timedelta(days=30))
    await factory.postings(account, "2000.00", day=today - timedelta(days=6))
    await owner.execute(
        "update account set accrued_until = $2 where id = $1",
        account.id,
        today - timedelta(days=10),
    )
    target = await factory.account(Made("cus", account.owner, account.owner))
    given = {"accountId": account.global_id, "toAccountId": target.global_id}
    await send(owner_of(client, account), "closeAccount", expectedVersion=1, **given)
    assert await balance(owner, target) == Decimal("3002.20")


async def test_an_empty_account_closes_without_a_target(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory)
    given = {"accountId": account.global_id, "expectedVersion": 1}
    made = await send(owner_of(client, account), "closeAccount", **given)
    assert made["account"]["status"] == "CLOSED"
    again = await send(owner_of(client, account), "closeAccount", **given)
    assert again["code"] == "ACCOUNT_CLOSED"
    assert await balance(owner, account) == 0


@pytest.mark.parametrize(
    "case",
    [
        ("version = 2", {}, ("STALE_VERSION", "expectedVersion")),
        ("status = 'FROZEN'", {}, ("ACCOUNT_FROZEN", "accountId")),
        ("held = 1.00", {}, ("ACCOUNT_IN_USE", "accountId")),
        ("version = version", {"toAccountId": None}, ("BALANCE_LEFT", "toAccountId")),
        ("balance = -5.00", {}, ("BALANCE_LEFT", "toAccountId")),
        ("kind = 'LOAN'", {}, ("ACCOUNT_NOT_FITTING", "accountId")),
    ],
)
async def test_what_keeps_an_account_from_closing(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    case: tuple[str, dict[str, Any], tuple[str, str]],
) -> None:
    change, given, problem = case
    account = await account_with(factory, "10.00")
    target = await factory.account(Made("cus", account.owner, account.owner))
    await owner.execute(f"update account set {change} where id = $1", account.id)
    values = {
        "accountId": account.global_id,
        "toAccountId": target.global_id,
        "expectedVersion": 1,
    } | given
    before = await state(owner)
    refused = await send(owner_of(client, account), "closeAccount", **values)
    assert (refused["code"], refused["field"]) == problem
    assert await state(owner) == before


async def test_what_depends_on_an_account_ends_first(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    await factory.bank()
    ordered, carded, settled = [await factory.account(customer) for _ in range(3)]
    await factory.standing_order(ordered, "12345678")
    await factory.card(customer, carded)
    await factory.account(customer, kind="TIME_DEPOSIT", settlement_account_id=settled.id)
    before = await state(owner)
    for account in (ordered, carded, settled):
        refused = await send(
            owner_of(client, account),
            "closeAccount",
            accountId=account.global_id,
            expectedVersion=1,
        )
        assert refused["code"] == "ACCOUNT_IN_USE"
    assert await state(owner) == before


async def test_only_the_owner_disposes_of_an_account(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "10.00")
    product = await factory.account_product(kind="TIME_DEPOSIT", term_months=3)
    for role in ("AUTHORISED_USER", "JOINT_HOLDER"):
        holder = await factory.customer()
        await factory.hold(account, holder, role)
        me = client.as_(Role.CUSTOMER, holder.id)
        before = await state(owner)
        for refused in (
            await send(me, "closeAccount", accountId=account.global_id, expectedVersion=1),
            await send(
                me,
                "openTimeDeposit",
                fromAccountId=account.global_id,
                productId=product.global_id,
                amount=usd("1.00"),
            ),
        ):
            assert refused["code"] == "HOLDER_MAY_NOT"
        assert await state(owner) == before


async def test_a_time_deposit_broken_off_earns_the_demand_rate(
    client: Client, factory: Factory, owner: asyncpg.Connection, demand_rate: Decimal
) -> None:
    deposit, settlement = await deposit_of(owner, factory, began_before_days=100)
    assert demand_rate == Decimal("0.0072")
    me = owner_of(client, deposit)
    given = {"accountId": deposit.global_id}
    # 4,000 x 0.72 % x 100 / 360 = 8.00 with what goes; the rest stays on its terms.
    made = (await send(me, "withdrawTimeDeposit", amount=usd("4000.00"), **given))["account"]
    assert made["currencyOf"]["amount"] == "6000.00"
    assert made["interestAccrued"] == {"amount": "7.41"}
    assert await balance(owner, settlement) == Decimal("4008.00")
    # 6,000 x 0.72 % x 100 / 360 = 12.00.
    made = (await send(me, "closeAccount", expectedVersion=2, **given))["account"]
    assert made["status"] == "CLOSED"
    assert await balance(owner, settlement) == Decimal("10020.00")
    await check_ledger(owner, deposit, settlement)


async def test_a_time_deposit_whose_term_is_over_earns_its_own_rate(
    client: Client, factory: Factory, owner: asyncpg.Connection, demand_rate: Decimal
) -> None:
    today = await today_of(owner)
    deposit, settlement = await deposit_of(
        owner, factory, began_before_days=375, matures_on=today - timedelta(days=10)
    )
    assert demand_rate == Decimal("0.0072")
    given = {"accountId": deposit.global_id, "expectedVersion": 1}
    await send(owner_of(client, deposit), "closeAccount", **given)
    # A year at 3.6 % and 10 days at 0.72 %.
    began_on, ends_on = today - timedelta(days=375), today - timedelta(days=10)
    counted = days(began_on, ends_on, DayCount.MONTHS_360)
    earned = Decimal(10_000) * Decimal("0.036") * counted / 360
    assert await balance(owner, settlement) - 10_002 == earned.quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        (usd("9000.01"), ("BELOW_MINIMUM", "amount.amount")),
        (usd("10000.00"), ("BELOW_MINIMUM", "amount.amount")),
        (usd("10000.01"), ("INSUFFICIENT_FUNDS", "amount.amount")),
        (usd("-1"), ("INVALID_AMOUNT", "amount.amount")),
    ],
)
async def test_a_part_of_a_time_deposit_leaves_the_minimum(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    amount: dict[str, str],
    problem: tuple[str, str],
) -> None:
    deposit, settlement = await deposit_of(owner, factory, began_before_days=10)
    before = await state(owner)
    me = owner_of(client, deposit)
    refused = await send(me, "withdrawTimeDeposit", accountId=deposit.global_id, amount=amount)
    assert (refused["code"], refused["field"]) == problem
    refused = await send(
        me, "withdrawTimeDeposit", accountId=settlement.global_id, amount=usd("1.00")
    )
    assert refused["code"] == "ACCOUNT_NOT_FITTING"
    assert await state(owner) == before
