"""Subscriptions to what happens on accounts, over graphql-transport-ws."""

from typing import Any

import asyncpg
import pytest
from approval_support import agreed
from client import Client
from factories import Factory, Made
from payment_support import account_with, cash, somebody, teller_of, to, transfer, usd
from stream_support import ACTIVITY, following, subscribed
from terms_support import send

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id


def customer_token(token_key: TokenKey, account: Made) -> str:
    return token_key.issue(Role.CUSTOMER, account.owner)


def customer_of(account: Made) -> str:
    return Made("cus", account.owner, account.owner).global_id


async def test_bookings_are_told_as_they_happen(
    address: str, served: Client, factory: Factory, token_key: TokenKey
) -> None:
    account = await account_with(factory, "100.00")
    teller = await teller_of(served, factory, account)
    token = customer_token(token_key, account)
    async with following(address, token, ACTIVITY, account=account.global_id) as stream:
        for amount, balance in (("5.00", "105.00"), ("7.50", "112.50")):
            done = await cash(teller, "deposit", account, amount)
            told = await stream.next()
            assert told["__typename"] == "TransactionBooked"
            assert told["transaction"]["id"] == done["transaction"]["id"]
            assert told["transaction"]["amount"] == {"amount": amount}
            assert told["account"] == {"id": account.global_id, "balance": {"amount": balance}}


async def test_what_was_missed_is_told_once_and_in_order(
    address: str, served: Client, factory: Factory, token_key: TokenKey
) -> None:
    account = await account_with(factory)
    teller = await teller_of(served, factory, account)
    token = customer_token(token_key, account)
    async with following(address, token, ACTIVITY, account=account.global_id) as stream:
        began = stream.position
        await cash(teller, "deposit", account, "1.00")
        await stream.next()
        seen = stream.position
    for amount in ("2.00", "3.00"):
        await cash(teller, "deposit", account, amount)
    given = {"account": account.global_id, "after": seen}
    async with subscribed(address, token, ACTIVITY, **given) as stream:
        told = [await stream.next() for _ in range(2)]
        await cash(teller, "deposit", account, "4.00")
        told.append(await stream.next())
    assert [each["transaction"]["amount"]["amount"] for each in told] == ["2.00", "3.00", "4.00"]
    given = {"account": account.global_id, "after": began}
    async with subscribed(address, token, ACTIVITY, **given) as stream:
        again = [await stream.next() for _ in range(4)]
    assert again[1:] == told


async def test_each_side_of_a_transfer_is_told_its_own(
    address: str, served: Client, factory: Factory, token_key: TokenKey
) -> None:
    payer, payee = [await account_with(factory, "100.00") for _ in range(2)]
    teller = await teller_of(served, factory, payer, payee)
    tokens = [customer_token(token_key, each) for each in (payer, payee)]
    async with (
        following(address, tokens[0], ACTIVITY, account=payer.global_id) as ours,
        following(address, tokens[1], ACTIVITY, customer=customer_of(payee)) as theirs,
    ):
        await transfer(teller, payer, to(payee), "25.00")
        paid, got = await ours.next(), await theirs.next()
    assert paid["account"] == {"id": payer.global_id, "balance": {"amount": "75.00"}}
    assert got["account"] == {"id": payee.global_id, "balance": {"amount": "125.00"}}
    assert got["transaction"]["amount"] == {"amount": "25.00"}
    assert paid["position"] == got["position"]


async def test_of_two_parts_of_one_event_none_is_lost(
    address: str, served: Client, factory: Factory, token_key: TokenKey
) -> None:
    payer = await account_with(factory, "100.00")
    payee = await factory.account(Made("cus", payer.owner, payer.owner))
    teller = await teller_of(served, factory, payer)
    token = customer_token(token_key, payer)
    async with following(address, token, ACTIVITY, customer=customer_of(payer)) as stream:
        await transfer(teller, payer, to(payee), "25.00")
        first, second = await stream.next(), await stream.next()
    assert {each["account"]["id"] for each in (first, second)} == {
        payer.global_id,
        payee.global_id,
    }
    given = {"customer": customer_of(payer), "after": first["position"]}
    async with subscribed(address, token, ACTIVITY, **given) as stream:
        assert await stream.next() == second


