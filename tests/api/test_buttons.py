"""`viewerCan`: every button of the money operations, its limit, and why it is grey."""

from typing import Any

import asyncpg
import pytest
from client import Client
from factories import Factory, Made
from issuer import Issuer
from payment_support import (
    account_with,
    by_number,
    cash,
    owner_of,
    somebody,
    teller_of,
    transfer,
    usd,
)

from app.auth.permissions import ACCOUNT_ACTIONS, MATRIX, PSEUDONYMOUS, Permission, Role
from app.domain.problem import ProblemCode
from app.planner.collecting import Reason, UnplannedError
from app.planner.planning import Planner

OF_ACCOUNT = """
query ($id: ID!) {
  account(id: $id) {
    viewerCan { action allowed reason problem limit { amount currency } }
    standingOrders { viewerCan { action allowed problem } }
  }
}
"""
OF_CUSTOMER = "query ($id: ID!) { customer(id: $id) { viewerCan { action allowed problem } } }"
BUTTONS = {action.value for action in ACCOUNT_ACTIONS if not action.value.startswith("SEE_")}


async def buttons(person: Client, account: Made) -> dict[str, Any]:
    """What somebody is told of an account's buttons."""
    found = (await person.run(OF_ACCOUNT, id=account.global_id))["account"]["viewerCan"]
    return {each["action"]: each for each in found if each["action"] in BUTTONS}


async def problems(person: Client, account: Made) -> dict[str, str | None]:
    """Why buttons are grey; those that are not have none."""
    told = await buttons(person, account)
    for each in told.values():
        if each["allowed"] and each["reason"] is not None:
            # What nobody does alone is offered, and says so.
            assert each["action"] in {"ASSIGN_MANAGER", "FREEZE_ACCOUNT", "UNFREEZE_ACCOUNT"}
            assert each["reason"] == "A second person must agree."
            continue
        assert each["allowed"] is (each["reason"] is None)
        if each["problem"]:
            assert each["reason"] == ProblemCode[each["problem"]].sentences.message
    return {name: each["problem"] for name, each in told.items()}


async def test_limits_are_told_with_the_buttons(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "100.00")
    await owner.execute("update customer set tier = 'SILVER' where id = $1", account.owner)
    mine = await buttons(owner_of(client, account), account)
    assert mine["TRANSFER_MONEY"] == {
        "action": "TRANSFER_MONEY",
        "allowed": True,
        "reason": None,
        "problem": None,
        "limit": usd("28000.00"),
    }
    assert mine["CREATE_STANDING_ORDER"]["limit"] == usd("28000.00")
    # One's own money has no limit where it stays one's own.
    assert mine["CLOSE_ACCOUNT"] == {
        "action": "CLOSE_ACCOUNT",
        "allowed": True,
        "reason": None,
        "problem": None,
        "limit": None,
    }
    assert mine["WITHDRAW_CASH"] == {
        "action": "WITHDRAW_CASH",
        "allowed": False,
        "reason": "Your post may not do it.",
        "problem": None,
        "limit": None,
    }
    theirs = await buttons(await teller_of(client, factory, account), account)
    for name in ("WITHDRAW_CASH", "TRANSFER_MONEY", "OPEN_TIME_DEPOSIT"):
        assert theirs[name]["limit"] == usd("7000.00")
    assert (theirs["DEPOSIT_CASH"]["allowed"], theirs["DEPOSIT_CASH"]["limit"]) == (True, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "status = 'FROZEN'",
            {
                "WITHDRAW_CASH": "ACCOUNT_FROZEN",
                "TRANSFER_MONEY": "ACCOUNT_FROZEN",
                "CREATE_STANDING_ORDER": "ACCOUNT_FROZEN",
                "OPEN_TIME_DEPOSIT": "ACCOUNT_FROZEN",
                "CLOSE_ACCOUNT": "ACCOUNT_FROZEN",
                "UNFREEZE_ACCOUNT": None,
            },
        ),
        (
            "status = 'CLOSED', closed_on = current_date",
            dict.fromkeys(sorted(BUTTONS), "ACCOUNT_CLOSED"),
        ),
        ("held = 5", {"CLOSE_ACCOUNT": "ACCOUNT_IN_USE", "UNFREEZE_ACCOUNT": None}),
        ("balance = -1, overdraft_limit = 5", {"CLOSE_ACCOUNT": "BALANCE_LEFT"}),
        (
            "kind = 'TIME_DEPOSIT'",
            dict.fromkeys(
                [
                    "DEPOSIT_CASH",
                    "WITHDRAW_CASH",
                    "TRANSFER_MONEY",
                    "CREATE_STANDING_ORDER",
                    "OPEN_TIME_DEPOSIT",
                ],
                "ACCOUNT_NOT_FITTING",
            )
            | {"WITHDRAW_TIME_DEPOSIT": None},
        ),
    ],
)
async def test_how_the_account_stands_is_a_reason(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    *,
    change: str,
    told: dict[str, str | None],
) -> None:
    account = await account_with(factory, "100.00")
    head = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    usual = await problems(head, account)
    assert {name for name, problem in usual.items() if problem} == {
        "UNFREEZE_ACCOUNT",
        "WITHDRAW_TIME_DEPOSIT",
    }
    assert usual["UNFREEZE_ACCOUNT"] == "NOTHING_TO_CHANGE"
    await owner.execute(f"update account set {change} where id = $1", account.id)
    assert await problems(head, account) == usual | told
    if change.startswith("status = 'FROZEN'"):
        # What is offered is carried out, and what is grey is refused for the reason told.
        teller = await teller_of(client, factory, account)
        assert "transaction" in await cash(teller, "deposit", account, "1.00")
        refused = await cash(teller, "withdraw", account, "1.00")
        there = by_number("12345678", "Hans Huber", "COBADEFF")
        moved = await transfer(owner_of(client, account), account, there, "1.00")
        assert refused["code"] == moved["code"] == "ACCOUNT_FROZEN"


