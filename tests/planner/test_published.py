"""The documents that we publish are answered by plans, page after page."""

import re
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from client import Client
from conftest import client_of
from graphql import OperationType, get_operation_ast, parse
from prometheus_client import CollectorRegistry
from seed_support import Bank

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.metrics import Metrics
from app.planner.global_id import format_id

ROOT: Final = Path(__file__).parents[2]
OPERATIONS: Final = ROOT / "web/clients/operations"
AMOUNT: Final = (OPERATIONS / "amount.graphql").read_text()
PUBLISHED: Final = {
    f"{path.parent.parent.name}/{path.stem}": path.read_text()
    for folder in (OPERATIONS, ROOT / "web/graphiql/examples")
    for path in sorted(folder.glob("*.graphql"))
} | {
    f"README/{n}": text
    for n, text in enumerate(
        re.findall(r"```graphql\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    )
}
QUERIES: Final = {
    name: text + (AMOUNT if "...Amount" in text else "")
    for name, text in PUBLISHED.items()
    if (operation := get_operation_ast(parse(text))) and operation.operation is OperationType.QUERY
}


def path_counts(registry: CollectorRegistry) -> dict[str, float]:
    """How queries were answered so far."""
    return {
        sample.labels["path"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "bank360_queries_total"
    }


def page_info(data: Any) -> dict[str, Any] | None:
    """Find the first page's `pageInfo`."""
    if isinstance(data, dict):
        if "pageInfo" in data:
            of_page: dict[str, Any] = data["pageInfo"]
            return of_page
        data = list(data.values())
    if isinstance(data, list):
        return next((found for each in data if (found := page_info(each))), None)
    return None


@pytest.fixture
async def variables(invented_bank: Bank) -> dict[str, Any]:
    """Values for every variable that the documents name."""
    connection = await asyncpg.connect(invented_bank.dsn)
    row = await connection.fetchrow(
        "select customer_id, account_id, customer.number from posting"
        " join customer on customer.id = customer_id where customer.type <> 'BANK'"
        " group by customer_id, account_id, customer.number order by count(*) desc limit 1"
    )
    await connection.close()
    assert row is not None
    return {
        "by": {"number": row["number"]},
        "number": row["number"],
        "customer": format_id("cus", row["customer_id"], row["customer_id"]),
        "account": format_id("acc", row["customer_id"], row["account_id"]),
        "first": 2,
        "filter": None,
        "from": "2026-01-01",
        "to": "2026-03-31",
    }


@pytest.mark.parametrize("name", sorted(QUERIES))
async def test_a_published_query_is_planned(
    invented_bank: Bank,
    token_key: TokenKey,
    variables: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    made: list[Metrics] = []

    def metrics() -> Metrics:
        made.append(Metrics())
        return made[0]

    monkeypatch.setattr("app.main.Metrics", metrics)
    text = QUERIES[name]
    named = {
        variable: value
        for variable, value in variables.items()
        if f"${variable}:" in text and value is not None
    }
    async with client_of(invented_bank.dsn, invented_bank.keys, token_key) as client:
        person: Client = client.as_(Role.COMPLIANCE)
        data = (await person.send(text, **named)).json()["data"]
        expected = {"planned": 1}
        page = page_info(data)
        if page and page["hasNextPage"] and "$after:" in text:
            await person.send(text, **named, after=page["endCursor"])
            expected = {"planned": 2}
    assert path_counts(made[0].registry) == expected


def test_documents_are_published() -> None:
    assert len(QUERIES) > 8
    assert sum("$after:" in text for text in QUERIES.values()) > 2
