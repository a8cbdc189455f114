"""What is shown of personal data is on record before the answer leaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest
from client import Client
from conftest import client_of
from factories import Factory, Made
from prometheus_client.parser import text_string_to_metric_families
from serving import serving
from websocket_client import opened

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db import reads
from app.db.audit import Record
from app.db.bank_itself import BANK_ID
from app.db.keys import Keys
from app.db.migrate import upgrade
from app.db.reads import reads_hash

SHOWN = "query Shown($id: ID!) { customer(id: $id) { %s } }"
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


@dataclass(frozen=True)
class Trail:
    """What stands in the audit trail of a test's own database."""

    connection: asyncpg.Connection

    async def of(self, customer: Made | UUID) -> list[list[str]]:
        """The classes of data that each operation was shown of a customer."""
        wanted = customer.id if isinstance(customer, Made) else customer
        sql = "select fields from audit_read where customer_id = $1 order by recorded_at, id"
        return [row["fields"] for row in await self.connection.fetch(sql, wanted)]

    async def count(self, table: str = "audit_read") -> int:
        found: int = await self.connection.fetchval(f"select count(*) from {table}")
        return found


@pytest.fixture(scope="module")
def url(new_database: Callable[[str], str]) -> str:
    made = new_database("read_audit")
    asyncio.run(upgrade(made))
    return made


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


async def test_a_batch_is_one_record_with_a_hash_of_its_reads(
    client: Client, trail: Trail, factory: Factory, keys: Keys
) -> None:
    made = [await factory.customer() for _ in range(3)]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { name email } } }"
    await client.run(query, ids=[each.global_id for each in made])
    rows = await trail.connection.fetch(
        "select * from audit_read where customer_id = any ($1)", [each.id for each in made]
    )
    (record_id,) = {row["record_id"] for row in rows}
    record = await trail.connection.fetchrow("select * from audit_record where id = $1", record_id)
    assert record is not None
    assert record["kind"] == "READ"
    assert record["reads_hash"] == reads_hash(rows) == reads_hash(rows[::-1])
    assert record["mac"] == Record.of_row(record).mac(keys.audit)
    changed = [dict(rows[0], role="TELLER"), *map(dict, rows[1:])]
    assert reads_hash(changed) != record["reads_hash"] != reads_hash(rows[1:])
    pending = "select count(*) from audit_pending where record_id = $1"
    linked = "select count(*) from audit_link where record_id = $1"
    waiting = await trail.connection.fetchval(pending, record_id)
    assert waiting or await trail.connection.fetchval(linked, record_id)


async def test_concurrent_operations_share_batches(
    client: Client, trail: Trail, factory: Factory
) -> None:
    made = [await factory.customer() for _ in range(50)]
    await client.run(SHOWN % "id", id=made[0].global_id)
    before = await trail.count("audit_record")
    query = SHOWN % "name"
    await asyncio.gather(*(client.run(query, id=each.global_id) for each in made))
    assert [await trail.of(each) for each in made] == [[["CUSTOMER_NAME_READ"]]] * 50
    assert await trail.count("audit_record") - before < 50
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families((await client.http.get("/metrics")).text)
        for sample in family.samples
    }
    assert found["bank360_read_audit_rows_total"] == 50
    assert found["bank360_read_audit_wait_seconds_count"] == 50
    assert 0 < found["bank360_read_audit_batch_seconds_count"] < 50
    assert found["bank360_read_audit_failures_total"] == 0


