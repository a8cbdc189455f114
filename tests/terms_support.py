"""Accounts whose terms change, for the tests of opening, freezing and closing."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
from approval_support import PENDING
from client import Client
from factories import Factory, Made
from payment_support import (
    account_with,
)

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import Permission
from app.domain.dates import add_months

_ACCOUNT = """account {
    id number kind status currencyOf: balance { amount currency } available { amount } annualRate
    termMonths openedOn closedOn maturesOn autoRenewal interestAccrued { amount } version
    product { id } settlementAccount { id } holds { id } }"""
_SELECT = {
    "openAccount": _ACCOUNT,
    "openTimeDeposit": _ACCOUNT,
    "closeAccount": _ACCOUNT,
    "withdrawTimeDeposit": _ACCOUNT,
    "freezeAccount": "hold { id amount { amount } reason note account { id status version } }",
    "unfreezeAccount": "account { id status version available { amount } }",
}
# Customers do not see holds.
_FOR_CUSTOMERS = {name: text.replace("holds { id }", "") for name, text in _SELECT.items()}
PERMISSIONS = {
    "openAccount": Permission.ACCOUNT_OPEN,
    "openTimeDeposit": Permission.DEPOSIT_OPEN,
    "closeAccount": Permission.ACCOUNT_CLOSE,
    "withdrawTimeDeposit": Permission.DEPOSIT_OPEN,
    "freezeAccount": Permission.ACCOUNT_FREEZE,
    "unfreezeAccount": Permission.ACCOUNT_FREEZE,
}


def query(name: str, selected: str = "") -> str:
    type_ = name[0].upper() + name[1:]
    return f"""
mutation ($input: {type_}Input!) {{
  {name}(input: $input) {{
    ... on {type_}Payload {{ {selected or _FOR_CUSTOMERS[name]} }}
    {PENDING if name in FOUR_EYES else ""}
    ... on Problem {{ code message field hint }}
  }}
}}
"""


async def send(client: Client, name: str, **given: Any) -> Any:
    values = {"idempotencyKey": uuid4().hex} | given
    return (await client.run(query(name), input=values))[name]


def customer_of(account: Made) -> str:
    return Made("cus", account.owner, account.owner).global_id


async def today_of(owner: asyncpg.Connection) -> date:
    found: date = await owner.fetchval(
        "select coalesce((select current_on from business_date), current_date)"
    )
    return found


async def deposit_of(
    owner: asyncpg.Connection, factory: Factory, *, began_before_days: int, **given: Any
) -> tuple[Made, Made]:
    """A time deposit over a year with 10,000.00, and the account that it pays out to."""
    settlement = await account_with(factory)
    began_on = await today_of(owner) - timedelta(days=began_before_days)
    product = await factory.account_product(
        kind="TIME_DEPOSIT",
        term_months=12,
        minimum=Decimal("1000.00"),
        annual_rate=Decimal("0.036"),
        day_count="MONTHS_360",
        interest_posting="AT_MATURITY",
    )
    values = {
        "kind": "TIME_DEPOSIT",
        "product_id": product.id,
        "annual_rate": Decimal("0.036"),
        "term_months": 12,
        "opened_on": began_on,
        "term_began_on": began_on,
        "matures_on": add_months(began_on, 12),
        "settlement_account_id": settlement.id,
        "interest_accrued": Decimal("12.3456789012"),
    } | given
    deposit = await factory.account(Made("cus", settlement.owner, settlement.owner), **values)
    await factory.postings(deposit, "10000.00")
    return deposit, settlement
