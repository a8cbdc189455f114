"""Lists: orders, filters, and pages that survive what happens between them."""

from datetime import date
from typing import Any

import pytest
from client import Client
from factories import Factory, Made

PAGE = """
query (
  $id: ID!, $sort: TransactionSort, $filter: TransactionFilter,
  $first: Int, $after: String, $last: Int, $before: String
) {
  node(id: $id) {
    ... on Account {
      transactions(
        sort: $sort, filter: $filter, first: $first, after: $after, last: $last, before: $before
      ) {
        totalCount
        edges { cursor node { amount { amount } } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
  }
}
"""
AMOUNTS = ["10.00", "20.00", "30.00", "40.00", "50.00", "-5.00", "-6.50"]


@pytest.fixture
async def account(factory: Factory) -> Made:
    account = await factory.account(await factory.customer())
    await factory.postings(account, *AMOUNTS, day=date(2016, 2, 29))
    return account


async def page(client: Client, account: Made, **variables: Any) -> tuple[list[str], dict[str, Any]]:
    data = await client.run(PAGE, id=account.global_id, **variables)
    found = data["node"]["transactions"]
    return [edge["node"]["amount"]["amount"] for edge in found["edges"]], found


async def test_orders(client: Client, account: Made) -> None:
    assert (await page(client, account))[0] == AMOUNTS[::-1]
    assert (await page(client, account, sort="OLDEST"))[0] == AMOUNTS


@pytest.mark.parametrize("sort", ["NEWEST", "OLDEST"])
async def test_pages_forwards_cover_the_list_once(client: Client, account: Made, sort: str) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        amounts, found = await page(client, account, sort=sort, first=2, after=cursor)
        seen += amounts
        assert found["pageInfo"]["hasPreviousPage"] == (cursor is not None)
        assert found["totalCount"] == len(AMOUNTS)
        cursor = found["pageInfo"]["endCursor"]
    assert seen == (AMOUNTS if sort == "OLDEST" else AMOUNTS[::-1])
    assert not found["pageInfo"]["hasNextPage"]


async def test_pages_backwards_cover_the_list_once(client: Client, account: Made) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        amounts, found = await page(client, account, sort="OLDEST", last=2, before=cursor)
        seen = amounts + seen
        cursor = found["pageInfo"]["startCursor"]
    assert seen == AMOUNTS
    assert not found["pageInfo"]["hasPreviousPage"]
    assert found["pageInfo"]["hasNextPage"]


async def test_a_page_survives_inserts(client: Client, account: Made, factory: Factory) -> None:
    _, found = await page(client, account, first=3)
    await factory.postings(account, "99.00", day=date(2016, 3, 5))
    amounts, _ = await page(client, account, first=2, after=found["pageInfo"]["endCursor"])
    assert amounts == AMOUNTS[::-1][3:5]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"amount": {"gte": "30"}}, ["50.00", "40.00", "30.00"]),
        ({"amount": {"lte": "-6"}}, ["-6.50"]),
        ({"amount": {"eq": "20"}}, ["20.00"]),
        ({"kind": {"eq": "CASH_WITHDRAWAL"}}, ["-6.50", "-5.00"]),
        ({"kind": {"in": ["CASH_WITHDRAWAL", "FEE"]}}, ["-6.50", "-5.00"]),
        (
            {"not": {"kind": {"eq": "CASH_WITHDRAWAL"}}},
            ["50.00", "40.00", "30.00", "20.00", "10.00"],
        ),
        ({"or": [{"amount": {"gte": "50"}}, {"amount": {"lte": "-6"}}]}, ["-6.50", "50.00"]),
        (
            {
                "amount": {"gte": "10"},
                "and": [{"amount": {"lte": "30"}}, {"not": {"amount": {"eq": "20"}}}],
            },
            ["30.00", "10.00"],
        ),
        ({"bookedAt": {"gte": "2016-02-29T05:00:00Z"}}, ["-6.50", "-5.00"]),
        ({"valueOn": {"eq": "2016-02-28"}}, []),
        ({"channel": {"eq": "WEB"}}, []),
        ({}, AMOUNTS[::-1]),
    ],
)
async def test_filters(
    client: Client, account: Made, given: dict[str, Any], expected: list[str]
) -> None:
    amounts, found = await page(client, account, filter=given)
    assert amounts == expected
    assert found["totalCount"] == len(expected)