async def test_without_a_record_nothing_is_shown(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer(name="Canary Yellow")
    await trail.connection.execute("revoke insert on audit_read from app_write")
    try:
        response = await client.send(SHOWN % "name tier", id=customer.global_id)
        harmless = await client.run(SHOWN % "tier", id=customer.global_id)
    finally:
        await trail.connection.execute("grant insert on audit_read to app_write")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    assert "try again" in error["message"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "Canary" not in response.text
    assert harmless == {"customer": {"tier": "GOLD"}}
    assert await trail.of(customer) == []
    metrics = (await client.http.get("/metrics")).text
    assert "bank360_read_audit_failures_total 1.0" in metrics
    await client.run(SHOWN % "name", id=customer.global_id)
    assert await trail.of(customer) == [["CUSTOMER_NAME_READ"]]


async def test_a_lost_connection_holds_the_answer_back_and_is_replaced(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer()
    async with trail.connection.transaction():
        await trail.connection.execute("lock table audit_pending")
        asked = asyncio.create_task(client.send(SHOWN % "name", id=customer.global_id))
        writer = await waiting_writer(trail.connection)
        await trail.connection.execute("select pg_terminate_backend($1)", writer)
        response = await asked
    assert response.status_code == 503
    assert "data" not in response.json()
    assert (await client.run(SHOWN % "name", id=customer.global_id))["customer"]["name"]
    assert await trail.of(customer) == [["CUSTOMER_NAME_READ"]]


async def waiting_writer(connection: asyncpg.Connection) -> int:
    """The process of the one statement that waits for the table's lock."""
    for _ in range(500):
        found = await connection.fetchval(
            "select pid from pg_locks where not granted and database ="
            " (select oid from pg_database where datname = current_database())"
        )
        if found:
            return int(found)
        await asyncio.sleep(0.02)
    raise AssertionError


async def test_the_answer_waits_for_its_record_and_a_client_that_leaves_makes_no_hole(
    url: str, keys: Keys, token_key: TokenKey, trail: Trail, factory: Factory
) -> None:
    gone, stays = await factory.customer(), await factory.customer()
    async with client_of(url, keys, token_key) as client:
        async with trail.connection.transaction():
            await trail.connection.execute("lock table audit_pending")
            tasks = [
                asyncio.create_task(client.send(SHOWN % "name", id=each.global_id))
                for each in (gone, stays)
            ]
            await waiting_writer(trail.connection)
            assert not any(task.done() for task in tasks)
            tasks[0].cancel()
        assert (await tasks[1]).json()["data"]["customer"]["name"]
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
    # The server has stopped: whatever was on its way is written.
    assert await trail.of(stays) == [["CUSTOMER_NAME_READ"]]
    assert await trail.of(gone) in ([], [["CUSTOMER_NAME_READ"]])
    for row in await trail.connection.fetch("select id, reads_hash from audit_record"):
        sql = "select * from audit_read where record_id = $1"
        assert reads_hash(await trail.connection.fetch(sql, row["id"])) == row["reads_hash"]


async def test_a_server_that_stops_writes_what_waits(
    url: str, keys: Keys, token_key: TokenKey, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer()
    lock = trail.connection.transaction()
    await lock.start()
    await trail.connection.execute("lock table audit_pending")
    async with client_of(url, keys, token_key) as client:
        task = asyncio.create_task(client.send(SHOWN % "name", id=customer.global_id))
        await waiting_writer(trail.connection)
        task.cancel()
        unlocking = asyncio.create_task(lock.rollback())
    await unlocking
    assert await trail.of(customer) == [["CUSTOMER_NAME_READ"]]


async def test_more_than_can_wait_is_refused(
    client: Client, trail: Trail, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "_WAITING_ROWS_MAX", 1)
    made = [await factory.customer() for _ in range(6)]
    async with trail.connection.transaction():
        await trail.connection.execute("lock table audit_pending")
        tasks = [
            asyncio.create_task(client.send(SHOWN % "name", id=each.global_id)) for each in made
        ]
        # Two are being written and one waits; the others are told at once.
        for _ in range(500):
            if sum(task.done() for task in tasks) == 3:
                break
            await asyncio.sleep(0.02)
    answers = [(await task).status_code for task in tasks]
    assert sorted(answers) == [200] * 3 + [503] * 3


async def test_big_batches_are_cut(
    client: Client, trail: Trail, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "_BATCH_ROWS_MAX", 2)
    made = [await factory.customer() for _ in range(6)]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { name } } }"
    ids = [each.global_id for each in made]
    before = await trail.count("audit_record")
    await asyncio.gather(
        client.run(query, ids=ids), *(client.run(query, ids=[each]) for each in ids)
    )
    assert [len(await trail.of(each)) for each in made] == [2] * 6
    assert await trail.count("audit_record") - before >= 4


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
