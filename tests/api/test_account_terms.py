"""Accounts that are opened, frozen and closed, and time deposits that are broken off."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
from payment_support import (
    account_with,
    balance,
    by_number,
    cash,
    check_ledger,
    owner_of,
    somebody,
    teller_of,
    transfer,
    usd,
)
from stdnum.iso7064 import mod_11_10
from writing_support import detail_of, state

from app.auth.permissions import MATRIX, Permission, Role
from app.db.keys import Keys
from app.planner.global_id import GlobalId

_ACCOUNT = """account {
    id number kind status currencyOf: balance { amount currency } available { amount } annualRate
    termMonths openedOn closedOn maturesOn autoRenewal interestAccrued { amount } version
    product { id } settlementAccount { id } holds { id } }"""
_SELECT = {
    "openAccount": _ACCOUNT,
    "openTimeDeposit": _ACCOUNT,
    "closeAccount": _ACCOUNT,
    "withdrawTimeDeposit": _ACCOUNT,
    "freezeAccount": "hold { id amount { amount } reason note account { id status version } }",
    "unfreezeAccount": "account { id status version available { amount } }",
}
# Customers do not see holds.
_FOR_CUSTOMERS = {name: text.replace("holds { id }", "") for name, text in _SELECT.items()}
PERMISSIONS = {
    "openAccount": Permission.ACCOUNT_OPEN,
    "openTimeDeposit": Permission.DEPOSIT_OPEN,
    "closeAccount": Permission.ACCOUNT_CLOSE,
    "withdrawTimeDeposit": Permission.DEPOSIT_OPEN,
    "freezeAccount": Permission.ACCOUNT_FREEZE,
    "unfreezeAccount": Permission.ACCOUNT_FREEZE,
}


def query(name: str, selected: str = "") -> str:
    type_ = name[0].upper() + name[1:]
    return f"""
