"""Denials, masks, sealed ids, and arguments that would tell what is not shown."""

from datetime import UTC, date, datetime

import pytest
from client import Client
from factories import Factory

from app.auth.permissions import Role

PHONES = """
query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { id name phone creditScore } } }
"""


async def test_a_denied_selection_is_one_error_at_its_first_position(
    client: Client, factory: Factory
) -> None:
    segment = await factory.segment()
    customers = [await factory.customer() for _ in range(3)]
    ids = [segment.global_id, *[customer.global_id for customer in customers]]
    teller = client.as_(Role.TELLER, await factory.responsible("TELLER", *customers))
    body = (await teller.send(PHONES, ids=ids)).json()
    assert [error["extensions"] for error in body["errors"]] == [
        {
            "code": "FORBIDDEN",
            "permission": "SEGMENT_READ",
            "roles": [
                "RELATIONSHIP_MANAGER",
                "WEALTH_ADVISOR",
                "BRANCH_MANAGER",
                "MARKETER",
                "ANALYST",
            ],
            "selection": "nodes",
        },
        {
            "code": "FORBIDDEN",
            "permission": "CREDIT_READ",
            "roles": [
                "RELATIONSHIP_MANAGER",
                "LOAN_OFFICER",
                "BRANCH_MANAGER",
                "RISK_OFFICER",
                "COMPLIANCE",
            ],
            "selection": "nodes.creditScore",
        },
    ]
    assert [error["path"] for error in body["errors"]] == [
        ["nodes", 0],
        ["nodes", 1, "creditScore"],
    ]
    assert body["data"]["nodes"][0] is None
    assert [node["name"] for node in body["data"]["nodes"][1:]] == ["Emma Avaya Smith"] * 3
    assert body["extensions"] == {"masked": ["nodes.phone"]}


async def test_strong_authentication_is_asked_for(client: Client, factory: Factory) -> None:
    customer = await factory.customer(phone="+86 138 1234 5678")
    query = "query ($id: ID!) { customer(id: $id) { number phone } }"
    weak = client.as_(Role.COMPLIANCE, strong=False)
    body = (await weak.send(query, id=customer.global_id)).json()
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "STEP_UP_REQUIRED"
    assert error["path"] == ["customer", "phone"]
    assert body["data"]["customer"]["number"]
    assert body["data"]["customer"]["phone"] is None
    data = await client.run(query, id=customer.global_id)
    assert data["customer"]["phone"] == "+86 138 1234 5678"


