"""What transfers will be asked for: said beforehand, and kept to."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import asyncpg
import pytest
from client import Client
from factories import Factory, Made
from payment_support import (
    account_with,
    balance,
    by_number,
    keep_payee,
    owner_of,
    somebody,
    teller_of,
    transfer,
    usd,
)
from requirement_support import REQUIREMENTS, codes, requirements
from writing_support import state

from app.auth.permissions import MATRIX, Permission, Role
from app.auth.promises import Promises
from app.auth.viewer import Viewer
from app.db.keys import Keys

BLOCK = (
    "update customer set status = 'BLOCKED' from account"
    " where account.id = $1 and customer.id = account.customer_id"
)
NUMBER, BANK, WHOM = "12345678", "COBADEFF", "Hans Huber"
THERE = by_number(NUMBER, WHOM, BANK)


async def payer_of(factory: Factory, owner: asyncpg.Connection, tier: str = "NORMAL") -> Made:
    """An account with money, of a customer of a tier."""
    payer = await account_with(factory, "90000.00")
    await owner.execute("update customer set tier = $2 where id = $1", payer.owner, tier)
    return payer


def weak(client: Client, account: Made) -> Client:
    """The owner, signed in with a password alone."""
    return client.as_(Role.CUSTOMER, account.owner, strong=False)


async def past(
    factory: Factory, account: Made, amount: str, times: int, *, hours_ago: float = 72
) -> None:
    """Transfers to a stranger that left an account, a day apart."""
    payee = await factory.account(await factory.customer())
    for n in range(times):
        at = datetime.now(UTC) - timedelta(hours=hours_ago, days=n)
        await factory.transfer(account, payee, amount, at)


@pytest.mark.parametrize(
    ("tier", "times_paid", "amount", "asked", "why"),
    [
        ("NORMAL", 3, "1400.00", [], "PAYEE_PAID_OFTEN"),
        ("NORMAL", 3, "1400.01", ["CONFIRMATION_CODE"], "ABOVE_TIER_LIMIT"),
        ("GOLD", 3, "1400.01", [], "PAYEE_PAID_OFTEN"),
        ("NORMAL", 2, "140.00", [], "SMALL_AMOUNT"),
        ("NORMAL", 2, "140.01", ["CONFIRMATION_CODE"], "PAYEE_SELDOM_PAID"),
        ("GOLD", 2, "700.00", [], "SMALL_AMOUNT"),
        ("NORMAL", 0, "140.01", ["CONFIRMATION_CODE"], "PAYEE_NEVER_PAID"),
    ],
)
async def test_good_customers_are_asked_less(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    *,
    tier: str,
    times_paid: int,
    amount: str,
    asked: list[str],
    why: str,
) -> None:
    payer = await payer_of(factory, owner, tier)
    payee = await keep_payee(factory, owner, payer, NUMBER, bank=BANK, times_paid=times_paid)
    me, before = weak(client, payer), await state(owner)
    for there in ({"payeeId": payee.global_id}, THERE):
        found = await requirements(me, payer, there, amount)
        assert (found["steps"], codes(found), found["tier"]) == (asked, [why], tier)
        # The same function decides without a token.
        made = await transfer(me, payer, there, amount)
        assert made.get("code") == ("CONFIRMATION_NEEDED" if asked else None)
        if asked:
            assert await state(owner) == before
    strong = await requirements(owner_of(client, payer), payer, THERE, amount)
    assert strong["steps"] == []
    assert codes(strong) == [why] + (["STRONGLY_AUTHENTICATED"] if asked else [])


async def test_new_payees_wait(client: Client, factory: Factory, owner: asyncpg.Connection) -> None:
    payer = await payer_of(factory, owner)
    me = owner_of(client, payer)
    found = await requirements(me, payer, THERE, "1400.01")
    assert found["steps"] == ["COOLING_OFF"]
    assert found["reasons"][0] == {
        "code": "PAYEE_NOT_KEPT",
        "message": "The payee is not kept: add it first, and order the transfer 24 hours later.",
        "step": "COOLING_OFF",
        "limit": usd("1400.00"),
    }
    payee = await keep_payee(factory, owner, payer, NUMBER, bank=BANK, hours=4, times_paid=0)
    to = {"payeeId": payee.global_id}
    found = await requirements(me, payer, to, "1400.01")
    until = datetime.fromisoformat(found["coolingOffUntil"]) - datetime.now(UTC)
    assert timedelta(hours=19, minutes=58) < until < timedelta(hours=20, minutes=1)
    for given in ({}, {"requirementsToken": found["token"]}):
        before = await state(owner)
        refused = await transfer(me, payer, to, "1400.01", **given)
        assert (refused["code"], refused["field"]) == ("COOLING_OFF", "amount.amount")
        assert await state(owner) == before
    # Less is paid, and counts for the rest of the day, whomever of the new ones it goes to.
    assert "transaction" in await transfer(me, payer, to, "1000.00")
    assert "transaction" in await transfer(me, payer, by_number("87654321", WHOM, BANK), "400.00")
    assert (await transfer(me, payer, to, "0.01"))["code"] == "COOLING_OFF"
    await owner.execute("update payee set added_at = added_at - interval '20 hours'")
    assert "transaction" in await transfer(me, payer, to, "1400.01")


async def test_own_accounts_and_posts(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await payer_of(factory, owner)
    other = await factory.account(Made("cus", payer.owner, payer.owner), number="OWN-2-77")
    me, name = weak(client, payer), "Emma Avaya Smith"
    for there in ({"accountId": other.global_id}, by_number("own 277", name)):
        found = await requirements(me, payer, there, "80000.00")
        assert (found["steps"], codes(found)) == ([], ["OWN_ACCOUNTS"])
    teller = await teller_of(client, factory, payer)
    found = await requirements(teller, payer, THERE, "7000.00")
    assert (found["steps"], codes(found), found["tier"]) == ([], ["AT_THE_COUNTER"], None)
    found = await requirements(teller, payer, THERE, "7000.01")
    assert (found["steps"], codes(found)) == (["SECOND_PERSON"], ["ABOVE_POST_LIMIT"])
    assert found["secondPersons"] == ["BRANCH_MANAGER"]
    assert found["reasons"][0]["limit"] == usd("7000.00")


async def test_the_account_s_own_past_is_what_is_usual(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await payer_of(factory, owner)
    payee = await keep_payee(factory, owner, payer, NUMBER, bank=BANK)
    to, me = {"payeeId": payee.global_id}, owner_of(client, payer)
    await past(factory, payer, "60.00", 9)
    await past(factory, payer, "900.00", 1)
    # Older transfers do not count, nor money that stayed with the customer or came in.
    await past(factory, payer, "5000.00", 3, hours_ago=24 * 200)
    await factory.postings(payer, "5000.00")
    assert codes(await requirements(me, payer, to, "180.00")) == ["PAYEE_PAID_OFTEN"]
    found = await requirements(me, payer, to, "180.01")
    assert codes(found) == ["PAYEE_PAID_OFTEN", "UNUSUAL_AMOUNT"]
    assert found["reasons"][1]["limit"] == usd("180.00")
    assert found["steps"] == ["CONFIRMATION_CODE"]


async def test_many_transfers_at_once_are_noticed(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await payer_of(factory, owner)
    me = weak(client, payer)
    for _ in range(5):
        assert "transaction" in await transfer(me, payer, THERE, "1.00")
    assert codes(await requirements(me, payer, THERE, "1.00")) == ["SMALL_AMOUNT", "UNUSUAL_PACE"]
    assert (await transfer(me, payer, THERE, "1.00"))["code"] == "CONFIRMATION_NEEDED"
    assert "transaction" in await transfer(owner_of(client, payer), payer, THERE, "1.00")


async def test_an_unusual_time_of_day_is_noticed(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await payer_of(factory, owner)
    payee = await keep_payee(factory, owner, payer, NUMBER, bank=BANK)
    to, me = {"payeeId": payee.global_id}, weak(client, payer)
    await past(factory, payer, "200.00", 20, hours_ago=30)
    found = await requirements(me, payer, to, "200.00")
    assert codes(found) == ["PAYEE_PAID_OFTEN", "UNUSUAL_HOUR"]
    # One at about this time, also across midnight, makes it usual.
    await past(factory, payer, "200.00", 1, hours_ago=25.5)
    assert codes(await requirements(me, payer, to, "200.00")) == ["PAYEE_PAID_OFTEN"]


async def change(
    rng: Random, factory: Factory, owner: asyncpg.Connection, payer: Made, payee: Made
) -> None:
    """Take away whatever the bank trusted the customer for."""
    today = "coalesce((select current_on from business_date), current_date)"
    changes = [
        "update customer set tier = 'NORMAL' where id = $1",
        "update payee set times_paid = 0 where customer_id = $1",
        "update payee set added_at = now() where customer_id = $1",
        f"insert into daily_outgoing values ($1, {today}, 'USD', 9000, 9000)",
    ]
    for sql in rng.sample(changes, rng.randint(1, len(changes))):
        await owner.execute(sql, payer.owner)
    if rng.random() < 0.5:
        await past(factory, payer, "1.00", 25, hours_ago=30)
    assert payee.owner == payer.owner


@pytest.mark.parametrize("seed", range(8))
async def test_no_more_is_asked_than_was_said(
    client: Client, factory: Factory, owner: asyncpg.Connection, seed: int
) -> None:
    rng = Random(seed)
    payer = await payer_of(factory, owner, rng.choice(["SILVER", "GOLD", "PLATINUM"]))
    payee = await keep_payee(factory, owner, payer, NUMBER, bank=BANK)
    to, me = {"payeeId": payee.global_id}, weak(client, payer)
    amount = rng.choice(["141.00", "1500.00", "6999.00"])
    found = await requirements(me, payer, to, amount)
    assert found["steps"] == []
    await change(rng, factory, owner, payer, payee)
    now = await requirements(me, payer, to, amount)
    without = await transfer(me, payer, to, amount)
    if now.get("steps"):
        assert without["code"] in {"CONFIRMATION_NEEDED", "COOLING_OFF"}
    made = await transfer(me, payer, to, amount, requirementsToken=found["token"])
    assert "transaction" in made, made


async def test_promised_limits_hold_and_what_is_used_up_is_used_up(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await payer_of(factory, owner, "GOLD")
    payee = await keep_payee(factory, owner, payer, NUMBER, bank=BANK)
    to, me = {"payeeId": payee.global_id}, weak(client, payer)
    tokens = [(await requirements(me, payer, to, "20000.00"))["token"] for _ in range(2)]
    await owner.execute("update customer set tier = 'NORMAL' where id = $1", payer.owner)
    refused = await transfer(me, payer, to, "20000.00")
    assert refused["code"] == "LIMIT_EXCEEDED"
    assert (await requirements(me, payer, to, "20000.00"))["code"] == "LIMIT_EXCEEDED"
    assert "transaction" in await transfer(me, payer, to, "20000.00", requirementsToken=tokens[0])
    await owner.execute("update daily_outgoing set amount = 120000.01")
    refused = await transfer(me, payer, to, "20000.00", requirementsToken=tokens[1])
    assert refused["code"] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("update account set status = 'FROZEN' where id = $1", "ACCOUNT_FROZEN"),
        (
            "update account set status = 'CLOSED', closed_on = current_date where id = $1",
            "ACCOUNT_CLOSED",
        ),
        ("update account set held = 89990 where id = $1", "INSUFFICIENT_FUNDS"),
        (BLOCK, "CUSTOMER_NOT_ACTIVE"),
    ],
)
async def test_what_is_not_about_trust_refuses_all_the_same(
    client: Client, factory: Factory, owner: asyncpg.Connection, sql: str, code: str
) -> None:
    payer = await payer_of(factory, owner)
    me = weak(client, payer)
    found = await requirements(me, payer, THERE, "100.00")
    await owner.execute(sql, payer.id)
    before = await state(owner)
    refused = await transfer(me, payer, THERE, "100.00", requirementsToken=found["token"])
    assert refused["code"] == code
    assert await state(owner) == before
    assert (await requirements(me, payer, THERE, "100.00"))["code"] == code


async def test_a_token_is_for_one_transfer_of_one_person(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    payer = await payer_of(factory, owner)
    me = weak(client, payer)
    second = await factory.account(Made("cus", payer.owner, payer.owner))
    await factory.postings(second, "500.00")
    token = (await requirements(me, payer, THERE, "100.00"))["token"]
    mine = Viewer(Role.CUSTOMER, (Role.CUSTOMER,), customer_id=payer.owner)
    stranger = await payer_of(factory, owner)
    theirs = (await requirements(weak(client, stranger), stranger, THERE, "100.00"))["token"]
    promise = Promises(keys.promise_secret).read(token, mine)
    late = Promises(keys.promise_secret, lambda: promise.valid_until)
    with pytest.raises(Exception, match="REQUIREMENTS_EXPIRED"):
        late.read(token, mine)
    flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    before = await state(owner)
    for given, wrong, code in (
        (payer, flipped, "REQUIREMENTS_INVALID"),
        (payer, "", "REQUIREMENTS_INVALID"),
        (payer, "é" * 3, "REQUIREMENTS_INVALID"),
        (payer, "A" * 3_000, "REQUIREMENTS_INVALID"),
        (payer, theirs, "REQUIREMENTS_OF_SOMEBODY_ELSE"),
        (second, token, "REQUIREMENTS_OF_ANOTHER_TRANSFER"),
    ):
        refused = await transfer(me, given, THERE, "100.00", requirementsToken=wrong)
        assert (refused["code"], refused["field"]) == (code, "requirementsToken")
    for there, amount in (
        (THERE, "100.01"),
        (by_number("12345679", WHOM, BANK), "100.00"),
        (by_number(NUMBER, "Hans Hubert", BANK), "100.00"),
        (by_number(NUMBER, WHOM, "COBADEFG"), "100.00"),
    ):
        refused = await transfer(me, payer, there, amount, requirementsToken=token)
        assert refused["code"] == "REQUIREMENTS_OF_ANOTHER_TRANSFER"
    assert await state(owner) == before
    # Written otherwise it is the same transfer; it is made once, however often it is sent.
    same = by_number("1234-5678", " Hans  Huber ", "cobadeff")
    sent = [transfer(me, payer, same, "100.0", requirementsToken=token) for _ in range(4)]
    made = [each.get("code", "made") for each in await asyncio.gather(*sent)]
    assert sorted(made) == ["REQUIREMENTS_USED"] * 3 + ["made"]
    assert await balance(owner, payer) == Decimal("89900.00")


async def test_an_expired_token_is_refused(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    payer = await payer_of(factory, owner)
    me, known = weak(client, payer), Promises(keys.promise_secret)
    found = await requirements(me, payer, THERE, "100.00")
    left = datetime.fromisoformat(found["validUntil"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    viewer = Viewer(Role.CUSTOMER, (Role.CUSTOMER,), customer_id=payer.owner)
    promise = known.read(found["token"], viewer)
    late = type(promise)(**{**vars(promise), "valid_until": datetime.now(UTC)})
    refused = await transfer(me, payer, THERE, "100.00", requirementsToken=known.write(late))
    assert (refused["code"], refused["field"]) == ("REQUIREMENTS_EXPIRED", "requirementsToken")
    assert refused["hint"] == "Ask `transferRequirements` again."


async def test_a_promise_to_a_post_is_not_one_to_the_customer(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await payer_of(factory, owner)
    teller = await teller_of(client, factory, payer)
    token = (await requirements(teller, payer, THERE, "7000.00"))["token"]
    refused = await transfer(weak(client, payer), payer, THERE, "7000.00", requirementsToken=token)
    assert refused["code"] == "REQUIREMENTS_OF_SOMEBODY_ELSE"
    assert "transaction" in await transfer(teller, payer, THERE, "7000.00", requirementsToken=token)


@pytest.mark.parametrize("role", Role)
async def test_who_may_not_transfer_is_told_nothing(
    client: Client, factory: Factory, role: Role
) -> None:
    account = await account_with(factory, "100.00")
    person = await somebody(client, factory, role, account)
    values = {"fromAccountId": account.global_id, "amount": usd("1.00"), "to": THERE}
    if role in MATRIX[Permission.MONEY_TRANSFER].clear:
        return
    body = (await person.send(REQUIREMENTS, input=values)).json()
    found: Any = body["data"]
    assert found["transferRequirements"] is None
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_what_is_hidden_does_not_exist(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer, stranger = await payer_of(factory, owner), await payer_of(factory, owner)
    foreign = await keep_payee(factory, owner, stranger, NUMBER, bank=BANK)
    me = weak(client, payer)
    for account, there, field in (
        (stranger, THERE, "fromAccountId"),
        (payer, {"accountId": stranger.global_id}, "to.accountId"),
        (payer, {"payeeId": foreign.global_id}, "to.payeeId"),
    ):
        found = await requirements(me, account, there, "1.00")
        assert (found["code"], found["field"]) == ("NOT_FOUND", field)
    # Whether there is such an account is told by nothing.
    known = await requirements(me, payer, by_number("12", "Nobody", None), "1.00")
    assert known["code"] == "INVALID_PAYEE"
    for number in ("0000000099", await factory.number_of(stranger)):
        found = await requirements(me, payer, by_number(number), "150.00")
        assert codes(found) == ["PAYEE_NEVER_PAID"]


async def test_reasons_come_in_chinese(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    payer = await payer_of(factory, owner)
    me = weak(client, payer)
    me.headers["accept-language"] = "zh-CN"
    found = await requirements(me, payer, THERE, "1.00")
    (reason,) = found["reasons"]
    assert reason["message"] == "金额在该客户等级的小额免验证限额以内。"