mutation ($input: {type_}Input!) {{
  {name}(input: $input) {{
    ... on {type_}Payload {{ {selected or _FOR_CUSTOMERS[name]} }}
    ... on Problem {{ code message field hint }}
  }}
}}
"""


async def send(client: Client, name: str, **given: Any) -> Any:
    values = {"idempotencyKey": uuid4().hex} | given
    return (await client.run(query(name), input=values))[name]


def customer_of(account: Made) -> str:
    return Made("cus", account.owner, account.owner).global_id


async def today_of(owner: asyncpg.Connection) -> date:
    found: date = await owner.fetchval(
        "select coalesce((select current_on from business_date), current_date)"
    )
    return found


async def deposit_of(
    owner: asyncpg.Connection, factory: Factory, *, began_before_days: int, **given: Any
) -> tuple[Made, Made]:
    """A time deposit over a year with 10,000.00, and the account that it pays out to."""
    settlement = await account_with(factory)
    began_on = await today_of(owner) - timedelta(days=began_before_days)
    product = await factory.account_product(
        kind="TIME_DEPOSIT",
        term_months=12,
        minimum=Decimal("1000.00"),
        annual_rate=Decimal("0.036"),
        day_count="MONTHS_360",
        interest_posting="AT_MATURITY",
    )
    values = {
        "kind": "TIME_DEPOSIT",
        "product_id": product.id,
        "annual_rate": Decimal("0.036"),
        "term_months": 12,
        "opened_on": began_on,
        "term_began_on": began_on,
        "matures_on": began_on.replace(year=began_on.year + 1),
        "settlement_account_id": settlement.id,
        "interest_accrued": Decimal("12.3456789012"),
    } | given
    deposit = await factory.account(Made("cus", settlement.owner, settlement.owner), **values)
    await factory.postings(deposit, "10000.00")
    return deposit, settlement


@pytest.fixture
async def demand_rate(owner: asyncpg.Connection, factory: Factory) -> Decimal:
    """The one demand product in dollars that the bank offers: 0.72 % over 360 days."""
    await owner.execute("update account_product set offered = false where currency = 'USD'")
    await factory.account_product(annual_rate=Decimal("0.0072"))
    return Decimal("0.0072")


async def test_an_account_is_opened_with_a_number_of_its_own(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    product = await factory.account_product(currency="GBP", annual_rate=Decimal("0.02"))
    me = client.as_(Role.CUSTOMER, customer.id)
    given = {"customerId": customer.global_id, "productId": product.global_id}
    made = (await send(me, "openAccount", **given))["account"]
    assert mod_11_10.is_valid(made["number"])
    assert made["number"].startswith("361")
    assert (made["kind"], made["status"], made["version"]) == ("DEMAND", "OPEN", 1)
    assert made["currencyOf"] == {"amount": "0.00", "currency": "GBP"}
    assert (made["annualRate"], made["product"]) == ("0.020000", {"id": product.global_id})
    assert made["openedOn"] == (await today_of(owner)).isoformat()
    account = GlobalId.parse(made["id"])
    opened = Made("acc", account.owner, account.id)
    teller = await teller_of(client, factory, opened)
    look_up = "query ($n: String!) { accountBy(number: $n) { id } }"
    assert await teller.run(look_up, n=made["number"]) == {"accountBy": {"id": made["id"]}}
    # The bank deals in the currency from now on.
    pounds = {"amount": "5.00", "currency": "GBP"}
    assert (await cash(teller, "deposit", opened, pounds))["transaction"]


async def test_a_time_deposit_takes_money_out_of_an_account(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "5000.00")
    product = await factory.account_product(
        kind="TIME_DEPOSIT", term_months=6, minimum=Decimal(1000), annual_rate=Decimal("0.03")
    )
    given = {
        "fromAccountId": payer.global_id,
        "productId": product.global_id,
        "autoRenewal": "PRINCIPAL",
    }
    made = await send(owner_of(client, payer), "openTimeDeposit", amount=usd("3000.00"), **given)
    made = made["account"]
    assert (made["kind"], made["termMonths"], made["autoRenewal"]) == (
        "TIME_DEPOSIT",
        6,
        "PRINCIPAL",
    )
    assert made["currencyOf"]["amount"] == "3000.00"
    assert made["settlementAccount"] == {"id": payer.global_id}
    opened_on, matures_on = map(date.fromisoformat, (made["openedOn"], made["maturesOn"]))
    assert 181 <= (matures_on - opened_on).days <= 184
    assert await balance(owner, payer) == Decimal("2000.00")
    account = GlobalId.parse(made["id"])
    await check_ledger(owner, payer, Made("acc", account.owner, account.id))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"amount": usd("999.99")}, ("BELOW_MINIMUM", "amount.amount")),
        ({"amount": usd("5000.01")}, ("INSUFFICIENT_FUNDS", "amount.amount")),
        ({"amount": usd("0.00")}, ("INVALID_AMOUNT", "amount.amount")),
        (
            {"amount": {"amount": "1000.00", "currency": "EUR"}},
            ("CURRENCY_NOT_MATCHING", "amount.currency"),
        ),
        ({"product": {"currency": "EUR"}}, ("CURRENCY_NOT_MATCHING", "productId")),
        (
            {"product": {"kind": "DEMAND", "term_months": None}},
            ("PRODUCT_NOT_FITTING", "productId"),
        ),
        ({"product": {"offered": False}}, ("NOT_FOUND", "productId")),
    ],
)
async def test_a_time_deposit_that_does_not_fit_is_not_opened(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    given: dict[str, Any],
    problem: tuple[str, str],
) -> None:
    payer = await account_with(factory, "5000.00")
    terms = {"kind": "TIME_DEPOSIT", "term_months": 6, "minimum": Decimal(1000)}
    product = await factory.account_product(**terms | given.get("product", {}))
    values = {
        "fromAccountId": payer.global_id,
        "productId": product.global_id,
        "amount": given.get("amount", usd("1000.00")),
    }
    before = await state(owner)
    refused = await send(owner_of(client, payer), "openTimeDeposit", **values)
    assert (refused["code"], refused["field"]) == problem
    assert await state(owner) == before


async def test_accounts_of_a_blocked_customer_or_of_no_product_are_not_opened(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    blocked = await factory.customer(status="BLOCKED")
    customer = await factory.customer()
    product = await factory.account_product()
    term = await factory.account_product(kind="TIME_DEPOSIT", term_months=3)
    before = await state(owner)
    for whom, what, problem in (
        (blocked, product, ("CUSTOMER_NOT_ACTIVE", "customerId")),
        (customer, term, ("PRODUCT_NOT_FITTING", "productId")),
        (customer, Made("acp", uuid4(), uuid4()), ("NOT_FOUND", "productId")),
    ):
        me = client.as_(Role.CUSTOMER, whom.id)
        product_id = f"acp_{what.id.hex}"
        refused = await send(me, "openAccount", customerId=whom.global_id, productId=product_id)
        assert (refused["code"], refused["field"]) == problem
    stranger = client.as_(Role.CUSTOMER, customer.id)
    refused = await send(
        stranger, "openAccount", customerId=blocked.global_id, productId=product.global_id
    )
    assert refused["code"] == "NOT_FOUND"
    assert await state(owner) == before


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
    # A year at 3.6 % and 10 days at 0.72 %; 365 days that hold 12 whole months count 360.
    began_on = today - timedelta(days=375)
    months = 360 if began_on.replace(year=began_on.year + 1) == today - timedelta(10) else 359
    earned = Decimal(10_000) * Decimal("0.036") * months / 360
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


async def test_a_frozen_account_gives_no_money_until_it_is_let_go(
    client: Client, factory: Factory
) -> None:
    account = await account_with(factory, "100.00")
    manager = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    here = {"accountId": account.global_id}
    why = {"reason": "COURT_ORDER", "note": "Case 77/2026"}
    made = await send(manager, "freezeAccount", **here, **why, expectedVersion=1)
    hold = made["hold"]
    assert hold.pop("id").startswith("hld_")
    assert hold == {
        "amount": None,
        "reason": "COURT_ORDER",
        "note": "Case 77/2026",
        "account": {"id": account.global_id, "status": "FROZEN", "version": 2},
    }
    again = await send(manager, "freezeAccount", **here, **why, expectedVersion=2)
    assert again["code"] == "NOTHING_TO_CHANGE"
    me, there = owner_of(client, account), by_number("12345678", "Hans", "COBA")
    assert (await transfer(me, account, there, "1.00"))["code"] == "ACCOUNT_FROZEN"
    made = await send(manager, "unfreezeAccount", **here, expectedVersion=2)
    assert (made["account"]["status"], made["account"]["version"]) == ("OPEN", 3)
    again = await send(manager, "unfreezeAccount", **here, expectedVersion=3)
    assert again["code"] == "NOTHING_TO_CHANGE"
    assert "transaction" in await transfer(me, account, there, "1.00")


async def test_a_held_amount_may_not_leave_and_the_rest_may(
    client: Client, factory: Factory
) -> None:
    account = await account_with(factory, "100.00")
    manager = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    here = {"accountId": account.global_id}
    values = here | {"reason": "INVESTIGATION", "amount": usd("60.00")}
    hold = (await send(manager, "freezeAccount", **values, expectedVersion=1))["hold"]
    assert (hold["amount"], hold["account"]["status"]) == ({"amount": "60.00"}, "OPEN")
    me, there = owner_of(client, account), by_number("12345678", "Hans", "COBA")
    assert (await transfer(me, account, there, "40.01"))["code"] == "INSUFFICIENT_FUNDS"
    assert "transaction" in await transfer(me, account, there, "40.00")
    # Customers are not told of an investigation.
    seen = "query ($id: ID!) { account(id: $id) { holds { id } } }"
    _, denied = await me.denied(seen, id=account.global_id)
    assert denied == ["account.holds"]
    found = (await manager.run(seen, id=account.global_id))["account"]["holds"]
    assert found == [{"id": hold["id"]}]
    stale = await send(manager, "unfreezeAccount", **here, holdId=hold["id"], expectedVersion=1)
    assert stale["code"] == "STALE_VERSION"
    made = await send(manager, "unfreezeAccount", **here, holdId=hold["id"], expectedVersion=2)
    assert made["account"]["available"] == {"amount": "60.00"}
    again = await send(manager, "unfreezeAccount", **here, holdId=hold["id"], expectedVersion=3)
    assert (again["code"], again["field"]) == ("NOT_FOUND", "holdId")
    assert (await manager.run(seen, id=account.global_id))["account"]["holds"] == []


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", list(PERMISSIONS))
async def test_who_may_change_the_terms_of_accounts(
    client: Client, factory: Factory, owner: asyncpg.Connection, name: str, role: Role
) -> None:
    values = await _sensible(owner, factory, name)
    account: Made = values.pop("account")
    person = await somebody(client, factory, role, account)
    before = await state(owner)
    document, given = query(name), {"input": values | {"idempotencyKey": "once"}}
    if role in MATRIX[PERMISSIONS[name]].clear:
        body = (await person.send(document, **given)).json()
        assert "code" not in body["data"][name], body
        assert await state(owner) != before
        again = (await person.send(document, **given)).json()
        assert again["data"] == body["data"]
        return
    data, denied = await person.denied(document, **given)
    assert (data, denied) == ({name: None}, [name])
    assert await state(owner) == before


async def _sensible(owner: asyncpg.Connection, factory: Factory, name: str) -> dict[str, Any]:
    """An input that is carried out, and the account that it is about."""
    if name == "withdrawTimeDeposit":
        deposit, _ = await deposit_of(owner, factory, began_before_days=5)
        return {"account": deposit, "accountId": deposit.global_id, "amount": usd("10.00")}
    account = await account_with(factory, "10.00")
    values: dict[str, Any] = {"account": account}
    if name == "openAccount":
        product = await factory.account_product()
        return values | {"customerId": customer_of(account), "productId": product.global_id}
    if name == "openTimeDeposit":
        product = await factory.account_product(kind="TIME_DEPOSIT", term_months=3)
        return values | {
            "fromAccountId": account.global_id,
            "productId": product.global_id,
            "amount": usd("5.00"),
        }
    values |= {"accountId": account.global_id, "expectedVersion": 1}
    if name == "closeAccount":
        target = await factory.account(Made("cus", account.owner, account.owner))
        return values | {"toAccountId": target.global_id}
    if name == "unfreezeAccount":
        sql = "update account set status = 'FROZEN' where id = $1"
        await owner.execute(sql, account.id)
        return values
    return values | {"reason": "LOST_CREDENTIAL"}
