"""What is shown of personal data is on record before the answer leaves."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import asyncpg
import httpx
import orjson
import pytest
from client import Client
from conftest import client_of
from factories import Factory, Made
from serving import serving
from trail import SHOWN, Trail
from websocket_client import opened

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.bank_itself import BANK_ID
from app.db.keys import Keys

# For each class of data a field that shows it.
CLASSES = {
    "name": "CUSTOMER_NAME_READ",
    "number": "CUSTOMER_NAME_READ",
    "phone": "CUSTOMER_CONTACT_READ",
    "address { city }": "CUSTOMER_CONTACT_READ",
    "nationalId": "CUSTOMER_IDENTITY_READ",
    "birthDate": "CUSTOMER_IDENTITY_READ",
    "accounts { number }": "ACCOUNT_NUMBER_READ",
    "accounts { transactions { nodes { counterpartyAccount } } }": "ACCOUNT_NUMBER_READ",
    "cards { number }": "CARD_NUMBER_READ",
    "loans { number }": "CUSTOMER_NAME_READ",
}


@pytest.fixture(scope="module")
def url(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("read_audit")


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(url)
    yield made
    await made.close()


@pytest.fixture
def trail(connection: asyncpg.Connection) -> Trail:
    return Trail(connection)


@pytest.fixture
async def factory(connection: asyncpg.Connection, keys: Keys) -> Factory:
    return Factory(connection, keys)


@pytest.fixture
async def client(url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Client]:
    async with client_of(url, keys, token_key) as made:
        yield made


@pytest.fixture
async def customer(factory: Factory) -> Made:
    """Somebody who has one of everything that is personal."""
    made = await factory.customer()
    account = await factory.account(made, number=f"A-{made.id.hex[-8:]}")
    await factory.card(made, account)
    await factory.loan(made, paid=0)
    other = await factory.account(await factory.customer(), number=f"B-{made.id.hex[-8:]}")
    await factory.postings(account, "100.00")
    await factory.transfer(account, other, "20.00", datetime(2018, 12, 1, tzinfo=UTC))
    return made


@pytest.mark.parametrize(("fields", "expected"), CLASSES.items())
async def test_each_class_of_data_is_recorded(
    client: Client, trail: Trail, customer: Made, fields: str, expected: str
) -> None:
    data = await client.run(SHOWN % fields, id=customer.global_id)
    assert data["customer"]
    assert await trail.of(customer) == [[expected]]
    row = await trail.connection.fetchrow(
        "select role, operation, request_id from audit_read where customer_id = $1", customer.id
    )
    assert row is not None
    assert row["role"] == "COMPLIANCE"
    assert row["operation"] == "Shown"
    assert len(row["request_id"]) == 16


async def test_one_operation_leaves_one_row_a_customer(
    client: Client, trail: Trail, customer: Made, factory: Factory
) -> None:
    other = await factory.customer()
    query = """query ($ids: [ID!]!) {
      nodes(ids: $ids) { ... on Customer { name phone email again: name nationalId tier } }
    }"""
    await client.run(query, ids=[customer.global_id, other.global_id, customer.global_id])
    everything = ["CUSTOMER_CONTACT_READ", "CUSTOMER_IDENTITY_READ", "CUSTOMER_NAME_READ"]
    assert await trail.of(customer) == await trail.of(other) == [everything]


@pytest.mark.parametrize(
    "query",
    [
        "query ($id: ID!) { node(id: $id) { ... on Customer { phone } } }",
        "query ($id: ID!) { nodes(ids: [$id]) { ... on Customer { phone } } }",
        "query ($id: ID!) { customer(id: $id) { ...Phone } } fragment Phone on Customer { phone }",
        """query ($id: ID!) {
          customer(id: $id) { tickets { edges { node { customer { phone } } } } }
        }""",
        """query ($id: ID!) {
          customer(id: $id) { timeline { nodes { ... on Ticket { customer { phone } } } } }
        }""",
    ],
)
async def test_every_path_is_recorded(
    client: Client, trail: Trail, factory: Factory, query: str
) -> None:
    customer = await factory.customer()
    await factory.ticket(customer)
    await client.run(query, id=customer.global_id)
    assert await trail.of(customer) == [["CUSTOMER_CONTACT_READ"]]


async def test_a_list_is_recorded(client: Client, trail: Trail, factory: Factory) -> None:
    made = [await factory.customer(occupation="cooper") for _ in range(3)]
    query = '{ customers(filter: {occupation: {eq: "cooper"}}, first: 2) { nodes { name } } }'
    await client.run(query)
    shown = [await trail.of(each) for each in made]
    assert sorted(shown) == [[], [["CUSTOMER_NAME_READ"]], [["CUSTOMER_NAME_READ"]]]


async def test_what_is_masked_denied_null_or_not_personal_is_not(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer()
    await factory.postings(await factory.account(customer), "100.00")
    teller = client.as_(Role.TELLER, await factory.responsible("TELLER", customer))
    masked = SHOWN % "phone email nationalId birthDate address { city }"
    response = (await teller.send(masked, id=customer.global_id)).json()
    assert "customer.phone" in response["extensions"]["masked"]
    officer, marketer = client.as_(Role.RISK_OFFICER), client.as_(Role.MARKETER)
    await officer.run(SHOWN % "name number", id=customer.global_id)
    await officer.denied(SHOWN % "phone", id=customer.global_id)
    await marketer.run("{ customers(first: 5) { nodes { name number } } }")
    weak = client.as_(Role.COMPLIANCE, strong=False)
    error = await weak.error(SHOWN % "phone", id=customer.global_id)
    assert error["extensions"]["code"] == "STEP_UP_REQUIRED"
    nothing = "accounts { transactions { nodes { counterpartyAccount } } }"
    data = await client.run(SHOWN % f"id tier age {nothing}", id=customer.global_id)
    (paid_in,) = data["customer"]["accounts"][0]["transactions"]["nodes"]
    assert paid_in == {"counterpartyAccount": None}
    assert await trail.of(customer) == []


async def test_a_refused_operation_leaves_nothing(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer()
    before = await trail.count()
    for query, code in (
        (SHOWN % "name nothing", "BAD_REQUEST"),
        (SHOWN % "name tickets(first: 99999) { nodes { id } }", "LIMIT_EXCEEDED"),
    ):
        response = (await client.send(query, id=customer.global_id)).json()
        assert response["errors"][0]["extensions"]["code"] == code
    hidden = client.as_(Role.TELLER, await factory.responsible("TELLER"))
    assert (await hidden.run(SHOWN % "name", id=customer.global_id))["customer"] is None
    await client.run("{ viewer { actingRole } }")
    assert await trail.count() == before


async def test_a_customer_who_reads_their_own_data_is_recorded_too(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer()
    await client.as_(Role.CUSTOMER, customer.id).run(SHOWN % "email", id=customer.global_id)
    assert await trail.of(customer) == [["CUSTOMER_CONTACT_READ"]]


async def test_who_holds_an_account_is_shown_its_owners_number(
    client: Client, trail: Trail, factory: Factory
) -> None:
    owner, holder = await factory.customer(), await factory.customer()
    account = await factory.account(owner, number=f"H-{owner.id.hex[-8:]}")
    await factory.hold(account, holder)
    query = "query ($id: ID!) { customer(id: $id) { heldAccounts { number } } }"
    await client.as_(Role.CUSTOMER, holder.id).run(query, id=holder.global_id)
    assert await trail.of(owner) == [["ACCOUNT_NUMBER_READ"]]
    assert await trail.of(holder) == []


async def test_look_ups_that_find_somebody_are_recorded(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer(number="L-0001", email="found@example.com")
    await factory.account(customer, number="ACC-0001")
    query = "query ($by: CustomerBy!) { customerBy(by: $by) { id } }"
    await client.run(query, by={"email": "found@example.com"})
    await client.run(query, by={"number": "L-0001"})
    await client.run('{ accountBy(number: "ACC-0001") { id } }')
    assert (await client.run(query, by={"number": "L-0002"}))["customerBy"] is None
    stranger = client.as_(Role.TELLER, await factory.responsible("TELLER"))
    assert (await stranger.run(query, by={"number": "L-0001"}))["customerBy"] is None
    assert await trail.of(customer) == [
        ["CUSTOMER_LOOK_UP:EMAIL"],
        ["CUSTOMER_LOOK_UP:NUMBER"],
        ["CUSTOMER_LOOK_UP:ACCOUNT_NUMBER"],
    ]


async def test_over_websocket_and_event_streams(
    url: str, keys: Keys, token_key: TokenKey, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer()
    token = token_key.issue(Role.COMPLIANCE, customer.id, strong=True)
    asked = {"query": SHOWN % "name", "variables": {"id": customer.global_id}}
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    async with serving(url, keys, token_key) as (address, _):
        async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as http:
            text = (await http.post("/graphql", json=asked)).text
        assert orjson.loads(text.split("data: ")[1].split("\n")[0])["data"]["customer"]["name"]
        async with opened(address) as socket:
            await socket.initialise(token)
            data = await socket.run(SHOWN % "name", id=customer.global_id)
            assert data["customer"]["name"]
    assert await trail.of(customer) == [["CUSTOMER_NAME_READ"]] * 2
    assert await trail.of(BANK_ID) == []