async def test_an_alias_names_the_selection(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    query = "query ($id: ID!) { who: customer(id: $id) { grade: creditGrade } }"
    teller = client.as_(Role.TELLER, await factory.responsible("TELLER", customer))
    _, denied = await teller.denied(query, id=customer.global_id)
    assert denied == ["who.grade"]


FILTERED = "query ($filter: CustomerFilter) { customers(filter: $filter) { totalCount } }"


@pytest.mark.parametrize(
    "given",
    [
        {"creditScore": {"gte": 700}},
        {"and": [{"tier": {"eq": "GOLD"}}, {"not": {"creditScore": {"lte": 1}}}]},
        {"or": [{"riskAppetite": {"eq": "C1"}}]},
    ],
)
async def test_filters_on_what_is_not_shown_are_refused(
    client: Client, given: dict[str, object]
) -> None:
    error = await client.as_(Role.TELLER).error(FILTERED, filter=given)
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "would tell a value that you do not see" in error["message"]
    assert (await client.run(FILTERED, filter=given))["customers"]["totalCount"] >= 0


async def test_a_refused_filter_is_one_error_however_many_rows(
    client: Client, factory: Factory
) -> None:
    customers = [await factory.customer() for _ in range(3)]
    for customer in customers:
        await factory.ticket(customer, queue="FILTERS")
    agent = client.as_(Role.SERVICE_AGENT, await factory.agent("FILTERS"))
    query = """query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer {
      age accounts(filter: {balance: {gte: "1"}}) { id }
    } } }"""
    data, denied = await agent.denied(query, ids=[each.global_id for each in customers])
    assert denied == ["nodes.accounts"]
    assert [node["accounts"] for node in data["nodes"]] == [None] * 3


async def test_a_union_leaves_out_what_may_not_be_seen(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    account = await factory.account(customer)
    await factory.postings(account, "10.00")
    await factory.ticket(customer)
    await factory.call(customer, datetime(2018, 1, 1, tzinfo=UTC))
    query = """query ($id: ID!) {
      customer(id: $id) { timeline { totalCount nodes { __typename } } }
    }"""

    async def shown(viewer: Client) -> tuple[int, set[str]]:
        found = (await viewer.run(query, id=customer.global_id))["customer"]["timeline"]
        return found["totalCount"], {node["__typename"] for node in found["nodes"]}

    assert await shown(client) == (3, {"Ticket", "Interaction", "Transaction"})
    advisor = await factory.responsible("WEALTH_ADVISOR", customer)
    assert await shown(client.as_(Role.WEALTH_ADVISOR, advisor)) == (
        2,
        {"Interaction", "Transaction"},
    )
    agent = await factory.agent("ACCOUNTS")
    assert await shown(client.as_(Role.SERVICE_AGENT, agent)) == (2, {"Ticket", "Interaction"})


LISTED = """
query ($after: String) {
  customers(first: 1, after: $after, filter: {occupation: {eq: "cosmonaut"}}) {
    edges { cursor node { id name number age accounts { id balance { amount } } } }
  }
}
"""


async def test_pseudonymous_posts_learn_no_id(client: Client, factory: Factory) -> None:
    customer = await factory.customer(occupation="cosmonaut")
    account = await factory.account(customer)
    analyst, marketer = client.as_(Role.ANALYST), client.as_(Role.MARKETER)
    text = (await analyst.send(LISTED)).text
    for secret in (customer.id, account.id):
        assert secret.hex not in text
        assert str(secret) not in text
    (edge,) = (await analyst.run(LISTED))["customers"]["edges"]
    node = edge["node"]
    # Stable, and the same wherever it is shown; another one for another post.
    assert (await analyst.run(LISTED))["customers"]["edges"] == [edge]
    assert node["name"] == node["number"]
    assert node["name"].startswith("P-")
    data, _ = await marketer.denied(LISTED)
    other = data["customers"]["edges"][0]["node"]
    assert node["id"] != other["id"]
    assert node["name"] != other["name"]
    # Ids given to the analyst work for the analyst, and for nobody else.
    query = "query ($id: ID!) { node(id: $id) { id } }"
    for given in (node["id"], node["accounts"][0]["id"]):
        assert (await analyst.run(query, id=given))["node"] == {"id": given}
        for stranger in (marketer, client):
            error = await stranger.error(query, id=given)
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
    error = await analyst.error(query, id=customer.global_id)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    # A cursor holds the row's id, so it is encrypted, and for each post otherwise.
    assert edge["cursor"] != data["customers"]["edges"][0]["cursor"]
    error = await marketer.error(LISTED, after=edge["cursor"])
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    await factory.customer(occupation="cosmonaut", customer_since=date(2000, 1, 1))
    assert (await analyst.run(LISTED, after=edge["cursor"]))["customers"]["edges"]


async def test_an_analyst_sees_no_personal_data(client: Client, factory: Factory) -> None:
    customer = await factory.customer(
        name="Yuri Canary", phone="555-0177-4242", national_id="canary-88", email="canary@x.example"
    )
    await factory.account(customer, number="CANARY-ACC-1")
    query = """{ customers(first: 100, filter: {type: {eq: INDIVIDUAL}}) {
      nodes { name number phone nationalId email birthDate address { line1 } accounts { number } }
    } }"""
    response = await client.as_(Role.ANALYST).send(query)
    assert response.json()["data"]["customers"]["nodes"]
    for canary in ("Canary", "4242", "canary", "CANARY"):
        assert canary not in response.text


async def test_the_viewer_is_told_what_they_can_do(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    query = """query ($id: ID!) {
      customer(id: $id) { viewerCan { action allowed reason limit { amount } } }
    }"""
    teller = await factory.responsible("TELLER", customer)
    found = await client.as_(Role.TELLER, teller).run(query, id=customer.global_id)
    can = {entry["action"]: entry for entry in found["customer"]["viewerCan"]}
    assert can["SEE_NAME"] == {
        "action": "SEE_NAME",
        "allowed": True,
        "reason": None,
        "limit": None,
    }
    assert can["SEE_CONTACT"]["reason"] == "Your post sees it masked."
    assert can["SEE_CREDIT"]["allowed"] is False
    weak = client.as_(Role.COMPLIANCE, strong=False)
    found = await weak.run(query, id=customer.global_id)
    can = {entry["action"]: entry for entry in found["customer"]["viewerCan"]}
    assert can["SEE_CONTACT"]["reason"] == "Sign in again with a second factor."


async def test_the_access_matrix_tells_front_ends_what_to_draw(client: Client) -> None:
    query = """query ($role: Role!) {
      accessMatrix(role: $role) { type field access permission mask stepUp }
    }"""
    entries = (await client.run(query, role="TELLER"))["accessMatrix"]
    matrix = {(entry["type"], entry["field"]): entry for entry in entries}
    phone = matrix["Customer", "phone"]
    assert (phone["access"], phone["mask"]) == ("MASKED", "PHONE")
    assert matrix["Customer", "tier"]["access"] == "CLEAR"
    assert matrix["Customer", "segments"]["permission"] == "SEGMENT_READ"
    assert matrix["Customer", "segments"]["access"] == "NONE"
    entries = (await client.run(query, role="COMPLIANCE"))["accessMatrix"]
    (phone,) = [each for each in entries if (each["type"], each["field"]) == ("Customer", "phone")]
    assert (phone["access"], phone["stepUp"]) == ("CLEAR", True)
