"""The 360 view of a customer through HTTP."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from client import Client
from documents import CUSTOMER_360
from factories import Factory, Made


@pytest.fixture
async def emma(factory: Factory) -> Made:
    await factory.business_date(date(2018, 12, 31))
    branch = await factory.branch()
    customer = await factory.customer(national_id="926-93-2157", branch_id=branch.id)
    manager = await factory.staff("RELATIONSHIP_MANAGER", branch)
    await factory.assign(customer, manager, "RELATIONSHIP_MANAGER")
    account = await factory.account(customer, number="A00000001")
    await factory.postings(account, "700.00", "1000.00", "-300.50", "20.00", "5.00", "1.00")
    await factory.loan(customer, paid=3)
    await factory.card(customer, account)
    await factory.ticket(customer, number="CR1", assignee_id=manager.id)
    return customer


async def test_one_request_answers_everything(client: Client, emma: Made) -> None:
    data = await client.run(CUSTOMER_360, nationalId="926 93 2157")
    found: dict[str, Any] = data["customerBy"]
    assert found["id"] == emma.global_id
    assert found["name"] == "Emma Avaya Smith"
    assert (found["birthDate"], found["age"]) == ("1990-12-13", 28)
    assert found["address"]["line1"] == "387 Wellington Ave."
    assert found["relationshipManager"]["name"] == "Robin Banks"
    (account,) = found["accounts"]
    assert account["number"] == "A00000001"
    assert account["balance"] == {"amount": "1425.50", "currency": "USD"}
    transactions = account["transactions"]
    assert [node["amount"]["amount"] for node in transactions["nodes"]] == [
        "1.00",
        "5.00",
        "20.00",
        "-300.50",
        "1000.00",
    ]
    assert transactions["pageInfo"]["hasNextPage"]
    (loan,) = found["loans"]
    assert loan["outstanding"]["amount"] == "3735.00"
    # Instalments 4 and 5 of 5 November and 5 December are unpaid on 31 December.
    assert (loan["daysPastDue"], loan["classification"]) == (56, "SPECIAL_MENTION")
    assert [line["paid"]["amount"] for line in loan["schedule"]][:4] == [
        "415.00",
        "415.00",
        "415.00",
        "0.00",
    ]
    assert found["cards"][0]["account"]["number"] == "A00000001"
    assert found["tickets"]["totalCount"] == 1
    assert found["tickets"]["nodes"][0]["history"][0]["kind"] == "OPENED"
    assert found["openTicketCount"] == 1
    assert found["totals"] == [
        {
            "currency": "USD",
            "assets": {"amount": "1425.50"},
            "liabilities": {"amount": "3735.00"},
            "netWorth": {"amount": "-2309.50"},
        }
    ]


async def test_timeline(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    account = await factory.account(customer)
    await factory.postings(account, "10.00", "20.00", day=date(2017, 3, 2))
    await factory.ticket(customer, opened_at=datetime(2017, 3, 2, 0, 30, tzinfo=UTC))
    await factory.call(customer, datetime(2017, 3, 3, tzinfo=UTC))
    query = """
    query ($id: ID!, $after: String) {
      customer(id: $id) {
        timeline(first: 2, after: $after) {
          totalCount
          nodes {
            __typename
            ... on Ticket { openedAt }
            ... on Interaction { startedAt }
            ... on Transaction { amount { amount } }
          }
          pageInfo { endCursor hasNextPage }
        }
      }
    }"""
    page = (await client.run(query, id=customer.global_id))["customer"]["timeline"]
    assert page["totalCount"] == 4
    assert [node["__typename"] for node in page["nodes"]] == ["Interaction", "Transaction"]
    after = page["pageInfo"]["endCursor"]
    page = (await client.run(query, id=customer.global_id, after=after))["customer"]["timeline"]
    assert [node["__typename"] for node in page["nodes"]] == ["Ticket", "Transaction"]
    assert not page["pageInfo"]["hasNextPage"]


async def test_timelines_read_together_do_not_mix(client: Client, factory: Factory) -> None:
    first, second, third = [await factory.customer() for _ in range(3)]
    of_first = await factory.ticket(first, opened_at=datetime(2017, 3, 2, tzinfo=UTC))
    of_second = await factory.ticket(second, opened_at=datetime(2018, 3, 2, tzinfo=UTC))
    data = await client.run(
        """
        query ($ids: [ID!]!) {
          nodes(ids: $ids) {
            ... on Customer { timeline(first: 1) { nodes { ... on Ticket { id } } totalCount } }
          }
        }""",
        ids=[first.global_id, second.global_id, third.global_id],
    )
    assert [customer["timeline"] for customer in data["nodes"]] == [
        {"nodes": [{"id": of_first.global_id}], "totalCount": 1},
        {"nodes": [{"id": of_second.global_id}], "totalCount": 1},
        {"nodes": [], "totalCount": 0},
    ]
