"""Finding objects by global id, and customers by one complete value."""

import pytest
from client import Client
from factories import Factory, Made

from app.auth.permissions import Role

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
BY = "query ($by: CustomerBy!) { customerBy(by: $by) { id name } }"


async def test_every_id_that_is_given_is_found_again(client: Client, factory: Factory) -> None:
    branch = await factory.branch()
    staff = await factory.staff("TELLER", branch)
    customer = await factory.customer(branch_id=branch.id)
    account = await factory.account(customer)
    made = {
        "Branch": branch,
        "Staff": staff,
        "Customer": customer,
        "Account": account,
        "Loan": await factory.loan(customer, paid=0),
        "Card": await factory.card(customer, account),
        "Ticket": await factory.ticket(customer),
    }
    for type_name, row in made.items():
        data = await client.run(NODE, id=row.global_id)
        assert data["node"] == {"__typename": type_name, "id": row.global_id}


async def test_nodes_keeps_order_and_holes(client: Client, factory: Factory) -> None:
    customer, branch = await factory.customer(), await factory.branch()
    nobody = "cus_" + "0" * 32
    ids = [branch.global_id, nobody, customer.global_id, branch.global_id]
    data = await client.run("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert [node and node["id"] for node in data["nodes"]] == [ids[0], None, ids[2], ids[3]]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "cus",
        "cus_12",
        "1",
        "CUS_" + "0" * 32,
        "cus_" + "g" * 32,
        "cus_" + "\u0660" * 32,
        "x" * 5000,
    ],
)
async def test_malformed_ids_are_refused(client: Client, wrong: str) -> None:
    error = await client.error(NODE, id=wrong)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "not an id of this API" in error["message"]


async def test_ids_of_no_type_or_another_type_are_refused(client: Client, factory: Factory) -> None:
    error = await client.error(NODE, id="zzz_" + "0" * 32)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    branch = await factory.branch()
    query = "query ($id: ID!) { customer(id: $id) { id } }"
    error = await client.error(query, id=branch.global_id)
    assert "'bra_'" in error["message"]


async def test_an_owned_row_is_not_found_under_another_owner(
    client: Client, factory: Factory
) -> None:
    owner, other = await factory.customer(), await factory.customer()
    account = await factory.account(owner)
    forged = Made("acc", other.id, account.id).global_id
    assert (await client.run(NODE, id=forged))["node"] is None


async def test_too_many_ids_are_refused(client: Client) -> None:
    ids = ["cus_" + "0" * 32] * 101
    error = await client.error("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_customers_are_found_by_each_complete_value(client: Client, factory: Factory) -> None:
    customer = await factory.customer(
        number="C77", national_id="11010519491231002X", phone="367-171-6840", email="Em@Example.com"
    )
    await factory.account(customer, number="A00077")
    for by in (
        {"number": "C77"},
        {"nationalId": "110105 19491231 002x"},
        {"phone": "+1 367 171 6840"},
        {"phone": "(367) 171-6840"},
        {"email": "em@example.COM"},
        {"accountNumber": "a-000 77"},
    ):
        data = await client.run(BY, by=by)
        assert data["customerBy"] == {"id": customer.global_id, "name": "Emma Avaya Smith"}


@pytest.mark.parametrize(
    "by", [{"number": "nobody"}, {"phone": "1"}, {"email": "no@where"}, {"nationalId": "0"}]
)
async def test_nobody_is_null(client: Client, by: dict[str, str]) -> None:
    assert (await client.run(BY, by=by))["customerBy"] is None


async def test_a_shared_phone_names_nobody(client: Client, factory: Factory) -> None:
    for _ in range(2):
        await factory.customer(phone="555-0100")
    error = await client.error(BY, by={"phone": "555-0100"})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "several customers" in error["message"]


@pytest.mark.parametrize("by", [{}, {"number": "1", "email": "a"}, {"number": None}])
async def test_exactly_one_value_is_needed(client: Client, by: dict[str, str]) -> None:
    error = await client.error(BY, by=by)
    assert error["extensions"]["code"] in {"BAD_REQUEST", "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "by",
    ["{}", '{number: null, phone: "1"}', '{number: "1", phone: "1"}', "{phone: $none}"],
)
async def test_exactly_one_value_is_needed_in_the_document_too(client: Client, by: str) -> None:
    declared = "($none: String)" if "$none" in by else ""
    query = f"query {declared} {{ customerBy(by: {by}) {{ id }} }}"
    error = await client.error(query)
    assert error["extensions"]["code"] in {"BAD_REQUEST", "BAD_USER_INPUT"}


@pytest.mark.parametrize("value", ["", "   ", "-", "9" * 255, "1\x002"])
async def test_empty_and_overlong_values_are_refused(client: Client, value: str) -> None:
    error = await client.error(BY, by={"nationalId": value})
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_customers_come_to_themselves_only(client: Client, factory: Factory) -> None:
    mine, other = await factory.customer(), await factory.customer(number="C-other")
    account, branch = await factory.account(other), await factory.branch()
    me = client.as_(Role.CUSTOMER, mine.id)
    assert (await me.run(NODE, id=mine.global_id))["node"]
    assert (await me.run(NODE, id=branch.global_id))["node"]
    assert (await me.run(NODE, id=other.global_id))["node"] is None
    assert (await me.run(NODE, id=account.global_id))["node"] is None
    data, denied = await me.denied(BY, by={"number": "C-other"})
    assert (data, denied) == ({"customerBy": None}, ["customerBy"])


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EXECUTIVE])
async def test_posts_without_customer_data_come_to_nobody(
    client: Client, factory: Factory, role: Role
) -> None:
    customer = await factory.customer()
    data, denied = await client.as_(role).denied(NODE, id=customer.global_id)
    assert (data, denied) == ({"node": None}, ["node"])