async def test_what_depends_on_an_account_keeps_it_open(client: Client, factory: Factory) -> None:
    account = await account_with(factory, "100.00")
    me = owner_of(client, account)
    assert (await problems(me, account))["CLOSE_ACCOUNT"] is None
    await factory.standing_order(account, "12345678")
    assert (await problems(me, account))["CLOSE_ACCOUNT"] == "ACCOUNT_IN_USE"


async def test_a_blocked_customer_s_money_stays(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "100.00")
    teller = await teller_of(client, factory, account)
    whom = Made("cus", account.owner, account.owner)
    query = {"id": whom.global_id}

    async def told() -> dict[str, Any]:
        found = (await teller.run(OF_CUSTOMER, **query))["customer"]["viewerCan"]
        return {each["action"]: each["problem"] for each in found}

    assert {name: (await told())[name] for name in ("OPEN_ACCOUNT", "ADD_PAYEE")} == {
        "OPEN_ACCOUNT": None,
        "ADD_PAYEE": None,
    }
    await owner.execute("update customer set status = 'BLOCKED' where id = $1", account.owner)
    blocked = await problems(teller, account)
    assert (blocked["TRANSFER_MONEY"], blocked["DEPOSIT_CASH"]) == ("CUSTOMER_NOT_ACTIVE", None)
    assert (await told())["OPEN_ACCOUNT"] == (await told())["ADD_PAYEE"] == "CUSTOMER_NOT_ACTIVE"


@pytest.mark.parametrize(
    ("role", "grey"),
    [
        ("JOINT_HOLDER", {"OPEN_TIME_DEPOSIT", "CLOSE_ACCOUNT"}),
        ("AUTHORISED_USER", {"OPEN_TIME_DEPOSIT", "CLOSE_ACCOUNT", "CREATE_STANDING_ORDER"}),
    ],
)
async def test_holders_order_less_than_owners(
    client: Client, factory: Factory, role: str, grey: set[str]
) -> None:
    account, holder = await account_with(factory, "100.00"), await factory.customer()
    await factory.standing_order(account, "12345678")
    await factory.hold(account, holder, role)
    person = client.as_(Role.CUSTOMER, holder.id)
    found = await problems(person, account)
    assert {name for name, problem in found.items() if problem == "HOLDER_MAY_NOT"} == grey
    told = (await person.run(OF_ACCOUNT, id=account.global_id))["account"]["standingOrders"]
    ends = {each["action"]: each["problem"] for each in told[0]["viewerCan"]}
    may = role == "JOINT_HOLDER"
    assert ends["CANCEL_STANDING_ORDER"] == (None if may else "HOLDER_MAY_NOT")


async def test_nobody_serves_oneself(
    issuer: Issuer, client_of_issuer: Client, factory: Factory
) -> None:
    account = await account_with(factory, "100.00")
    staff = await factory.responsible("TELLER", Made("cus", account.owner, account.owner))
    token = issuer.token(
        customer_id=str(account.owner),
        staff_id=str(staff),
        roles=["TELLER", "CUSTOMER"],
        role="TELLER",
    )
    client_of_issuer.headers["authorization"] = f"Bearer {token}"
    told = await problems(client_of_issuer, account)
    assert told["TRANSFER_MONEY"] == told["DEPOSIT_CASH"] == "CUSTOMER_IS_ONESELF"


async def test_an_ended_order_is_not_ended_again(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "100.00")
    order = await factory.standing_order(account, "12345678")
    await owner.execute("update standing_order set status = 'CANCELLED' where id = $1", order.id)
    me = owner_of(client, account)
    (told,) = (await me.run(OF_ACCOUNT, id=account.global_id))["account"]["standingOrders"]
    assert {
        "action": "CANCEL_STANDING_ORDER",
        "allowed": False,
        "problem": "NOTHING_TO_CHANGE",
    } in told["viewerCan"]


async def test_reasons_come_in_chinese(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "100.00")
    await owner.execute("update account set status = 'FROZEN' where id = $1", account.id)
    me = owner_of(client, account)
    me.headers["accept-language"] = "zh"
    told = await buttons(me, account)
    assert told["TRANSFER_MONEY"]["reason"] == "该账户已冻结,资金不得转出。"
    assert told["WITHDRAW_CASH"]["reason"] == "您的岗位无权办理。"


@pytest.mark.parametrize(
    "role", sorted(MATRIX[Permission.ACCOUNT_READ].clear - PSEUDONYMOUS - {Role.RISK_OFFICER})
)
async def test_plans_tell_the_same(
    client: Client, factory: Factory, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    account = await account_with(factory, "100.00")
    await factory.standing_order(account, "12345678")
    person = await somebody(client, factory, role, account)
    planned, plans = Planner.execute, []

    async def record(self: Planner, *given: Any) -> Any:
        plans.append(await planned(self, *given))
        return plans[-1]

    async def never(*_: Any) -> Any:
        raise UnplannedError(Reason.FIELD, "asked for the reference executor")

    answers = []
    for execute in (record, never):
        monkeypatch.setattr(Planner, "execute", execute)
        answers.append((await person.send(OF_ACCOUNT, id=account.global_id)).json())
    assert answers[0] == answers[1]
    assert len(plans) == 1
    told = {each["action"]: each for each in answers[0]["data"]["account"]["viewerCan"]}
    for action, permission in ACCOUNT_ACTIONS.items():
        if role not in MATRIX[permission].clear:
            assert (told[action]["allowed"], told[action]["problem"]) == (False, None)