async def test_a_text_filter_takes_wildcards_literally(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    for subject in ("Fees of 100%", "Fees of 1000", "Deposits_withdrawals"):
        await factory.ticket(customer, subject=subject)
    query = """query ($id: ID!, $filter: TicketFilter) {
      customer(id: $id) { tickets(filter: $filter, sort: OLDEST) { nodes { subject } } } }"""

    async def subjects(**given: Any) -> list[str]:
        data = await client.run(query, id=customer.global_id, filter={"subject": given})
        return [node["subject"] for node in data["customer"]["tickets"]["nodes"]]

    assert await subjects(contains="100%") == ["Fees of 100%"]
    assert await subjects(contains="s_w") == ["Deposits_withdrawals"]
    assert await subjects(contains="FEES") == ["Fees of 100%", "Fees of 1000"]
    assert await subjects(eq="fees of 1000") == []
    assert await subjects(**{"in": ["Fees of 1000", "else"]}) == ["Fees of 1000"]


@pytest.mark.parametrize(
    ("variables", "code", "says"),
    [
        ({"first": 101}, "LIMIT_EXCEEDED", "at most 100"),
        ({"first": -1}, "BAD_USER_INPUT", "negative"),
        ({"last": -3}, "BAD_USER_INPUT", "negative"),
        ({"first": 2, "last": 2}, "BAD_USER_INPUT", "forwards"),
        ({"first": 2, "before": "x"}, "BAD_USER_INPUT", "forwards"),
        ({"after": "garbage"}, "BAD_USER_INPUT", "not a cursor"),
        ({"after": "🦊"}, "BAD_USER_INPUT", "not a cursor"),
        ({"after": ""}, "BAD_USER_INPUT", "not a cursor"),
        ({"filter": {"or": []}}, "BAD_USER_INPUT", "empty list"),
        ({"filter": {"kind": {"in": ["FEE"] * 101}}}, "LIMIT_EXCEEDED", "at most 100"),
        ({"filter": {"or": [{"amount": {"eq": "1"}}] * 60}}, "LIMIT_EXCEEDED", "at most 50"),
    ],
)
async def test_refusals_say_what_and_where(
    client: Client, account: Made, variables: dict[str, Any], code: str, says: str
) -> None:
    error = await client.error(PAGE, id=account.global_id, **variables)
    assert error["extensions"]["code"] == code
    assert says in error["message"]
    assert error["path"] == ["node", "transactions"]


async def test_a_cursor_fits_its_own_list_and_order_only(
    client: Client, account: Made, factory: Factory
) -> None:
    _, found = await page(client, account, first=2)
    cursor = found["pageInfo"]["endCursor"]
    for variables in ({"id": account.global_id, "sort": "OLDEST"}, {}):
        other = variables or {"id": (await factory.account(await factory.customer())).global_id}
        error = await client.error(PAGE, after=cursor, **other)
        assert "not a cursor of this list and order" in error["message"]
    flipped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    error = await client.error(PAGE, id=account.global_id, after=flipped)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_empty_page_has_no_cursors(client: Client, factory: Factory) -> None:
    account = await factory.account(await factory.customer())
    amounts, found = await page(client, account)
    assert amounts == []
    assert found["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


async def test_lists_of_many_parents_with_one_filter_are_one_batch(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer()
    for amount in ("7.00", "8.00"):
        account = await factory.account(customer)
        await factory.postings(account, amount, "-1.00")
    query = """query ($id: ID!) { customer(id: $id) {
      accounts {
        transactions(filter: {amount: {gte: "0"}}, first: 1) { nodes { amount { amount } } }
      }
    } }"""
    data = await client.run(query, id=customer.global_id)
    amounts = [
        account["transactions"]["nodes"][0]["amount"]["amount"]
        for account in data["customer"]["accounts"]
    ]
    assert sorted(amounts) == ["7.00", "8.00"]
