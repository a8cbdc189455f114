"""Odd values of clients get a clear error; odd values of ours are our fault."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import asyncpg
import pytest
import sqlalchemy as sa
from client import Client
from factories import Factory, Made
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from app.db.views import rounded
from app.domain import money
from app.domain.money import Currency
from app.planner.collecting import Collector
from app.planner.selection import asked_for

TRANSACTIONS = """
query ($id: ID!, $filter: TransactionFilter, $first: Int) {
  account(id: $id) { transactions(filter: $filter, first: $first) { totalCount nodes { id } } }
}
"""


@pytest.fixture
async def account(factory: Factory) -> Made:
    account = await factory.account(await factory.customer())
    await factory.postings(account, "1.00", "2.00", "3.00")
    return account


@pytest.mark.parametrize(
    "amount",
    [
        "1e140000",
        "1e3",
        "NaN",
        "sNaN",
        "Infinity",
        "1_000",
        " 5 ",
        "\u0663",
        "",
        "9" * 31,
        1.5,
        True,
    ],
)
async def test_only_plain_decimals_are_numbers(
    client: Client, account: Made, amount: object
) -> None:
    given = {"amount": {"gte": amount}}
    error = await client.error(TRANSACTIONS, id=account.global_id, filter=given)
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "BAD_REQUEST"}
    assert "a Decimal is a text such as" in error["message"]


async def test_numbers_wider_than_a_column_are_compared_exactly(
    client: Client, account: Made, factory: Factory
) -> None:
    wide = {"amount": {"gte": "9" * 30}}
    data = await client.run(TRANSACTIONS, id=account.global_id, filter=wide)
    assert data["account"]["transactions"]["totalCount"] == 0
    customer = await factory.customer()
    await factory.loan(customer, paid=0)
    query = "query ($id: ID!, $f: LoanFilter) { customer(id: $id) { loans(filter: $f) { id } } }"
    for rate, found in (("0.0000000004", 0), ("0", 1), ("0.000", 1)):
        given = {"annualRate": {"eq": rate}}
        data = await client.run(query, id=customer.global_id, f=given)
        assert len(data["customer"]["loans"]) == found


async def test_small_integers_are_compared_with_large_ones(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer()
    await factory.call(customer, datetime(2018, 1, 1, tzinfo=UTC))
    query = """query ($id: ID!) { customer(id: $id) {
      interactions(filter: {stars: {gte: 70000}}) { totalCount } } }"""
    data = await client.run(query, id=customer.global_id)
    assert data["customer"]["interactions"]["totalCount"] == 0


@pytest.mark.parametrize(
    "moment",
    [
        "2014-03-31T00:00:00",
        "2014-03-31",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2014-02-30T00:00:00Z",
        7,
    ],
)
async def test_times_need_an_offset_and_exist(
    client: Client, account: Made, moment: object
) -> None:
    given = {"bookedAt": {"gte": moment}}
    error = await client.error(TRANSACTIONS, id=account.global_id, filter=given)
    assert "a DateTime is RFC 3339 with an offset" in error["message"]


@pytest.mark.parametrize("day", ["2016-W09-1", "20160229", "2015-02-29", "", 7])
async def test_days_exist(client: Client, account: Made, day: object) -> None:
    given = {"valueOn": {"eq": day}}
    error = await client.error(TRANSACTIONS, id=account.global_id, filter=given)
    assert "a Date is a day such as" in error["message"]


async def test_times_are_answered_in_utc(client: Client, account: Made) -> None:
    query = """query ($id: ID!) { account(id: $id) { transactions(last: 1) {
      nodes { bookedAt } } } }"""
    data = await client.run(query, id=account.global_id)
    assert data["account"]["transactions"]["nodes"] == [{"bookedAt": "2014-05-01T00:00:00Z"}]


@pytest.mark.parametrize("operation", ["eq", "contains", "in"])
async def test_nul_in_a_text_is_refused(client: Client, factory: Factory, operation: str) -> None:
    customer = await factory.customer()
    text = "a\u0000b"
    given = {"subject": {operation: [text] if operation == "in" else text}}
    query = """query ($id: ID!, $f: TicketFilter) { customer(id: $id) {
      tickets(filter: $f) { totalCount } } }"""
    error = await client.error(query, id=customer.global_id, f=given)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "NUL" in error["message"]


async def test_what_does_not_hold_and_what_holds_are_everything(
    client: Client, account: Made, owner: asyncpg.Connection
) -> None:
    assert await owner.fetchval(
        "select count(*) from posting where account_id = $1 and channel is null", account.id
    )
    for condition in ({"channel": {"eq": "WEB"}}, {"amount": {"gte": "2"}}):
        counts = []
        for given in (condition, {"not": condition}):
            data = await client.run(TRANSACTIONS, id=account.global_id, filter=given)
            counts.append(data["account"]["transactions"]["totalCount"])
        assert sum(counts) == 3


@pytest.mark.parametrize(
    "given", [{"kind": {"eq": None}}, {"kind": {"in": None}}, {"kind": None}, {"or": None}]
)
async def test_a_null_condition_is_no_licence_for_everything(
    client: Client, account: Made, given: dict[str, Any]
) -> None:
    error = await client.error(TRANSACTIONS, id=account.global_id, filter=given)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "leave it out" in error["message"]


async def test_a_page_of_no_rows(client: Client, account: Made) -> None:
    data = await client.run(TRANSACTIONS, id=account.global_id, first=0)
    assert data["account"]["transactions"] == {"totalCount": 3, "nodes": []}


async def test_one_relation_with_different_arguments(client: Client, account: Made) -> None:
    query = """query ($id: ID!) { account(id: $id) {
      two: transactions(first: 2) { nodes { amount { amount } } }
      oldest: transactions(first: 1, sort: OLDEST) { nodes { balanceAfter { amount } } }
      large: transactions(filter: {amount: {gte: "3"}}) { totalCount }
    } }"""
    found = (await client.run(query, id=account.global_id))["account"]
    assert [node["amount"]["amount"] for node in found["two"]["nodes"]] == ["3.00", "2.00"]
    assert found["oldest"]["nodes"][0]["balanceAfter"]["amount"] == "1.00"
    assert found["large"]["totalCount"] == 1


async def test_a_stored_value_that_the_schema_does_not_know_is_our_fault(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    await owner.execute("alter table customer drop constraint ck_customer_tier")
    try:
        await owner.execute("update customer set tier = 'SECRET' where id = $1", customer.id)
        query = "query ($id: ID!) { customer(id: $id) { tier } }"
        error = await client.error(query, id=customer.global_id)
    finally:
        await owner.execute("update customer set tier = 'GOLD' where id = $1", customer.id)
        await owner.execute(
            "alter table customer add constraint ck_customer_tier"
            " check (tier in ('NORMAL', 'SILVER', 'GOLD', 'PLATINUM'))"
        )
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "SECRET" not in str(error)


@pytest.mark.parametrize("digits", [11, 5000])
async def test_a_number_too_large_for_an_int_is_the_clients_fault(
    client: Client, account: Made, digits: int
) -> None:
    page = f"transactions(first: {'9' * digits}) {{ totalCount }}"
    query = f'{{ account(id: "{account.global_id}") {{ {page} }} }}'
    body = (await client.send(query)).json()
    assert {error["extensions"]["code"] for error in body["errors"]} <= {
        "BAD_REQUEST",
        "BAD_USER_INPUT",
        "LIMIT_EXCEEDED",
    }


async def test_a_bomb_of_fragments_is_walked_once(
    client: Client, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await factory.customer()
    parts = [f"fragment f{n} on Customer {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60)]
    query = "\n".join(
        [
            "query ($id: ID!) { customer(id: $id) { id ...f0 } }",
            *parts,
            "fragment f60 on Customer { __typename }",
        ]
    )
    visited: list[str] = []
    walk = asked_for.__globals__["_fields"]

    def counted(*given: Any) -> Any:
        visited.append("call")
        assert len(visited) < 1_000
        return walk(*given)

    collect = Collector._collect

    def counted_by_plans(*given: Any) -> None:
        visited.append("call")
        assert len(visited) < 1_000
        collect(*given)

    monkeypatch.setattr("app.planner.selection._fields", counted)
    monkeypatch.setattr(Collector, "_collect", counted_by_plans)
    # One that is planned, and one that the reference executor answers.
    for text in (query, query.replace("customer(id: $id)", "nodes(ids: [$id])")):
        visited.clear()
        await client.send(text, id=customer.global_id)
        assert 60 < len(visited) < 1_000


_ROUND: Final = """
fragment F%d on Customer {
  accounts { owner { ...F%d } } heldAccounts { owner { ...F%d } } loans { borrower { ...F%d } }
  holdings { customer { ...F%d } } relationships { customer { ...F%d } }
}
"""


async def test_a_few_fragments_do_not_make_hundreds_of_lists(
    client: Client, factory: Factory
) -> None:
    """Five ways lead from a customer to a customer, five times one after the other."""
    customer = await factory.customer()

    def query(times: int) -> str:
        rounds = [_ROUND % (n, *[n + 1] * 5) for n in range(times)]
        last = f"fragment F{times} on Customer {{ id }}"
        begun = "query ($id: ID!) { customer(id: $id) { ...F0 } }"
        return "\n".join([begun, *rounds, last])

    assert await client.run(query(2), id=customer.global_id)
    error = await client.error(query(5), id=customer.global_id)
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "objects, with its fragments spread out; at most 250" in error["message"]


@pytest.mark.parametrize("currency", [Currency.USD, Currency.JPY])
async def test_sql_rounds_as_the_domain_does(owner: asyncpg.Connection, currency: Currency) -> None:
    amounts = [Decimal(n) / 1000 for n in range(-2600, 2600, 5)] + [Decimal("0.0050000001")]
    code = sa.literal_column(f"'{currency.value}'", sa.Text)
    expression = rounded(sa.column("amount", sa.Numeric), code)
    dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
    compiled = expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    sql = f"select amount, {compiled} from unnest($1::numeric[]) as amounts (amount)"
    for amount, found in await owner.fetch(sql, amounts):
        assert found == money.rounded(amount, currency), amount
        assert found.as_tuple().exponent == money.minor_unit(currency).as_tuple().exponent
