"""Whatever moves money, in every post and above both limits: done, waiting, or forbidden."""

from datetime import date
from typing import Any
from uuid import uuid4

import asyncpg
import order_support
import payment_support
import pytest
import terms_support
from client import Client
from factories import Factory, Made
from payment_support import account_with, somebody, usd
from terms_support import deposit_of
from writing_support import state

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import MATRIX, Permission, Role

ABOVE_TELLERS = "9000.00"
ABOVE_HEADS = "150000.00"
WAITS = {
    (Role.TELLER, ABOVE_TELLERS),
    (Role.TELLER, ABOVE_HEADS),
    (Role.BRANCH_MANAGER, ABOVE_HEADS),
}
PERMISSIONS = {
    "closeAccount": Permission.ACCOUNT_CLOSE,
    "createStandingOrder": Permission.MONEY_TRANSFER,
    "openTimeDeposit": Permission.DEPOSIT_OPEN,
    "transfer": Permission.MONEY_TRANSFER,
    "withdraw": Permission.CASH_BOOK,
    "withdrawTimeDeposit": Permission.DEPOSIT_OPEN,
}
# All that changes when somebody is asked; the last is that the request was read.
OF_REQUESTS = {"approval", "audit_record", "audit_read"}


def test_all_that_waits_above_a_limit_is_tried() -> None:
    assert PERMISSIONS.keys() == {name for name, rule in FOUR_EYES.items() if not rule.always}


def document(name: str) -> str:
    if name == "transfer":
        return payment_support.TRANSFER
    if name == "withdraw":
        return payment_support.CASH[name]
    if name == "createStandingOrder":
        return order_support.query(name)
    return terms_support.query(name)


async def sensible(
    owner: asyncpg.Connection, factory: Factory, name: str, amount: str
) -> tuple[Made, dict[str, Any]]:
    """An account, and an order to the owner's other account, which customers need no code for."""
    if name == "withdrawTimeDeposit":
        deposit, _ = await deposit_of(owner, factory, began_before_days=5)
        await factory.postings(deposit, amount, day=date(2014, 6, 1))
        return deposit, {"accountId": deposit.global_id, "amount": usd(amount)}
    account = await account_with(factory, amount)
    other = await factory.account(Made("cus", account.owner, account.owner))
    if name == "closeAccount":
        here = {"accountId": account.global_id, "toAccountId": other.global_id}
        return account, here | {"expectedVersion": 1}
    if name == "withdraw":
        return account, {"accountId": account.global_id, "amount": usd(amount)}
    values = {"fromAccountId": account.global_id, "amount": usd(amount)}
    if name == "openTimeDeposit":
        product = await factory.account_product(kind="TIME_DEPOSIT", term_months=3)
        return account, values | {"productId": product.global_id}
    values |= {"to": {"accountId": other.global_id}}
    if name == "createStandingOrder":
        values |= {"frequency": "MONTHLY", "firstOn": "2099-01-01"}
    return account, values


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", list(PERMISSIONS))
async def test_who_moves_how_much_alone(
    client: Client, factory: Factory, owner: asyncpg.Connection, name: str, role: Role
) -> None:
    for amount in (ABOVE_TELLERS, ABOVE_HEADS):
        account, values = await sensible(owner, factory, name, amount)
        person = await somebody(client, factory, role, account)
        before = await state(owner)
        given = {"input": values | {"idempotencyKey": uuid4().hex}}
        if role not in MATRIX[PERMISSIONS[name]].clear:
            data, denied = await person.denied(document(name), **given)
            assert (data, denied) == ({name: None}, [name])
            assert await state(owner) == before
            continue
        answer = (await person.run(document(name), **given))[name]
        assert "code" not in answer, answer
        assert ("approval" in answer) is ((role, amount) in WAITS)
        after = await state(owner)
        moved = {table for table in after if after[table] != before[table]}
        assert "approval" in moved if "approval" in answer else moved - OF_REQUESTS
        if "approval" in answer:
            assert answer["approval"]["reason"] == "ABOVE_LIMIT"
            assert moved <= OF_REQUESTS
        assert (await person.run(document(name), **given))[name] == answer
