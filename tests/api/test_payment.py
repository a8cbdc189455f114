"""Cash and transfers: who may order them, what is refused, and that no cent is lost."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
from issuer import Issuer
from payment_support import (
    CASH,
    NAME,
    TRANSFER,
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
from writing_support import detail_of, state

from app.auth.permissions import MATRIX, Permission, Role
from app.db.keys import Keys
from app.planner.global_id import GlobalId


def to(account: Made) -> dict[str, Any]:
    return {"accountId": account.global_id}


async def test_cash_is_paid_in_and_taken_out(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    account = await account_with(factory)
    teller = await teller_of(client, factory, account)
    made = (await cash(teller, "deposit", account, "200.50", text=" wages "))["transaction"]
    today = await owner.fetchval(
        "select coalesce((select current_on from business_date), current_date)"
    )
    assert (made["kind"], made["amount"], made["text"]) == ("CASH_DEPOSIT", usd("200.50"), "wages")
    assert (made["balanceAfter"], made["valueOn"]) == ({"amount": "200.50"}, today.isoformat())
    made = (await cash(teller, "withdraw", account, "50.25"))["transaction"]
    assert (made["kind"], made["amount"]["amount"]) == ("CASH_WITHDRAWAL", "-50.25")
    assert made["account"] == {
        "id": account.global_id,
        "balance": {"amount": "150.25"},
        "available": {"amount": "150.25"},
    }
    await check_ledger(owner, account)
    records = await owner.fetch(
        "select * from audit_record where customer_id = $1 order by recorded_at", account.owner
    )
    assert [(row["command"], row["event"]) for row in records] == [
        ("deposit", "cash.deposited"),
        ("withdraw", "cash.withdrawn"),
    ]
    told = orjson.loads(await detail_of(owner, keys, records[0]))
    assert told == {"amount": "200.50", "currency": "USD", "text": "wages"}


async def test_a_transfer_inside_the_bank_is_told_to_both(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "100.00", number="A-1000-77")
    payee = await account_with(factory, number="B-2000-88")
    payer_client = owner_of(client, payer)
    there = by_number("b 2000 88", "EMMA  AVAYA-SMITH")
    made = (await transfer(payer_client, payer, there, "30.10", text="Rent"))["transaction"]
    assert made.pop("id").startswith("txn_")
    made.pop("valueOn")
    assert made == {
        "kind": "TRANSFER_OUT",
        "amount": usd("-30.10"),
        "balanceAfter": {"amount": "69.90"},
        "text": "Rent",
        "counterpartyName": NAME,
        "counterpartyAccount": "B-2000-88",
        "counterpartyBank": None,
        "account": {
            "id": payer.global_id,
            "balance": {"amount": "69.90"},
            "available": {"amount": "69.90"},
        },
    }
    query = """query ($id: ID!) { account(id: $id) { balance { amount } transactions(first: 1) {
        nodes { kind amount { amount } counterpartyName counterpartyAccount text } } } }"""
    seen = (await owner_of(client, payee).run(query, id=payee.global_id))["account"]
    assert seen["balance"] == {"amount": "30.10"}
    assert seen["transactions"]["nodes"] == [
        {
            "kind": "TRANSFER_IN",
            "amount": {"amount": "30.10"},
            "counterpartyName": NAME,
            "counterpartyAccount": "A-1000-77",
            "text": "Rent",
        }
    ]
    await check_ledger(owner, payer, payee)


async def test_a_transfer_to_another_bank_costs_what_the_product_says(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    product = await factory.account_product(transfer_fee=Decimal("1.50"))
    payer = await account_with(factory, "100.00", product_id=product.id)
    there = by_number("DE89 3704 0044 0532 0130 00", "Hans Huber", "COBADEFF")
    made = (await transfer(owner_of(client, payer), payer, there, "10.00"))["transaction"]
    assert made["counterpartyBank"] == "COBADEFF"
    assert made["counterpartyAccount"] == "DE89370400440532013000"
    assert made["balanceAfter"] == {"amount": "90.00"}
    assert made["account"]["balance"] == {"amount": "88.50"}
    entry = await owner.fetch(
        "select posting.kind, posting.amount, internal_purpose from posting"
        " join account on account.id = posting.account_id and"
        " account.customer_id = posting.customer_id where entry_id ="
        " (select entry_id from posting where id = $1) order by posting.kind, posting.amount",
        GlobalId.parse(made["id"]).id,
    )
    assert [tuple(row) for row in entry] == [
        ("FEE", Decimal("-1.50"), None),
        ("FEE", Decimal("1.50"), "FEE_INCOME"),
        ("TRANSFER_OUT", Decimal("-10.00"), None),
        ("TRANSFER_OUT", Decimal("10.00"), "CLEARING"),
    ]
    # Also the fee must be there.
    refused = await transfer(owner_of(client, payer), payer, there, "88.00")
    assert refused["code"] == "INSUFFICIENT_FUNDS"
    await check_ledger(owner, payer)


async def test_money_moves_between_own_accounts_without_limits(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    one = await account_with(factory, "9000000.00")
    other = await factory.account(Made("cus", one.owner, one.owner))
    made = await transfer(owner_of(client, one), one, to(other), "9000000.00")
    assert made["transaction"]["account"]["balance"] == {"amount": "0.00"}
    assert await balance(owner, other) == Decimal("9000000.00")
    assert not await owner.fetch("select from daily_outgoing where customer_id = $1", one.owner)


@pytest.mark.parametrize("role", ["AUTHORISED_USER", "JOINT_HOLDER"])
async def test_whoever_may_use_an_account_pays_from_it(
    client: Client, factory: Factory, owner: asyncpg.Connection, role: str
) -> None:
    account = await account_with(factory, "100.00")
    payee = await account_with(factory, number=f"P-{uuid4().hex[:12]}")
    holder = await factory.customer()
    await factory.hold(account, holder, role)
    number = await factory.number_of(payee)
    made = await transfer(client.as_(Role.CUSTOMER, holder.id), account, by_number(number), "25.00")
    assert made["transaction"]["balanceAfter"] == {"amount": "75.00"}
    # It counts towards the limit of who ordered it.
    spent = await owner.fetchval(
        "select amount from daily_outgoing where customer_id = $1", holder.id
    )
    assert spent == Decimal("25.00")
    teller = client.as_(Role.TELLER, await factory.responsible("TELLER", holder))
    made = await cash(teller, "withdraw", account, "5.00")
    assert made["transaction"]["balanceAfter"] == {"amount": "70.00"}


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
    before = await state(owner)
    for refused in (
        await cash(teller, "withdraw", account, "7000.01"),
        await transfer(teller, account, there, "7000.01"),
    ):
        assert (refused["code"], refused["field"]) == ("LIMIT_EXCEEDED", "amount.amount")
    assert await state(owner) == before
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


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("mutation", ["deposit", "withdraw", "transfer"])
async def test_who_may_move_money(
    client: Client, factory: Factory, owner: asyncpg.Connection, role: Role, mutation: str
) -> None:
    account = await account_with(factory, "100.00")
    person = await somebody(client, factory, role, account)
    permission = Permission.MONEY_TRANSFER if mutation == "transfer" else Permission.CASH_BOOK
    values = {
        "idempotencyKey": "once",
        "amount": usd("1.00"),
        "fromAccountId" if mutation == "transfer" else "accountId": account.global_id,
    }
    if mutation == "transfer":
        values["to"] = by_number("12345678", "Hans Huber", "COBADEFF")
    query = TRANSFER if mutation == "transfer" else CASH[mutation]
    before = await state(owner)
    if role in MATRIX[permission].clear:
        assert (await person.run(query, input=values))[mutation]["transaction"]
        assert await state(owner) != before
        return
    data, denied = await person.denied(query, input=values)
    assert (data, denied) == ({mutation: None}, [mutation])
    assert await state(owner) == before


async def test_the_same_command_moves_money_once(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer, payee = await account_with(factory, "100.00"), await account_with(factory)
    there = by_number(await factory.number_of(payee))
    me = owner_of(client, payer)
    answers = await asyncio.gather(
        *(transfer(me, payer, there, "10.00", idempotencyKey="once") for _ in range(20))
    )
    assert all(answer == answers[0] for answer in answers)
    assert await balance(owner, payee) == Decimal("10.00")
    other = await transfer(me, payer, there, "11.00", idempotencyKey="once")
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"
    refused = await transfer(me, payer, there, "500.00", idempotencyKey="too-much")
    teller = await teller_of(client, factory, payer)
    await cash(teller, "deposit", payer, "5000.00")
    again = await transfer(me, payer, there, "500.00", idempotencyKey="too-much")
    assert refused == again
    assert again["code"] == "INSUFFICIENT_FUNDS"
    await check_ledger(owner, payer, payee)


async def test_of_many_at_once_none_overdraws_and_none_is_lost(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    one, other = await account_with(factory, "30.00"), await account_with(factory, "30.00")
    numbers = {each: await factory.number_of(each) for each in (one, other)}
    pairs = [(one, other), (other, one)]
    answers = await asyncio.gather(
        *(
            transfer(owner_of(client, payer), payer, by_number(numbers[payee]), "7.00")
            for _ in range(15)
            for payer, payee in pairs
        )
    )
    codes = {answer.get("code") for answer in answers}
    assert codes <= {None, "INSUFFICIENT_FUNDS"}
    assert await balance(owner, one) + await balance(owner, other) == Decimal("60.00")
    assert min(await balance(owner, one), await balance(owner, other)) >= 0
    await check_ledger(owner, one, other)
