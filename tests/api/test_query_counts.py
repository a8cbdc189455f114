"""Number of SQL statements: the same for one customer and for a hundred."""

from typing import Any

import asyncpg
import pytest
from client import Client
from documents import WHOLE_OF_MANY
from factories import Factory, Made


@pytest.fixture
async def hundred(factory: Factory) -> list[Made]:
    branch = await factory.branch()
    manager = await factory.staff("RELATIONSHIP_MANAGER", branch)
    made = []
    for _ in range(100):
        customer = await factory.customer(branch_id=branch.id)
        await factory.assign(customer, manager, "RELATIONSHIP_MANAGER")
        account = await factory.account(customer)
        await factory.loan(customer, paid=2)
        await factory.card(customer, account)
        await factory.ticket(customer, assignee_id=manager.id)
        made.append(customer)
    return made


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every SQL statement that the application sends from now on."""
    sent: list[str] = []

    def recorded(send: Any) -> Any:
        async def record(connection: asyncpg.Connection, sql: str, *values: Any) -> Any:
            # The sequencer works at its own pace, on a connection of its own.
            if not {"audit_head", "audit_link"} & set(sql.split()) and "as pending" not in sql:
                sent.append(sql)
            return await send(connection, sql, *values)

        return record

    for name in ("execute", "fetch"):
        monkeypatch.setattr(asyncpg.Connection, name, recorded(getattr(asyncpg.Connection, name)))
    return sent


# The query and what was shown; and, by the reference executor: customers; branch, manager,
# accounts, loans, cards, tickets, their count, totals; then transactions, schedules, accounts of
# cards, assignees, histories; and what was shown.
@pytest.mark.parametrize(("beside", "sent"), [("", 2), ("__schema { queryType { name } } ", 15)])
async def test_statements_do_not_grow_with_customers(
    client: Client, hundred: list[Made], statements: list[str], beside: str, sent: int
) -> None:
    counts = []
    query = WHOLE_OF_MANY.replace("nodes(ids: $ids)", f"{beside}nodes(ids: $ids)")
    for ids in ([hundred[0].global_id], [customer.global_id for customer in hundred]):
        statements.clear()
        data = await client.run(query, ids=ids)
        assert [node["id"] for node in data["nodes"]] == ids
        assert all(len(node["loans"][0]["schedule"]) == 12 for node in data["nodes"])
        counts.append(len(statements))
    assert counts == [sent, sent]
