"""Orders and reversals, for the tests of them."""

from datetime import date
from typing import Any
from uuid import uuid4

import asyncpg
from approval_support import PENDING
from client import Client
from factories import Made
from payment_support import usd

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import Permission

_SELECT = {
    "addPayee": "payee { id name number bank timesPaid lastPaidAt }",
    "createStandingOrder": """order { id purpose amount { amount currency } frequency status nextOn
        firstOn endsOn payeeName payeeAccount payeeBank text version account { id } }""",
    "cancelStandingOrder": "order { id status nextOn version }",
    "reverseTransaction": """transaction { id kind amount { amount } text counterpartyAccount
        counterpartyName account { id balance { amount } } }""",
}
PERMISSIONS = {
    "addPayee": Permission.PAYEE_KEEP,
    "createStandingOrder": Permission.MONEY_TRANSFER,
    "cancelStandingOrder": Permission.MONEY_TRANSFER,
    "reverseTransaction": Permission.ENTRY_REVERSE,
}
OUTSIDE = {"name": "Hans Huber", "number": "DE89 3704 0044 0532 0130 00", "bank": "COBADEFF"}


def query(name: str) -> str:
    type_ = name[0].upper() + name[1:]
    return f"""
mutation ($input: {type_}Input!) {{
  {name}(input: $input) {{
    ... on {type_}Payload {{ {_SELECT[name]} }}
    {PENDING if name in FOUR_EYES else ""}
    ... on Problem {{ code message field hint }}
  }}
}}
"""


async def send(client: Client, name: str, **given: Any) -> Any:
    values = {"idempotencyKey": uuid4().hex} | given
    return (await client.run(query(name), input=values))[name]


async def booking(client: Client, approved: Any) -> Any:
    """The booking that came of an approval."""
    selected = _SELECT["reverseTransaction"].removeprefix("transaction")
    seen = f"query ($id: ID!) {{ node(id: $id) {{ ... on Transaction {selected} }} }}"
    return (await client.run(seen, id=approved["resultId"]))["node"]


def customer_of(account: Made) -> str:
    return Made("cus", account.owner, account.owner).global_id


async def today_of(owner: asyncpg.Connection) -> date:
    found: date = await owner.fetchval(
        "select coalesce((select current_on from business_date), current_date)"
    )
    return found


def order_of(account: Made, first_on: date, **given: Any) -> dict[str, Any]:
    return {
        "fromAccountId": account.global_id,
        "amount": usd("10.00"),
        "to": {"account": OUTSIDE},
        "frequency": "MONTHLY",
        "firstOn": first_on.isoformat(),
    } | given