async def test_what_becomes_of_an_account_is_told(
    address: str, served: Client, factory: Factory, token_key: TokenKey
) -> None:
    account = await account_with(factory, "100.00")
    checker = await somebody(served, factory, Role.COMPLIANCE, account)
    manager = await somebody(served, factory, Role.BRANCH_MANAGER, account)
    token = customer_token(token_key, account)
    given = {"accountId": account.global_id, "reason": "INVESTIGATION"}
    compliance = token_key.issue(Role.COMPLIANCE, new_id())
    async with (
        following(address, token, ACTIVITY, account=account.global_id) as mine,
        following(address, compliance, ACTIVITY, account=account.global_id) as theirs,
    ):
        amount = {"amount": usd("60.00")}
        asked = await send(manager, "freezeAccount", **given, **amount, expectedVersion=1)
        await agreed(checker, asked)
        assert (await theirs.next())["change"] == "HELD"
        asked = await send(manager, "freezeAccount", **given, expectedVersion=2)
        await agreed(checker, asked)
        # The customer learns what the account shows, not that the bank looks into it.
        for stream in (mine, theirs):
            told = await stream.next()
            assert (told["change"], told["account"]["status"]) == ("FROZEN", "FROZEN")


@pytest.mark.parametrize("exists", [True, False])
async def test_what_is_hidden_and_what_is_not_there_are_refused_alike(
    address: str, factory: Factory, token_key: TokenKey, exists: bool
) -> None:
    account = await account_with(factory)
    wanted = account if exists else Made("acc", account.owner, new_id())
    token = token_key.issue(Role.CUSTOMER, (await factory.customer()).id)
    async with subscribed(address, token, ACTIVITY, account=wanted.global_id) as stream:
        error = await stream.refusal()
    assert error == {
        "message": "accountActivity: there is nothing that you see to follow",
        "extensions": {"code": "FORBIDDEN"},
    }


async def test_a_post_that_sees_no_accounts(address: str, token_key: TokenKey) -> None:
    token = token_key.issue(Role.MARKETER, new_id())
    async with subscribed(address, token, ACTIVITY, account=f"acc_{'0' * 64}") as stream:
        error = await stream.refusal()
    assert (error["extensions"]["code"], error["path"]) == ("FORBIDDEN", ["accountActivity"])
    assert error["extensions"]["permission"] == "ACCOUNT_READ"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"account": f"acc_{'0' * 64}", "customer": f"cus_{'0' * 32}"},
        {"account": "nonsense"},
        {"account": f"cus_{'0' * 32}"},
        {"account": f"acc_{'0' * 64}", "after": "nonsense"},
    ],
)
async def test_arguments_that_make_no_sense(
    address: str, token_key: TokenKey, given: dict[str, Any]
) -> None:
    token = token_key.issue(Role.CUSTOMER, new_id())
    async with subscribed(address, token, ACTIVITY, **given) as stream:
        assert (await stream.refusal())["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_position_is_of_one_post(
    address: str, factory: Factory, token_key: TokenKey
) -> None:
    account = await account_with(factory)
    token = customer_token(token_key, account)
    async with following(address, token, ACTIVITY, account=account.global_id) as stream:
        given = {"account": account.global_id, "after": stream.position}
    teller = token_key.issue(
        Role.TELLER, await factory.responsible("TELLER", Made("cus", account.owner, account.owner))
    )
    async with subscribed(address, teller, ACTIVITY, **given) as stream:
        assert (await stream.refusal())["extensions"]["code"] == "BAD_USER_INPUT"


async def test_rights_that_are_taken_away_stop_the_next_event(
    address: str,
    served: Client,
    factory: Factory,
    token_key: TokenKey,
    owner: asyncpg.Connection,
) -> None:
    account = await account_with(factory)
    teller = await teller_of(served, factory, account)
    customer = Made("cus", account.owner, account.owner)
    manager = await factory.responsible("RELATIONSHIP_MANAGER", customer)
    token = token_key.issue(Role.RELATIONSHIP_MANAGER, manager)
    async with following(address, token, ACTIVITY, account=account.global_id) as stream:
        await cash(teller, "deposit", account, "1.00")
        assert (await stream.next())["__typename"] == "TransactionBooked"
        await owner.execute("delete from assignment where staff_id = $1", manager)
        await cash(teller, "deposit", account, "2.00")
        payload = await stream.payload()
        assert payload["data"] == {"accountActivity": None}
        assert [error["extensions"]["code"] for error in payload["errors"]] == ["FORBIDDEN"]
        await stream.completed()


async def test_several_subscribers_are_told_the_same(
    address: str, served: Client, factory: Factory, token_key: TokenKey
) -> None:
    account = await account_with(factory)
    teller = await teller_of(served, factory, account)
    token = customer_token(token_key, account)
    given = {"account": account.global_id}
    async with (
        following(address, token, ACTIVITY, **given) as one,
        following(address, token, ACTIVITY, **given) as other,
    ):
        await cash(teller, "deposit", account, "1.00")
        assert await one.next() == await other.next()
