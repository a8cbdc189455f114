"""How many SQL statements a payment takes: each is one way to the database and back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from client import Client
from factories import Factory, Made
from payment_support import (
    account_with,
    by_number,
    cash,
    owner_of,
    teller_of,
    transfer,
)

from app.db.unit_of_work import Writes

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that units of work send from now on."""
    sent: list[str] = []
    connection_of = Writes.connection

    def note(query: Any) -> None:
        # The driver asks once per connection what types there are, and lets no JIT into that.
        if "typeinfo" not in query.query and "jit" not in query.query:
            sent.append(query.query)

    @asynccontextmanager
    async def listening(
        writes: Writes,
    ) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
        async with connection_of(writes) as connection:
            connection.add_query_logger(note)
            try:
                yield connection
            finally:
                connection.remove_query_logger(note)

    monkeypatch.setattr(Writes, "connection", listening)
    return sent


async def test_a_payment_takes_eight_statements_and_more_for_limits_and_payees(
    client: Client, factory: Factory, statements: list[str]
) -> None:
    payer, payee = await account_with(factory, "100.00"), await account_with(factory)
    own = await factory.account(Made("cus", payer.owner, payer.owner))
    teller = await teller_of(client, factory, payer)
    there = by_number(await factory.number_of(payee))
    customer = owner_of(client, payer)
    stored = await factory.payee(Made("cus", payer.owner, payer.owner))

    async def count(answering: Any) -> int:
        statements.clear()
        assert "transaction" in await answering
        return len(statements)

    assert await count(cash(teller, "deposit", payer, "1.00")) == 8
    assert await count(cash(teller, "withdraw", payer, "1.00")) == 8
    assert await count(transfer(teller, payer, there, "1.00")) == 8
    assert await count(transfer(customer, payer, {"accountId": own.global_id}, "1.00")) == 8
    # What a customer pays to others is looked into, and counted towards the day's limit.
    assert await count(transfer(customer, payer, there, "1.00")) == 10
    # A stored payee is read and its payment counted.
    assert await count(transfer(customer, payer, {"payeeId": stored.global_id}, "1.00")) == 12
    statements.clear()
    key = uuid4().hex
    await transfer(customer, payer, there, "1.00", idempotencyKey=key)
    statements.clear()
    await transfer(customer, payer, there, "1.00", idempotencyKey=key)
    assert len(statements) == 4
