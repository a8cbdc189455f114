"""Accounts that are opened."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from client import Client
from factories import Factory, Made
from payment_support import (
    account_with,
    balance,
    cash,
    check_ledger,
    owner_of,
    teller_of,
    usd,
)
from stdnum.iso7064 import mod_11_10
from terms_support import (
    send,
    today_of,
)
from writing_support import state

from app.auth.permissions import Role
from app.planner.global_id import GlobalId


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
