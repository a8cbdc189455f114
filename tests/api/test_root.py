"""Root lists and look-ups begin from what the viewer may see."""

import pytest
from client import Client
from factories import Factory

from app.auth.permissions import Role

CUSTOMERS = """
query ($filter: CustomerFilter, $first: Int, $after: String) {
  customers(filter: $filter, first: $first, after: $after) {
    totalCount
    nodes { id number tier }
    pageInfo { hasNextPage endCursor }
  }
}
"""


async def test_customers_are_listed_filtered_and_paged(client: Client, factory: Factory) -> None:
    made = [await factory.customer(occupation="astronaut") for _ in range(5)]
    bank = await factory.bank()
    change = "update customer set occupation = 'astronaut' where id = $1"
    await factory.connection.execute(change, bank.id)
    given = {"occupation": {"eq": "astronaut"}}
    seen: list[str] = []
    after = None
    for _ in range(3):
        data = await client.run(CUSTOMERS, filter=given, first=2, after=after)
        assert data["customers"]["totalCount"] == 5
        seen += [node["id"] for node in data["customers"]["nodes"]]
        after = data["customers"]["pageInfo"]["endCursor"]
    assert sorted(seen) == sorted(customer.global_id for customer in made)


async def test_a_customer_lists_nobody_else(client: Client, factory: Factory) -> None:
    mine, other = await factory.customer(), await factory.customer()
    for customer in (mine, other):
        await factory.ticket(customer)
    me = client.as_(Role.CUSTOMER, mine.id)
    data = await me.run(CUSTOMERS)
    assert [node["id"] for node in data["customers"]["nodes"]] == [mine.global_id]
    assert data["customers"]["totalCount"] == 1
    query = "{ tickets { totalCount nodes { customer { id } } } }"
    tickets = (await me.run(query))["tickets"]
    assert tickets == {"totalCount": 1, "nodes": [{"customer": {"id": mine.global_id}}]}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EXECUTIVE])
async def test_posts_without_customer_data_list_nobody(
    client: Client, factory: Factory, role: Role
) -> None:
    await factory.ticket(await factory.customer())
    query = "{ customers { totalCount nodes { id } } tickets { totalCount nodes { id } } }"
    data, denied = await client.as_(role).denied(query)
    assert data == {"customers": None, "tickets": None}
    assert denied == ["customers", "tickets"]


async def test_reference_data_is_listed(client: Client, factory: Factory) -> None:
    branch = await factory.branch()
    await factory.staff("TELLER", branch)
    product = await factory.product("1.5")
    segment = await factory.segment()
    manager = client.as_(Role.RELATIONSHIP_MANAGER)
    data = await manager.run(
        """{
          branches { id } products { id nav } segments { id size }
          staff(first: 100) { totalCount nodes { number branch { id } } }
        }"""
    )
    assert branch.global_id in [row["id"] for row in data["branches"]]
    assert {"id": product.global_id, "nav": "1.500000"} in data["products"]
    assert {"id": segment.global_id, "size": 0} in data["segments"]
    assert len(data["staff"]["nodes"]) == min(100, data["staff"]["totalCount"]) > 0


async def test_each_root_field_finds_its_own_type(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    made = {
        "account": await factory.account(customer, number="A-root"),
        "loan": await factory.loan(customer, paid=0),
        "ticket": await factory.ticket(customer),
        "product": await factory.product(),
        "segment": await factory.segment(),
        "branch": await factory.branch(),
    }
    manager = client.as_(Role.RELATIONSHIP_MANAGER)
    for field, row in made.items():
        query = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"
        asking = manager if field == "segment" else client
        assert (await asking.run(query, id=row.global_id))[field] == {"id": row.global_id}
        error = await asking.error(query, id=customer.global_id)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
    query = "query ($number: String!) { accountBy(number: $number) { id } }"
    assert (await client.run(query, number="a root"))["accountBy"] == {
        "id": made["account"].global_id
    }
    assert (await client.run(query, number="none"))["accountBy"] is None
    _, denied = await client.as_(Role.CUSTOMER).denied(query, number="A-root")
    assert denied == ["accountBy"]
    error = await client.error(query, number=" ")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
