"""What a customer did in a period."""

from datetime import UTC, date, datetime

from client import Client
from factories import Factory, Made

from app.auth.permissions import Role

BEHAVIOUR = """
query ($id: ID!, $from: Date, $to: Date) {
  customer(id: $id) {
    behaviour(from: $from, to: $to) {
      startsOn endsOn
      activity { month transactionCount contactCount ticketCount }
      channels { channel count share lastUsedOn }
      flows { month moneyIn { amount currency } moneyOut { amount } }
      spending { category count amount { amount currency } }
    }
  }
}
"""


async def _eventful_customer(factory: Factory) -> Made:
    """A customer with bookings in two months, a call and a ticket."""
    await factory.business_date(date(2018, 12, 31))
    customer = await factory.customer()
    account, savings = await factory.account(customer), await factory.account(customer)
    other = await factory.account(await factory.customer())
    await factory.postings(account, "1000.00", "-20.50", "-30.00", day=date(2018, 11, 30))
    await factory.transfer(account, other, "70.00", datetime(2018, 12, 1, tzinfo=UTC))
    await factory.transfer(account, savings, "500.00", datetime(2018, 12, 31, 23, 59, tzinfo=UTC))
    await factory.call(customer, datetime(2018, 12, 24, 10, tzinfo=UTC))
    await factory.ticket(customer, opened_at=datetime(2018, 11, 5, tzinfo=UTC))
    # The day before the twelve months began.
    await factory.ticket(customer, opened_at=datetime(2017, 12, 31, 23, tzinfo=UTC))
    return customer


async def test_behaviour_of_the_last_twelve_months(client: Client, factory: Factory) -> None:
    customer = await _eventful_customer(factory)
    found = (await client.run(BEHAVIOUR, id=customer.global_id))["customer"]["behaviour"]
    assert (found["startsOn"], found["endsOn"]) == ("2018-01-01", "2018-12-31")
    assert found["activity"] == [
        {"month": "2018-11-01", "transactionCount": 3, "contactCount": 0, "ticketCount": 1},
        {"month": "2018-12-01", "transactionCount": 3, "contactCount": 1, "ticketCount": 0},
    ]
    assert found["channels"] == [
        {
            "channel": "MOBILE",
            "count": 3,
            "share": "0.6000",
            "lastUsedOn": "2018-12-31",
        },
        {"channel": "PHONE", "count": 1, "share": "0.2000", "lastUsedOn": "2018-12-24"},
        {"channel": "WEB", "count": 1, "share": "0.2000", "lastUsedOn": "2018-11-05"},
    ]
    # The 500.00 to the own savings account were neither earned nor spent.
    assert found["flows"] == [
        {
            "month": "2018-11-01",
            "moneyIn": {"amount": "1000.00", "currency": "USD"},
            "moneyOut": {"amount": "50.50"},
        },
        {
            "month": "2018-12-01",
            "moneyIn": {"amount": "0.00", "currency": "USD"},
            "moneyOut": {"amount": "70.00"},
        },
    ]
    assert found["spending"] == [
        {"category": "TRANSFER", "count": 1, "amount": {"amount": "70.00", "currency": "USD"}},
        {"category": "CASH", "count": 2, "amount": {"amount": "50.50", "currency": "USD"}},
    ]


async def test_a_period_is_made_of_whole_months(client: Client, factory: Factory) -> None:
    """Days would tell single bookings to posts that see no bookings."""
    customer = await _eventful_customer(factory)
    given = {"from": "2018-11-30", "to": "2018-12-01"}
    data = await client.run(BEHAVIOUR, id=customer.global_id, **given)
    found = data["customer"]["behaviour"]
    assert (found["startsOn"], found["endsOn"]) == ("2018-11-01", "2018-12-31")
    assert [month["transactionCount"] for month in found["activity"]] == [3, 3]


async def test_money_in_and_out_needs_the_right_to_see_money(
    client: Client, factory: Factory
) -> None:
    customer = await _eventful_customer(factory)
    await factory.ticket(customer, queue="FLOWS")
    agent = client.as_(Role.SERVICE_AGENT, await factory.agent("FLOWS"))
    data, denied = await agent.denied(BEHAVIOUR, id=customer.global_id)
    assert denied == ["customer.behaviour.flows"]
    assert data["customer"]["behaviour"]["spending"]


async def test_each_customer_of_a_list_has_their_own_behaviour(
    client: Client, factory: Factory
) -> None:
    busy = await _eventful_customer(factory)
    idle = await factory.customer()
    query = """query ($ids: [ID!]!) {
      nodes(ids: $ids) { ... on Customer { behaviour { spending { count } } } }
    }"""
    data = await client.run(query, ids=[busy.global_id, idle.global_id])
    assert [node["behaviour"]["spending"] for node in data["nodes"]] == [
        [{"count": 1}, {"count": 2}],
        [],
    ]


async def test_two_periods_of_one_customer_in_one_request(client: Client, factory: Factory) -> None:
    customer = await _eventful_customer(factory)
    query = """query ($id: ID!) {
      customer(id: $id) {
        november: behaviour(from: "2018-11-01", to: "2018-11-30") { activity { month } }
        december: behaviour(from: "2018-12-01") { endsOn activity { month } }
      }
    }"""
    found = (await client.run(query, id=customer.global_id))["customer"]
    assert found["november"]["activity"] == [{"month": "2018-11-01"}]
    assert found["december"] == {"endsOn": "2018-12-31", "activity": [{"month": "2018-12-01"}]}


async def test_an_impossible_period_is_refused_with_its_place(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer()
    given = {"from": "2018-12-02", "to": "2018-12-01"}
    error = await client.error(BEHAVIOUR, id=customer.global_id, **given)
    assert error["message"] == "the period begins on 2018-12-02, after its end on 2018-12-01"
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["customer", "behaviour"]
    given = {"from": "2000-01-01", "to": "2018-12-01"}
    error = await client.error(BEHAVIOUR, id=customer.global_id, **given)
    assert "longer than ten years" in error["message"]


async def test_a_period_without_an_end_stops_at_the_longest(
    client: Client, factory: Factory
) -> None:
    await factory.business_date(date(2018, 12, 31))
    customer = await factory.customer()
    data = await client.run(BEHAVIOUR, id=customer.global_id, **{"from": "2000-01-01"})
    found = data["customer"]["behaviour"]
    assert (found["startsOn"], found["endsOn"]) == ("2000-01-01", "2009-12-31")
    data = await client.run(BEHAVIOUR, id=customer.global_id, **{"from": "9999-12-31"})
    assert data["customer"]["behaviour"]["endsOn"] == "9999-12-31"
