"""Products, holdings and segments."""

from datetime import date

from client import Client
from factories import Factory

from app.auth.permissions import Role

HOLDINGS = """
query ($id: ID!) {
  customer(id: $id) {
    holdings {
      units cost { amount } value { amount currency } unrealisedProfit { amount } totalReturn
      product { code name riskLevel nav navOn }
      lots { acquiredOn units cost { amount currency } }
    }
    totals { currency assets { amount } netWorth { amount } }
  }
}
"""


async def test_a_holding_is_valued_at_the_latest_price_known_at_the_business_date(
    client: Client, factory: Factory
) -> None:
    await factory.business_date(date(2018, 12, 31))
    customer = await factory.customer()
    product = await factory.product("1.100000", "1.234567")
    # A price of tomorrow is not known yet.
    await factory.insert(
        "product_price", product_id=product.id, price_on=date(2019, 1, 1), price=99
    )
    await factory.holding(customer, product, "100.5", "110.55")
    found = (await client.run(HOLDINGS, id=customer.global_id))["customer"]
    (holding,) = found["holdings"]
    # 100.5 x 1.234567 = 124.0739835
    assert holding["value"] == {"amount": "124.07", "currency": "USD"}
    assert holding["unrealisedProfit"]["amount"] == "13.52"
    assert holding["totalReturn"] == "0.122298"
    assert (holding["product"]["nav"], holding["product"]["navOn"]) == ("1.234567", "2018-12-30")
    assert holding["lots"][0]["cost"] == {"amount": "110.55", "currency": "USD"}
    assert found["totals"] == [
        {"currency": "USD", "assets": {"amount": "124.07"}, "netWorth": {"amount": "124.07"}}
    ]


async def test_a_holding_without_a_price_has_no_value(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    await factory.holding(customer, await factory.product(), "1", "5.00")
    found = (await client.run(HOLDINGS, id=customer.global_id))["customer"]
    (holding,) = found["holdings"]
    assert [holding[name] for name in ("value", "unrealisedProfit", "totalReturn")] == [None] * 3
    assert holding["product"]["nav"] is None
    assert found["totals"] == []


async def test_segments_and_their_members(client: Client, factory: Factory) -> None:
    members = [await factory.customer(customer_since=date(2010 + n, 1, 1)) for n in range(3)]
    segment = await factory.segment(*members)
    query = """query ($id: ID!, $after: String) {
      segment(id: $id) {
        name size
        members(first: 2, after: $after) { totalCount nodes { id } pageInfo { endCursor } }
      }
    }"""
    subject = await factory.responsible("RELATIONSHIP_MANAGER", *members)
    manager = client.as_(Role.RELATIONSHIP_MANAGER, subject)
    found = (await manager.run(query, id=segment.global_id))["segment"]
    assert (found["name"], found["size"], found["members"]["totalCount"]) == ("Savers", 3, 3)
    seen = [node["id"] for node in found["members"]["nodes"]]
    after = found["members"]["pageInfo"]["endCursor"]
    found = (await manager.run(query, id=segment.global_id, after=after))["segment"]
    seen += [node["id"] for node in found["members"]["nodes"]]
    assert seen == [member.global_id for member in reversed(members)]
    query = "query ($id: ID!) { customer(id: $id) { segments { name } } }"
    data = await manager.run(query, id=members[0].global_id)
    assert data["customer"]["segments"] == [{"name": "Savers"}]
