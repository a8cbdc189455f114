"""Cash and transfers that are refused: why, and that nothing has changed."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
from issuer import Issuer
from payment_support import (
    NAME,
    account_with,
    balance,
    by_number,
    cash,
    keep_payee,
    owner_of,
    teller_of,
    to,
    transfer,
    usd,
)
from writing_support import state


@pytest.mark.parametrize(
    "case",
    [
        ({}, usd("0"), ("INVALID_AMOUNT", "amount.amount")),
        ({}, usd("-1.00"), ("INVALID_AMOUNT", "amount.amount")),
        ({}, usd("0.001"), ("INVALID_AMOUNT", "amount.amount")),
        ({}, usd("1000000000000001"), ("INVALID_AMOUNT", "amount.amount")),
        ({}, {"amount": "1.00", "currency": "EUR"}, ("CURRENCY_NOT_MATCHING", "amount.currency")),
        ({}, usd("100.01"), ("INSUFFICIENT_FUNDS", "amount.amount")),
        ({"held": "40.00"}, usd("60.01"), ("INSUFFICIENT_FUNDS", "amount.amount")),
        ({"status": "FROZEN"}, usd("1.00"), ("ACCOUNT_FROZEN", "PLACE")),
        ({"status": "CLOSED"}, usd("1.00"), ("ACCOUNT_CLOSED", "PLACE")),
        ({"kind": "TIME_DEPOSIT"}, usd("1.00"), ("ACCOUNT_NOT_FITTING", "PLACE")),
        ({"customer": "BLOCKED"}, usd("1.00"), ("CUSTOMER_NOT_ACTIVE", "PLACE")),
    ],
)
@pytest.mark.parametrize("mutation", ["withdraw", "transfer"])
async def test_money_that_may_not_leave_stays(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    mutation: str,
    case: tuple[dict[str, str], dict[str, str], tuple[str, str]],
) -> None:
    given, amount, (code, field) = case
    account = await account_with(factory, "100.00")
    if "customer" in given:
        sql = "update customer set status = $2 where id = $1"
        await owner.execute(sql, account.owner, given["customer"])
    if "held" in given:
        sql = "update account set held = $2 where id = $1"
        await owner.execute(sql, account.id, Decimal(given["held"]))
    if "kind" in given:
        sql = "update account set kind = $2 where id = $1"
        await owner.execute(sql, account.id, given["kind"])
    if "status" in given:
        sql = (
            "update account set status = $2,"
            " closed_on = case when $2 = 'CLOSED' then current_date end where id = $1"
        )
        await owner.execute(sql, account.id, given["status"])
    teller = await teller_of(client, factory, account)
    before = await state(owner)
    if mutation == "withdraw":
        refused = await cash(teller, "withdraw", account, amount)
        place = "accountId"
    else:
        there = by_number("12345678", "Hans Huber", "COBADEFF")
        refused = await transfer(teller, account, there, amount)
        place = "fromAccountId"
    assert (refused["code"], refused["field"]) == (code, field.replace("PLACE", place))
    assert refused["message"]
    assert await state(owner) == before


async def test_a_frozen_account_takes_money_and_a_closed_one_does_not(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    frozen = await account_with(factory, status="FROZEN")
    teller = await teller_of(client, factory, frozen)
    assert (await cash(teller, "deposit", frozen, "1.00"))["transaction"]
    closed = await account_with(factory, status="CLOSED", closed_on=date(2020, 1, 1))
    teller = await teller_of(client, factory, closed)
    before = await state(owner)
    assert (await cash(teller, "deposit", closed, "1.00"))["code"] == "ACCOUNT_CLOSED"
    assert await state(owner) == before


async def test_what_is_wrong_with_a_payee_is_told_alike(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "100.00")
    known = await account_with(factory, number="KNOWN-1")
    await owner.execute(
        "update account set status = 'CLOSED', closed_on = current_date where id = $1",
        (await account_with(factory, number="GONE-1")).id,
    )
    await account_with(factory, number="TERM-1", kind="TIME_DEPOSIT")
    payer_client = owner_of(client, payer)
    before = await state(owner)
    answers = [
        await transfer(payer_client, payer, by_number(number, name), "1.00")
        for number, name in (
            ("KNOWN-1", "Somebody Else"),
            ("NOBODY-1", NAME),
            ("GONE-1", NAME),
            ("TERM-1", NAME),
        )
    ]
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["code"], answers[0]["field"]) == ("PAYEE_UNKNOWN", "to.account")
    assert known.id.hex not in orjson.dumps(answers).decode()
    assert await state(owner) == before


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("", NAME, None), "number"),
        (("12!45678", NAME, None), "number"),
        (("1" * 35, NAME, None), "number"),
        (("12345678", "  ", None), "name"),
        (("12345678", "a\x00b", None), "name"),
        (("12345678", "x" * 201, None), "name"),
        (("12345678", NAME, "?"), "bank"),
    ],
)
async def test_a_payee_that_cannot_be_one_is_refused(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    given: tuple[str, str, str | None],
    field: str,
) -> None:
    payer = await account_with(factory, "100.00")
    before = await state(owner)
    refused = await transfer(owner_of(client, payer), payer, by_number(*given), "1.00")
    assert (refused["code"], refused["field"]) == ("INVALID_PAYEE", f"to.account.{field}")
    assert await state(owner) == before


async def test_other_accounts_do_not_exist_and_currencies_do_not_mix(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "100.00")
    stranger = await account_with(factory, "100.00")
    euros = await factory.account(Made("cus", payer.owner, payer.owner), currency="EUR")
    me = owner_of(client, payer)
    before = await state(owner)
    for payer_, to_, problem in (
        (stranger, to(payer), ("NOT_FOUND", "fromAccountId")),
        (payer, to(stranger), ("NOT_FOUND", "to.accountId")),
        (Made("acc", payer.owner, uuid4()), to(payer), ("NOT_FOUND", "fromAccountId")),
        (payer, to(payer), ("SAME_ACCOUNT", "to.accountId")),
        (payer, to(euros), ("CURRENCY_NOT_MATCHING", "amount.currency")),
    ):
        refused = await transfer(me, payer_, to_, "1.00")
        assert (refused["code"], refused["field"]) == problem
    own = by_number(await factory.number_of(payer))
    assert (await transfer(me, payer, own, "1.00"))["code"] == "SAME_ACCOUNT"
    assert await state(owner) == before


async def test_limits_of_customers_are_for_an_order_and_a_day(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "90000.00")
    await owner.execute("update customer set tier = 'NORMAL' where id = $1", payer.owner)
    me, there = owner_of(client, payer), by_number("12345678", "Hans Huber", "COBADEFF")
    await keep_payee(factory, owner, payer, "12345678", bank="COBADEFF")
    for _ in range(4):
        assert "transaction" in await transfer(me, payer, there, "7000.00")
    before = await state(owner)
    for amount in ("7000.01", "0.01"):
        refused = await transfer(me, payer, there, amount)
        assert (refused["code"], refused["field"]) == ("LIMIT_EXCEEDED", "amount.amount")
    assert await state(owner) == before


async def test_limits_of_posts_are_for_an_order(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "90000.00")
    teller = await teller_of(client, factory, account)
    there = by_number("12345678", "Hans Huber", "COBADEFF")
    for asked in (
        await cash(teller, "withdraw", account, "7000.01"),
        await transfer(teller, account, there, "7000.01"),
    ):
        assert asked["approval"]["reason"] == "ABOVE_LIMIT"
        assert asked["approval"]["requiredRoles"] == ["BRANCH_MANAGER"]
    assert await balance(owner, account) == Decimal("90000.00")
    assert "transaction" in await cash(teller, "withdraw", account, "7000.00")
    # Money that comes in has no limit.
    assert "transaction" in await cash(teller, "deposit", account, "70000.00")


async def test_nobody_serves_oneself(
    issuer: Issuer, client_of_issuer: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "100.00")
    staff = await factory.responsible("TELLER", Made("cus", account.owner, account.owner))
    token = issuer.token(
        customer_id=str(account.owner),
        staff_id=str(staff),
        roles=["TELLER", "CUSTOMER"],
        role="TELLER",
    )
    oneself = client_of_issuer
    oneself.headers["authorization"] = f"Bearer {token}"
    before = await state(owner)
    for refused in (
        await cash(oneself, "deposit", account, "1.00"),
        await cash(oneself, "withdraw", account, "1.00"),
        await transfer(oneself, account, by_number("12345678", "Hans", "COBA"), "1.00"),
    ):
        assert refused["code"] == "CUSTOMER_IS_ONESELF"
    assert await state(owner) == before
