"""Money that nobody moves alone: what is asked, who agrees, and what comes of it."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from approval_support import agreed, approve, found, reject, withdraw
from client import Client
from factories import Factory, Made
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
    to,
    transfer,
    usd,
)
from terms_support import deposit_of, send
from writing_support import state

from app.auth.approvals import FOUR_EYES
from app.auth.limits import POST_LIMITS, SECOND_PERSONS
from app.auth.permissions import Role

THERE = by_number("12345678", "Hans Huber", "COBADEFF")
MUCH = "9000.00"


async def books(owner: asyncpg.Connection) -> dict[str, Any]:
    """All but the requests, and what tells of them and of reading."""
    told = {"approval", "audit_record", "audit_read"}
    return {table: rows for table, rows in (await state(owner)).items() if table not in told}


async def test_a_transfer_above_the_limit_waits_and_is_carried_out_once(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer, payee = await account_with(factory, "90000.00"), await account_with(factory)
    there = by_number(await factory.number_of(payee))
    teller = await teller_of(client, factory, payer)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, payer)
    before, key = await books(owner), uuid4().hex
    answer = await transfer(teller, payer, there, MUCH, idempotencyKey=key, text="A car")
    asked = answer["approval"]
    assert (asked["command"], asked["reason"]) == ("transfer", "ABOVE_LIMIT")
    assert (asked["state"], asked["requiredRoles"]) == ("PENDING", ["BRANCH_MANAGER"])
    assert {each["field"]: each["after"] for each in asked["diff"]} == {
        "amount": "9000.00 USD",
        "fromAccount": payer.global_id,
        "fromAccountNumber": await factory.number_of(payer),
        "toAccountNumber": await factory.number_of(payee),
        "toName": NAME,
        "text": "A car",
    }
    assert await books(owner) == before
    again = await transfer(teller, payer, there, MUCH, idempotencyKey=key, text="A car")
    assert again["approval"]["id"] == asked["id"]
    once = uuid4().hex
    ended = await approve(checker, asked["id"], once)
    assert ended["approval"]["state"] == "APPROVED"
    assert ended["approval"]["resultId"].startswith("txn_")
    assert await approve(checker, asked["id"], once) == ended
    assert (await approve(checker, asked["id"]))["code"] == "REQUEST_DECIDED"
    again = await transfer(teller, payer, there, MUCH, idempotencyKey=key, text="A car")
    assert again["approval"]["state"] == "APPROVED"
    assert await balance(owner, payee) == Decimal(MUCH)
    await check_ledger(owner, payer, payee)
    rows = await owner.fetch(
        "select role, event, fields from audit_record"
        " where command = 'transfer' and customer_id = $1 order by id",
        payer.owner,
    )
    assert [(row["role"], row["event"]) for row in rows] == [
        ("TELLER", "approval.requested"),
        ("TELLER", "transfer.booked"),
    ]
    assert rows[1]["fields"][-1].startswith("APPROVED_BY:sta_")
    channel = "select channel from posting where kind = 'TRANSFER_OUT' and customer_id = $1"
    assert await owner.fetchval(channel, payer.owner) == "BRANCH"


async def asked_for(teller: Client, account: Any, name: str) -> Any:
    if name == "transfer":
        return (await transfer(teller, account, THERE, MUCH))["approval"]["id"]
    return (await cash(teller, "withdraw", account, MUCH))["approval"]["id"]


@pytest.mark.parametrize("name", ["transfer", "withdraw"])
async def test_what_is_not_approved_moves_nothing(
    client: Client, factory: Factory, owner: asyncpg.Connection, name: str
) -> None:
    account = await account_with(factory, "90000.00")
    teller = await teller_of(client, factory, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    before = await books(owner)
    rejected, withdrawn, late = [await asked_for(teller, account, name) for _ in range(3)]
    assert (await reject(checker, rejected))["approval"]["state"] == "REJECTED"
    assert (await withdraw(teller, withdrawn))["approval"]["state"] == "WITHDRAWN"
    await owner.execute("update approval set expires_at = now() where state = 'PENDING'")
    assert (await approve(checker, late))["code"] == "REQUEST_EXPIRED"
    for over in (rejected, withdrawn, late):
        assert (await approve(checker, over, version=2))["code"] == "REQUEST_DECIDED"
    assert await books(owner) == before


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("transfer", "held = 89000", "INSUFFICIENT_FUNDS"),
        ("transfer", "status = 'FROZEN'", "ACCOUNT_FROZEN"),
        ("withdraw", "held = 89000", "INSUFFICIENT_FUNDS"),
        ("withdraw", "status = 'FROZEN'", "ACCOUNT_FROZEN"),
    ],
)
async def test_what_stands_against_it_by_now_moves_nothing_and_it_goes_on_waiting(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    *,
    name: str,
    change: str,
    code: str,
) -> None:
    account = await account_with(factory, "90000.00")
    teller = await teller_of(client, factory, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    asked = await asked_for(teller, account, name)
    await owner.execute(f"update account set {change} where id = $1", account.id)
    before = await books(owner)
    refused = await approve(checker, asked)
    assert (refused["code"], refused["field"]) == (code, "id")
    assert await books(owner) == before
    assert (await found(checker, asked))["state"] == "PENDING"
    await owner.execute("update account set held = 0, status = 'OPEN' where id = $1", account.id)
    assert (await approve(checker, asked))["approval"]["state"] == "APPROVED"
    assert await balance(owner, account) == Decimal("81000.00")


async def test_nobody_approves_their_own_not_even_the_head(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "900000.00")
    head = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    asked = (await cash(head, "withdraw", account, "150000.00"))["approval"]
    assert asked["requiredRoles"] == ["BRANCH_MANAGER", "RISK_OFFICER"]
    before = await books(owner)
    assert (await approve(head, asked["id"]))["code"] == "REQUEST_IS_OWN"
    assert await books(owner) == before
    # Risk officers book no cash, and still check. Numbers that they do not see stay hidden.
    officer = client.as_(Role.RISK_OFFICER, (await factory.staff("RISK_OFFICER")).id)
    query = "query ($id: ID!) { node(id: $id) { ... on Approval { diff { field after } } } }"
    data, denied = await officer.denied(query, id=asked["id"])
    shown = {each["field"]: each["after"] for each in data["node"]["diff"]}
    assert (shown["amount"], shown["account"]) == ("150000.00 USD", account.global_id)
    assert (shown["accountNumber"], len(denied)) == (None, 1)
    document = """mutation ($input: ApproveRequestInput!) { approveRequest(input: $input) {
        ... on ApproveRequestPayload { approval { state decidedRole } } } }"""
    given = {"idempotencyKey": uuid4().hex, "id": asked["id"], "expectedVersion": 1}
    ended = (await officer.run(document, input=given))["approveRequest"]["approval"]
    assert ended == {"state": "APPROVED", "decidedRole": "RISK_OFFICER"}
    assert await balance(owner, account) == Decimal("750000.00")


async def test_a_fee_that_has_changed_is_shown_and_the_request_ends(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    product = await factory.account_product(transfer_fee=Decimal("1.50"))
    account = await account_with(factory, "90000.00", product_id=product.id)
    teller = await teller_of(client, factory, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    asked = await asked_for(teller, account, "transfer")
    sql = "update account_product set transfer_fee = 9.00 where id = $1"
    await owner.execute(sql, product.id)
    before = await books(owner)
    answer = await approve(checker, asked)
    assert answer["problem"]["code"] == "REQUEST_STALE"
    fees = [
        next(each["after"] for each in answer["approval"][diff] if each["field"] == "fee")
        for diff in ("diff", "freshDiff")
    ]
    assert [Decimal(fee.split()[0]) for fee in fees] == [Decimal("1.50"), Decimal("9.00")]
    assert await books(owner) == before


async def test_a_freeze_waits_and_is_stale_once_the_account_has_changed(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "100.00")
    officer = await somebody(client, factory, Role.COMPLIANCE, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    values = {"accountId": account.global_id, "reason": "INVESTIGATION", "expectedVersion": 1}
    first = await send(officer, "freezeAccount", **values, amount=usd("60.00"))
    second = await send(officer, "freezeAccount", **values)
    assert "transaction" in await transfer(owner_of(client, account), account, THERE, "1.00")
    assert first["approval"]["requiredRoles"] == ["BRANCH_MANAGER", "RISK_OFFICER", "COMPLIANCE"]
    held = next(each for each in first["approval"]["diff"] if each["field"] == "held")
    assert (held["before"], held["after"]) == ("0.00 USD", "60.00 USD")
    await agreed(checker, first)
    answer = await approve(checker, second["approval"]["id"])
    assert answer["problem"]["code"] == "REQUEST_STALE"
    status = await owner.fetchval("select status from account where id = $1", account.id)
    assert status == "OPEN"


@pytest.mark.parametrize("name", ["openTimeDeposit", "withdrawTimeDeposit", "closeAccount"])
async def test_terms_above_the_limit_wait_too(
    client: Client, factory: Factory, owner: asyncpg.Connection, name: str
) -> None:
    given: dict[str, Any] = {"amount": usd(MUCH)}
    if name == "openTimeDeposit":
        account = await account_with(factory, "90000.00")
        product = await factory.account_product(kind="TIME_DEPOSIT", term_months=3)
        given |= {"fromAccountId": account.global_id, "productId": product.global_id}
    else:
        account, _ = await deposit_of(owner, factory, began_before_days=5)
        given |= {"accountId": account.global_id}
    if name == "closeAccount":
        given = {"accountId": account.global_id, "expectedVersion": 1}
    teller = await teller_of(client, factory, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    before, had = await books(owner), await balance(owner, account)
    answer = await send(teller, name, **given)
    assert answer["approval"]["reason"] == "ABOVE_LIMIT"
    assert await books(owner) == before
    ended = await agreed(checker, answer)
    assert ended["resultId"].startswith("acc_")
    left = 0 if name == "closeAccount" else had - Decimal(MUCH)
    assert await balance(owner, account) == left
    await check_ledger(owner, account)


async def test_a_standing_order_above_the_limit_waits_too(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory)
    teller = await teller_of(client, factory, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    query = """mutation ($input: CreateStandingOrderInput!) { createStandingOrder(input: $input) {
        ... on PendingApproval { approval { id state version } } } }"""
    given = {
        "idempotencyKey": uuid4().hex,
        "fromAccountId": account.global_id,
        "amount": usd(MUCH),
        "to": THERE,
        "frequency": "MONTHLY",
        "firstOn": "2099-01-01",
    }
    asked = (await teller.run(query, input=given))["createStandingOrder"]
    mine = "select amount from standing_order where account_id = $1"
    assert await owner.fetchval(mine, account.id) is None
    assert (await agreed(checker, asked))["resultId"].startswith("sto_")
    assert await owner.fetchval(mine, account.id) == Decimal(MUCH)


def test_every_post_with_a_limit_finds_a_second_person() -> None:
    for role in POST_LIMITS:
        for rule in FOUR_EYES.values():
            assert rule.always or SECOND_PERSONS[role] <= rule.checkers


async def test_a_closing_whose_money_has_gone_meanwhile_is_stale(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, MUCH)
    other = await factory.account(Made("cus", account.owner, account.owner))
    teller = await teller_of(client, factory, account)
    checker = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    given = {"accountId": account.global_id, "toAccountId": other.global_id, "expectedVersion": 1}
    asked = (await send(teller, "closeAccount", **given))["approval"]
    me = owner_of(client, account)
    assert "transaction" in await transfer(me, account, to(other), MUCH)
    answer = await approve(checker, asked["id"])
    assert answer["problem"]["code"] == "REQUEST_STALE"
    fresh = {each["field"]: each["after"] for each in answer["approval"]["freshDiff"]}
    assert fresh["amount"] == "0.00 USD"
    sql = "select status from account where id = $1"
    assert await owner.fetchval(sql, account.id) == "OPEN"
