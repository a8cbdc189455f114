"""Cash and transfers: what is booked, who may order it, and that no cent is lost."""

import asyncio
from decimal import Decimal
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
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
    to,
    transfer,
    usd,
)
from writing_support import detail_of, state

from app.auth.permissions import MATRIX, Permission, Role
from app.db.keys import Keys
from app.planner.global_id import GlobalId


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
