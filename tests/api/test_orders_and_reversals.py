"""Payees, standing orders, and bookings that are taken back."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from approval_support import agreed, approve
from client import Client
from factories import Factory, Made
from order_support import (
    OUTSIDE,
    PERMISSIONS,
    booking,
    customer_of,
    order_of,
    query,
    send,
    today_of,
)
from payment_support import (
    NAME,
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
from writing_support import state

from app.auth.permissions import MATRIX, Role


async def test_a_payee_is_added_once_and_paid_by_its_id(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "100.00")
    me = owner_of(client, payer)
    given = {"customerId": customer_of(payer), "payee": OUTSIDE}
    payee = (await send(me, "addPayee", **given))["payee"]
    number = payee.pop("id")
    assert payee == {
        "name": "Hans Huber",
        "number": "DE89370400440532013000",
        "bank": "COBADEFF",
        "timesPaid": 0,
        "lastPaidAt": None,
    }
    before = await state(owner)
    again = given | {"payee": OUTSIDE | {"number": "de89370400440532013000"}}
    refused = await send(me, "addPayee", **again)
    assert (refused["code"], refused["field"]) == ("PAYEE_KNOWN", "payee")
    assert await state(owner) == before
    made = await transfer(me, payer, {"payeeId": number}, "25.00")
    assert made["transaction"]["counterpartyName"] == "Hans Huber"
    seen = """query ($id: ID!) { customer(id: $id) { payees { id timesPaid lastPaidAt } } }"""
    (found,) = (await me.run(seen, id=customer_of(payer)))["customer"]["payees"]
    assert (found["id"], found["timesPaid"]) == (number, 1)
    assert found["lastPaidAt"]


async def test_a_payee_of_this_bank_must_be_known_here(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "100.00")
    payee = await account_with(factory, number=f"HERE-{uuid4().hex[:8]}")
    number = await factory.number_of(payee)
    me, whose = owner_of(client, payer), customer_of(payer)
    before = await state(owner)
    refused = [
        await send(me, "addPayee", customerId=whose, payee={"name": name, "number": text})
        for name, text in (("Somebody Else", number), (NAME, "NOWHERE1"))
    ]
    assert refused[0] == refused[1]
    assert (refused[0]["code"], refused[0]["field"]) == ("PAYEE_UNKNOWN", "payee")
    stranger = owner_of(client, payee)
    hidden = await send(stranger, "addPayee", customerId=whose, payee=OUTSIDE)
    assert hidden["code"] == "NOT_FOUND"
    assert await state(owner) == before
    made = await send(me, "addPayee", customerId=whose, payee={"name": NAME, "number": number})
    paid = await transfer(me, payer, {"payeeId": made["payee"]["id"]}, "25.00")
    assert paid["transaction"]["amount"]["amount"] == "-25.00"
    assert await balance(owner, payee) == Decimal("25.00")
    # Nobody pays by somebody else's payee.
    other = await account_with(factory, "100.00")
    to = {"payeeId": made["payee"]["id"]}
    assert (await transfer(owner_of(client, other), other, to, "1.00"))["code"] == "NOT_FOUND"
    teller = await teller_of(client, factory, payer, other)
    assert (await transfer(teller, other, to, "1.00"))["code"] == "NOT_FOUND"


async def test_a_standing_order_is_taken_on_and_ended(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory)
    me, today = owner_of(client, account), await today_of(owner)
    given = order_of(
        account,
        today,
        endsOn=(today + timedelta(days=90)).isoformat(),
        text="Rent",
        purpose="HOUSEHOLD",
    )
    order = (await send(me, "createStandingOrder", **given))["order"]
    number = order.pop("id")
    assert order == {
        "purpose": "HOUSEHOLD",
        "amount": usd("10.00"),
        "frequency": "MONTHLY",
        "status": "ACTIVE",
        "nextOn": given["firstOn"],
        "firstOn": given["firstOn"],
        "endsOn": given["endsOn"],
        "payeeName": "Hans Huber",
        "payeeAccount": "DE89370400440532013000",
        "payeeBank": "COBADEFF",
        "text": "Rent",
        "version": 1,
        "account": {"id": account.global_id},
    }
    stale = await send(me, "cancelStandingOrder", id=number, expectedVersion=2)
    assert stale["code"] == "STALE_VERSION"
    ended = (await send(me, "cancelStandingOrder", id=number, expectedVersion=1))["order"]
    assert ended == {"id": number, "status": "CANCELLED", "nextOn": None, "version": 2}
    again = await send(me, "cancelStandingOrder", id=number, expectedVersion=2)
    assert again["code"] == "NOTHING_TO_CHANGE"
    stranger = owner_of(client, await account_with(factory))
    hidden = await send(stranger, "cancelStandingOrder", id=number, expectedVersion=2)
    assert (hidden["code"], hidden["field"]) == ("NOT_FOUND", "id")


async def test_an_order_to_an_account_here_keeps_what_finds_it(
    client: Client, factory: Factory
) -> None:
    account, payee = await account_with(factory), await account_with(factory)
    other = await factory.account(Made("cus", account.owner, account.owner))
    me, number = owner_of(client, account), await factory.number_of(payee)
    later = date(2099, 1, 1)
    for to, expected in (
        (by_number(number), number),
        ({"accountId": other.global_id}, await factory.number_of(other)),
    ):
        order = (await send(me, "createStandingOrder", **order_of(account, later, to=to)))["order"]
        kept = (order["payeeName"], order["payeeAccount"], order["payeeBank"])
        assert kept == (NAME, expected, None)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"amount": usd("0.00")}, ("INVALID_AMOUNT", "amount.amount")),
        (
            {"amount": {"amount": "1.00", "currency": "EUR"}},
            ("CURRENCY_NOT_MATCHING", "amount.currency"),
        ),
        ({"amount": usd("1000000.00")}, ("LIMIT_EXCEEDED", "amount.amount")),
        ({"firstOn": "2001-01-01"}, ("INVALID_DATE", "firstOn")),
        ({"endsOn": "2001-01-01"}, ("INVALID_DATE", "endsOn")),
        ({"to": {"account": OUTSIDE | {"name": "-"}}}, ("INVALID_PAYEE", "to.account.name")),
        ({"to": by_number("NOWHERE1")}, ("PAYEE_UNKNOWN", "to.account")),
        ({"status": "FROZEN"}, ("ACCOUNT_FROZEN", "fromAccountId")),
    ],
)
async def test_an_order_that_does_not_fit_is_not_taken_on(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    given: dict[str, Any],
    problem: tuple[str, str],
) -> None:
    account = await account_with(factory, status=given.get("status", "OPEN"))
    wrong = {name: value for name, value in given.items() if name != "status"}
    values = order_of(account, date(2099, 1, 1)) | wrong
    before = await state(owner)
    refused = await send(owner_of(client, account), "createStandingOrder", **values)
    assert (refused["code"], refused["field"]) == problem
    assert await state(owner) == before


async def test_an_authorised_user_orders_nothing_for_ever(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory)
    user, joint = await factory.customer(), await factory.customer()
    await factory.hold(account, user)
    await factory.hold(account, joint, "JOINT_HOLDER")
    values = order_of(account, date(2099, 1, 1))
    before = await state(owner)
    refused = await send(client.as_(Role.CUSTOMER, user.id), "createStandingOrder", **values)
    assert (refused["code"], refused["field"]) == ("HOLDER_MAY_NOT", "fromAccountId")
    assert await state(owner) == before
    made = await send(client.as_(Role.CUSTOMER, joint.id), "createStandingOrder", **values)
    assert made["order"]["status"] == "ACTIVE"


async def test_a_transfer_is_taken_back_with_its_fee_once(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    product = await factory.account_product(transfer_fee=Decimal("1.50"))
    payer = await account_with(factory, "100.00", product_id=product.id)
    teller = await teller_of(client, factory, payer)
    made = (await transfer(teller, payer, {"account": OUTSIDE}, "10.00"))["transaction"]
    given = {"transactionId": made["id"], "reason": "Sent to the wrong bank."}
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, payer)
    asked = await send(teller, "reverseTransaction", **given, text="Sorry")
    assert await balance(owner, payer) == Decimal("88.50")
    back = await booking(teller, await agreed(checker, asked))
    assert back["id"] != made["id"]
    assert (back["kind"], back["amount"], back["text"]) == (
        "REVERSAL",
        {"amount": "10.00"},
        "Sorry",
    )
    assert back["counterpartyAccount"] == "DE89370400440532013000"
    assert back["account"]["balance"] == {"amount": "100.00"}
    before = await state(owner)
    refused = await send(teller, "reverseTransaction", **given)
    assert (refused["code"], refused["field"]) == ("ALREADY_REVERSED", "transactionId")
    # A reversal is not taken back either: the transfer is ordered again.
    given = {"transactionId": back["id"], "reason": "It was right."}
    assert (await send(teller, "reverseTransaction", **given))["code"] == "NOT_REVERSIBLE"
    assert await state(owner) == before
    await check_ledger(owner, payer)


async def test_of_many_reversals_at_once_one_is_booked(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory)
    teller = await teller_of(client, factory, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    made = (await cash(teller, "deposit", account, "10.00"))["transaction"]
    given = {"transactionId": made["id"], "reason": "Counted twice."}
    asked = [
        (await send(teller, "reverseTransaction", **given))["approval"]["id"] for _ in range(10)
    ]
    answers = await asyncio.gather(*(approve(checker, each) for each in asked))
    codes = sorted(str(answer.get("code")) for answer in answers)
    assert codes == ["ALREADY_REVERSED"] * 9 + ["None"]
    assert await balance(owner, account) == 0
    await check_ledger(owner, account)


async def test_money_that_is_gone_is_not_taken_back(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer, payee = await account_with(factory, "100.00"), await account_with(factory)
    teller = await teller_of(client, factory, payer)
    there = by_number(await factory.number_of(payee))
    made = (await transfer(teller, payer, there, "60.00"))["transaction"]
    of_payee = await teller_of(client, factory, payee)
    await cash(of_payee, "withdraw", payee, "1.00")
    seen = "query ($id: ID!) { account(id: $id) { transactions(last: 1) { nodes { id } } } }"
    (gained,) = (await of_payee.run(seen, id=payee.global_id))["account"]["transactions"]["nodes"]
    before = await state(owner)
    given = {"reason": "Sent twice."}
    # Whoever sees the payee's account is told why; of a stranger's account nothing is told.
    for client_, booked, code in (
        (teller, made, "NOT_REVERSIBLE"),
        (of_payee, gained, "INSUFFICIENT_FUNDS"),
        (of_payee, made, "NOT_FOUND"),
    ):
        refused = await send(client_, "reverseTransaction", transactionId=booked["id"], **given)
        assert refused["code"] == code
    await owner.execute("update account set status = 'FROZEN' where id = $1", payee.id)
    refused = await send(of_payee, "reverseTransaction", transactionId=gained["id"], **given)
    assert refused["code"] == "ACCOUNT_FROZEN"
    await owner.execute("update account set status = 'OPEN' where id = $1", payee.id)
    assert await state(owner) == before
    await cash(of_payee, "deposit", payee, "1.00")
    asked = await send(of_payee, "reverseTransaction", transactionId=gained["id"], **given)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, payee)
    back = await booking(of_payee, await agreed(checker, asked))
    assert back["amount"] == {"amount": "-60.00"}
    assert await balance(owner, payer) == Decimal("100.00")
    await check_ledger(owner, payer, payee)


async def test_what_nobody_booked_by_hand_is_not_taken_back(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await account_with(factory, "100.00")
    target = await factory.account(Made("cus", payer.owner, payer.owner))
    teller = await teller_of(client, factory, payer)
    imported = await owner.fetchval("select id from posting where account_id = $1", payer.id)
    await owner.execute("alter table journal_entry disable trigger append_only")
    await owner.execute(
        "update journal_entry set source = 'RETAIL_BANK' where customer_id = $1", payer.owner
    )
    await owner.execute("alter table journal_entry enable trigger append_only")
    booking = Made("txn", payer.owner, imported).global_id
    given = {"transactionId": booking, "reason": "Wrong."}
    assert (await send(teller, "reverseTransaction", **given))["code"] == "NOT_REVERSIBLE"
    unknown = Made("txn", payer.owner, uuid4()).global_id
    refused = await send(teller, "reverseTransaction", transactionId=unknown, reason="Wrong.")
    assert (refused["code"], refused["field"]) == ("NOT_FOUND", "transactionId")
    made = (await transfer(teller, payer, {"accountId": target.global_id}, "1.00"))["transaction"]
    await owner.execute("update account set kind = 'TIME_DEPOSIT' where id = $1", target.id)
    given = {"transactionId": made["id"], "reason": "Wrong."}
    assert (await send(teller, "reverseTransaction", **given))["code"] == "NOT_REVERSIBLE"
    document = query("reverseTransaction")
    empty = {"idempotencyKey": "a", "transactionId": made["id"], "reason": " "}
    error = await teller.error(document, input=empty)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", list(PERMISSIONS))
async def test_who_may_keep_orders_and_take_bookings_back(
    client: Client, factory: Factory, owner: asyncpg.Connection, name: str, role: Role
) -> None:
    account = await account_with(factory, "50.00")
    person = await somebody(client, factory, role, account)
    values = await _sensible(factory, owner, account, name)
    before = await state(owner)
    document, given = query(name), {"input": values | {"idempotencyKey": "once"}}
    if role in MATRIX[PERMISSIONS[name]].clear:
        data = await person.run(document, **given)
        assert "code" not in data[name], data
        changed = await state(owner)
        moved = {table for table in changed if changed[table] != before[table]}
        assert moved
        # Either it is done, or it waits for a second person and nothing else has changed.
        assert ("approval" in data[name]) is (name == "reverseTransaction")
        if "approval" in data[name]:
            assert moved <= {"approval", "audit_record", "audit_read"}
        assert await person.run(document, **given) == data
        # That the answer was read again is recorded, and nothing else.
        after = await state(owner)
        assert {name for name in after if after[name] != changed[name]} <= {
            "audit_read",
            "audit_record",
        }
        return
    data, denied = await person.denied(document, **given)
    assert (data, denied) == ({name: None}, [name])
    assert await state(owner) == before


async def _sensible(
    factory: Factory, owner: asyncpg.Connection, account: Made, name: str
) -> dict[str, Any]:
    """An input that is carried out."""
    if name == "addPayee":
        return {"customerId": customer_of(account), "payee": OUTSIDE}
    if name == "createStandingOrder":
        return order_of(account, date(2099, 1, 1))
    if name == "cancelStandingOrder":
        order = await factory.standing_order(account, "12345678")
        return {"id": order.global_id, "expectedVersion": 1}
    booked = await owner.fetchval("select id from posting where account_id = $1", account.id)
    booking = Made("txn", account.owner, booked).global_id
    return {"transactionId": booking, "reason": "Counted twice."}
