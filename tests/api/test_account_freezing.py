"""Money that may not leave accounts; and who may change the terms of accounts."""

from typing import Any

import asyncpg
import pytest
from approval_support import agreed
from client import Client
from factories import Factory, Made
from payment_support import (
    account_with,
    by_number,
    owner_of,
    somebody,
    transfer,
    usd,
)
from terms_support import (
    PERMISSIONS,
    customer_of,
    deposit_of,
    query,
    send,
)
from writing_support import state

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import MATRIX, Role


async def test_a_frozen_account_gives_no_money_until_it_is_let_go(
    client: Client, factory: Factory
) -> None:
    account = await account_with(factory, "100.00")
    checker = await somebody(client, factory, Role.COMPLIANCE, account)
    manager = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    here = {"accountId": account.global_id}
    why = {"reason": "COURT_ORDER", "note": "Case 77/2026"}
    asked = await send(manager, "freezeAccount", **here, **why, expectedVersion=1)
    hold = await hold_of(manager, await agreed(checker, asked))
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
    asked = await send(manager, "unfreezeAccount", **here, expectedVersion=2)
    assert (await agreed(checker, asked))["resultId"] == account.global_id
    again = await send(manager, "unfreezeAccount", **here, expectedVersion=3)
    assert again["code"] == "NOTHING_TO_CHANGE"
    assert "transaction" in await transfer(me, account, there, "1.00")


async def test_a_held_amount_may_not_leave_and_the_rest_may(
    client: Client, factory: Factory
) -> None:
    account = await account_with(factory, "100.00")
    checker = await somebody(client, factory, Role.COMPLIANCE, account)
    manager = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    here = {"accountId": account.global_id}
    values = here | {"reason": "INVESTIGATION", "amount": usd("60.00")}
    asked = await send(manager, "freezeAccount", **values, expectedVersion=1)
    hold = await hold_of(manager, await agreed(checker, asked))
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
    asked = await send(manager, "unfreezeAccount", **here, holdId=hold["id"], expectedVersion=2)
    await agreed(checker, asked)
    seen_now = "query ($id: ID!) { account(id: $id) { available { amount } } }"
    left = (await manager.run(seen_now, id=account.global_id))["account"]
    assert left["available"] == {"amount": "60.00"}
    again = await send(manager, "unfreezeAccount", **here, holdId=hold["id"], expectedVersion=3)
    assert (again["code"], again["field"]) == ("NOT_FOUND", "holdId")
    assert (await manager.run(seen, id=account.global_id))["account"]["holds"] == []


async def hold_of(client: Client, approved: Any) -> Any:
    """The hold that came of an approval."""
    seen = """query ($id: ID!) { node(id: $id) { ... on AccountHold {
        id amount { amount } reason note account { id status version } } } }"""
    return (await client.run(seen, id=approved["resultId"]))["node"]


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
        # Either it is done, or it waits for a second person and nothing else has changed.
        rule = FOUR_EYES.get(name)
        assert ("approval" in body["data"][name]) is (rule is not None and rule.always)
        after = await state(owner)
        moved = {table for table in after if after[table] != before[table]}
        assert moved
        if "approval" in body["data"][name]:
            assert moved <= {"approval", "audit_record", "audit_read"}
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
