"""Money that moves, for the tests of payments."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
from approval_support import PENDING
from client import Client
from factories import Factory, Made

from app.auth.permissions import Role
from app.db.ids import new_id

_BOOKED = """
      transaction {
        id kind amount { amount currency } balanceAfter { amount } text valueOn
        counterpartyName counterpartyAccount counterpartyBank
        account { id balance { amount } available { amount } }
      }
"""
_PROBLEM = "... on Problem { code message field hint }"
# What a second person is asked for, beside.
_PENDING = f"{PENDING} {_PROBLEM}"
CASH = {
    name: f"""
mutation ($input: {name.capitalize()}Input!) {{
  {name}(input: $input) {{
    ... on {name.capitalize()}Payload {{ {_BOOKED} }}
    {_PROBLEM if name == "deposit" else _PENDING}
  }}
}}
"""
    for name in ("deposit", "withdraw")
}
TRANSFER = f"""
mutation ($input: TransferInput!) {{
  transfer(input: $input) {{ ... on TransferPayload {{ {_BOOKED} }} {_PENDING} }}
}}
"""


NAME = "Emma Avaya Smith"


def to(account: Made) -> dict[str, Any]:
    """Where money goes, by an account's id."""
    return {"accountId": account.global_id}


def by_number(number: str, name: str = NAME, bank: str | None = None) -> dict[str, Any]:
    return {"account": {"number": number, "name": name, "bank": bank}}


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


async def cash(
    client: Client, name: str, account: Made, amount: str | dict[str, str], **given: Any
) -> Any:
    """Pay in or take out."""
    values = {
        "idempotencyKey": uuid4().hex,
        "accountId": account.global_id,
        "amount": usd(amount) if isinstance(amount, str) else amount,
    } | given
    return (await client.run(CASH[name], input=values))[name]


async def transfer(
    client: Client, payer: Made, to: dict[str, Any], amount: str | dict[str, str], **given: Any
) -> Any:
    """Transfer money."""
    values = {
        "idempotencyKey": uuid4().hex,
        "fromAccountId": payer.global_id,
        "amount": usd(amount) if isinstance(amount, str) else amount,
        "to": to,
    } | given
    return (await client.run(TRANSFER, input=values))["transfer"]


async def account_with(factory: Factory, amount: str = "0.00", **given: Any) -> Made:
    """An account of a new customer, with money that was booked there."""
    await factory.bank()
    account = await factory.account(await factory.customer(), **given)
    if Decimal(amount):
        await factory.postings(account, amount)
    return account


def owner_of(client: Client, account: Made) -> Client:
    """Who opened an account, in the mobile app."""
    return client.as_(Role.CUSTOMER, account.owner)


async def teller_of(client: Client, factory: Factory, *accounts: Made) -> Client:
    """A teller who serves the owners of accounts."""
    owners = [Made("cus", account.owner, account.owner) for account in accounts]
    return client.as_(Role.TELLER, await factory.responsible("TELLER", *owners))


async def somebody(client: Client, factory: Factory, role: Role, account: Made) -> Client:
    """Somebody in a role who sees the owner of an account, where the role sees anybody."""
    owner = Made("cus", account.owner, account.owner)
    return client.as_(role, await factory.somebody(role, owner))


async def balance(owner: asyncpg.Connection, account: Made) -> Decimal:
    found: Decimal = await owner.fetchval(
        "select balance from account where customer_id = $1 and id = $2", account.owner, account.id
    )
    return found


async def check_ledger(owner: asyncpg.Connection, *accounts: Made) -> None:
    """The ledger sums to zero, and balances are the sums of the postings, one after the other."""
    sums = await owner.fetch("select currency, sum(amount) from posting group by currency")
    assert all(row[1] == 0 for row in sums), sums
    for account in accounts:
        running = Decimal(0)
        for row in await owner.fetch(
            "select amount, balance_after from posting where customer_id = $1 and account_id = $2"
            " order by booked_at, id",
            account.owner,
            account.id,
        ):
            running += row["amount"]
            assert row["balance_after"] == running
        assert await balance(owner, account) == running


async def keep_payee(
    factory: Factory,
    owner: asyncpg.Connection,
    customer: Made,
    number: str,
    *,
    bank: str | None = None,
    name: str = NAME,
    hours: float = 720,
    times_paid: int = 9,
) -> Made:
    """A payee that was added some hours ago and was paid some times since."""
    row = new_id()
    await factory.insert(
        "payee",
        customer_id=customer.owner,
        id=row,
        bank=bank,
        number_digest=factory.keys.index.account_number(number),
        name_ciphertext=factory.encrypt(customer.owner, "payee.name_ciphertext", row, name),
        number_ciphertext=factory.encrypt(customer.owner, "payee.number_ciphertext", row, number),
        added_at=await owner.fetchval("select now() - make_interval(secs => $1)", hours * 3600),
        times_paid=times_paid,
    )
    return Made("pay", customer.owner, row)
