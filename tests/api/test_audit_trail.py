"""What a compliance officer sees of what others did and were shown."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from client import Client
from conftest import client_of
from factories import Factory

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.planner.global_id import GlobalId, format_id
from app.resolvers import audit as resolver

TRAIL = """
query Trail($filter: AuditEntryFilter, $sort: AuditEntrySort, $first: Int, $after: String) {
  auditTrail(filter: $filter, sort: $sort, first: $first, after: $after) {
    totalCount
    nodes {
      id kind recordedAt position actorId role command event operation subject customerId fields
      requestId recordId
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
EXPOSURE = """
query Exposure($ids: [ID!]!, $from: DateTime!, $to: DateTime!) {
  exposure(customerIds: $ids, from: $from, to: $to) {
    customerId customer { tier } actorId staff { name } role classes lookedUpBy revealed
    firstAt lastAt operationCount
  }
}
"""
SHOWN = "query Shown($id: ID!) { customer(id: $id) { %s } }"


@pytest.fixture(scope="module")
def url(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("audit_trail")


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(url)
    yield made
    await made.close()


@pytest.fixture
async def factory(connection: asyncpg.Connection, keys: Keys) -> Factory:
    return Factory(connection, keys)


@pytest.fixture
async def client(url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Client]:
    async with client_of(url, keys, token_key) as made:
        yield made


async def entries(client: Client, **given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.run(TRAIL, **given))["auditTrail"]["nodes"]
    return found


async def test_reads_and_writes_stand_in_one_list(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    teller = await factory.responsible("TELLER", customer)
    record = await factory.record(customer, teller)
    query = "query Counter($id: ID!) { customer(id: $id) { name } }"
    response = await client.as_(Role.TELLER, teller).send(query, id=customer.global_id)
    shown, done = await entries(
        client, filter={"customerId": {"eq": customer.global_id}}, sort="NEWEST"
    )
    actor = format_id("sta", teller, teller)
    assert shown.pop("id").startswith(f"rea_{customer.id.hex}")
    of_batch = GlobalId.parse(shown.pop("recordId"))
    sql = "select kind from audit_record where id = $1"
    assert of_batch.prefix == "aud"
    assert await factory.connection.fetchval(sql, of_batch.id) == "READ"
    assert shown.pop("recordedAt") >= done.pop("recordedAt")
    for entry in (shown, done):
        position = entry.pop("position")
        assert position is None or int(position) > 0
    assert shown == {
        "kind": "READ",
        "actorId": actor,
        "role": "TELLER",
        "command": None,
        "event": None,
        "operation": "Counter",
        "subject": None,
        "customerId": customer.global_id,
        "fields": ["CUSTOMER_NAME_READ"],
        "requestId": response.headers["x-request-id"],
    }
    assert done == {
        "id": record.global_id,
        "kind": "WRITE",
        "actorId": actor,
        "role": "TELLER",
        "command": "updateCustomer",
        "event": "customer.updated",
        "operation": None,
        "subject": customer.global_id,
        "customerId": customer.global_id,
        "fields": ["phone"],
        "requestId": "0123456789abcdef",
        "recordId": record.global_id,
    }


async def test_the_list_is_paged_and_filtered(client: Client, factory: Factory) -> None:
    customer, other = await factory.customer(), await factory.customer()
    teller = await factory.responsible("TELLER", customer)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    made = [
        await factory.record(
            customer if n % 2 else other,
            teller,
            recorded_at=begin + timedelta(minutes=n),
            command="recordConsent" if n == 3 else "updateCustomer",
            role=Role.BRANCH_MANAGER if n == 4 else Role.TELLER,
        )
        for n in range(6)
    ]
    ids = [each.global_id for each in made]
    of_actor = {"actorId": {"eq": format_id("sta", teller, teller)}}
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = (await client.run(TRAIL, filter=of_actor, first=2, after=after))["auditTrail"]
        assert page["totalCount"] == 6
        seen += [entry["id"] for entry in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert not page["pageInfo"]["hasNextPage"]
    assert seen == ids[::-1]

    async def found(**given: Any) -> list[str]:
        narrowed = await entries(client, filter=of_actor | given, sort="OLDEST")
        return [entry["id"] for entry in narrowed]

    assert await found(customerId={"in": [customer.global_id]}) == ids[1::2]
    assert await found(command={"eq": "recordConsent"}) == [ids[3]]
    assert await found(role={"in": ["BRANCH_MANAGER"]}) == [ids[4]]
    assert await found(kind={"eq": "READ"}) == []
    period = {"gte": "2026-03-01T00:01:00Z", "lte": "2026-03-01T00:03:00Z"}
    assert await found(recordedAt=period) == ids[1:4]
    assert await found(requestId={"eq": "0123456789abcdef"}, event={"contains": "upd"}) == ids


async def test_whom_and_who_can_be_asked_for_in_turn(client: Client, factory: Factory) -> None:
    customer = await factory.customer(name="Emma Smith")
    teller = await factory.responsible("TELLER", customer)
    record = await factory.record(customer, teller)
    query = """query ($id: ID!, $filter: AuditEntryFilter) {
      node(id: $id) { ... on AuditEntry { id staff { number } customer { name } } }
      auditTrail(filter: $filter) { nodes { id staff { name } customer { name } } }
    }"""
    of_customer = {"customerId": {"eq": customer.global_id}}
    data = await client.run(query, id=record.global_id, filter=of_customer)
    assert data["node"]["customer"] == {"name": "Emma Smith"}
    assert data["node"]["staff"]["number"].startswith("S")
    assert data["auditTrail"]["nodes"] == [
        {
            "id": record.global_id,
            "staff": {"name": "Robin Banks"},
            "customer": {"name": "Emma Smith"},
        }
    ]
    # Looking at whom a record names is itself on record, and found again by its own id.
    shown = (await entries(client, filter=of_customer))[0]
    assert shown["fields"] == ["CUSTOMER_NAME_READ"]
    again = "query ($id: ID!) { node(id: $id) { id ... on AuditEntry { requestId } } }"
    assert (await client.run(again, id=shown["id"]))["node"] == {
        "id": shown["id"],
        "requestId": shown["requestId"],
    }


async def test_reads_of_the_trail_are_in_the_trail(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    record = await factory.record(customer, customer.id)
    officer = new_id()
    reader = client.as_(Role.COMPLIANCE, officer)
    asked = [
        await reader.send(TRAIL, first=1),
        await reader.send("query One($id: ID!) { node(id: $id) { id } }", id=record.global_id),
        await reader.send(
            EXPOSURE,
            ids=[customer.global_id],
            **{"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"},
        ),
    ]
    await reader.send(TRAIL, first=-1)
    found = await entries(
        client,
        filter={"actorId": {"eq": format_id("sta", officer, officer)}},
        sort="OLDEST",
    )
    assert [entry["operation"] for entry in found] == ["Trail", "One", "Exposure"]
    assert [entry["requestId"] for entry in found] == [
        response.headers["x-request-id"] for response in asked
    ]
    for entry in found:
        assert entry["fields"] == ["AUDIT_READ"]
        assert entry["customerId"] is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.COMPLIANCE])
async def test_nobody_else_sees_the_trail(client: Client, factory: Factory, role: Role) -> None:
    customer = await factory.customer()
    record = await factory.record(customer, customer.id)
    other = client.as_(role, customer.id if role is Role.CUSTOMER else None)
    data, denied = await other.denied("{ auditTrail { totalCount } }")
    assert (data, denied) == ({"auditTrail": None}, ["auditTrail"])
    given = {"ids": [], "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
    data, denied = await other.denied(EXPOSURE, **given)
    assert (data, denied) == ({"exposure": None}, ["exposure"])
    if role not in {Role.MARKETER, Role.ANALYST}:
        query = "query ($id: ID!) { node(id: $id) { id } }"
        data, denied = await other.denied(query, id=record.global_id)
        assert (data, denied) == ({"node": None}, ["node"])


async def test_without_strong_authentication_the_trail_is_closed(client: Client) -> None:
    error = await client.as_(Role.COMPLIANCE, strong=False).error(TRAIL)
    assert error["extensions"]["code"] == "STEP_UP_REQUIRED"


def period(**given: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    whole = {"from": now - timedelta(minutes=5), "to": now + timedelta(minutes=5)} | given
    return {name: at.isoformat(timespec="seconds") for name, at in whole.items()}


async def test_exposure_tells_who_saw_which_class_of_data(client: Client, factory: Factory) -> None:
    customer, other = await factory.customer(number="E-0001"), await factory.customer()
    teller = await factory.responsible("TELLER", customer, other)
    manager = await factory.responsible("RELATIONSHIP_MANAGER", customer)
    for fields in ("name", "number name", "phone"):
        await client.as_(Role.TELLER, teller).send(SHOWN % fields, id=customer.global_id)
    at_work = client.as_(Role.RELATIONSHIP_MANAGER, manager)
    await at_work.run('{ customerBy(by: {number: "E-0001"}) { phone } }')
    await client.as_(Role.TELLER, teller).run(SHOWN % "name", id=other.global_id)
    await client.as_(Role.CUSTOMER, customer.id).run(SHOWN % "email", id=customer.global_id)
    revealed = ("CUSTOMER_CONTACT_READ", "phone")
    await factory.record(
        customer, teller, command="revealField", fields=revealed, event="field.revealed"
    )
    await factory.record(customer, manager, command="updateCustomer", fields=("email",))
    await factory.record(customer, manager, command="exportCustomerData", role=Role.COMPLIANCE)
    asked = await client.run(EXPOSURE, ids=[customer.global_id], **period())
    lines = {line["role"]: line for line in asked["exposure"]}
    assert len(lines) == len(asked["exposure"]) == 4
    assert {line["customerId"] for line in lines.values()} == {customer.global_id}
    assert all(line["customer"] == {"tier": "GOLD"} for line in lines.values())
    assert all(line["firstAt"] <= line["lastAt"] for line in lines.values())
    # The masked telephone number is no exposure; that it was revealed is one.
    of_teller = lines["TELLER"]
    assert of_teller["actorId"] == format_id("sta", teller, teller)
    assert of_teller["staff"] == {"name": "Robin Banks"}
    assert of_teller["classes"] == ["CUSTOMER_CONTACT_READ", "CUSTOMER_NAME_READ"]
    assert of_teller["revealed"] == ["phone"]
    assert of_teller["operationCount"] == 3
    assert of_teller["firstAt"] < of_teller["lastAt"]
    of_manager = lines["RELATIONSHIP_MANAGER"]
    assert of_manager["classes"] == ["CUSTOMER_CONTACT_READ", "CUSTOMER_LOOK_UP"]
    assert of_manager["lookedUpBy"] == ["NUMBER"]
    assert (of_manager["revealed"], of_manager["operationCount"]) == ([], 1)
    assert lines["CUSTOMER"]["actorId"] == customer.global_id
    assert lines["CUSTOMER"]["staff"] is None
    assert (lines["COMPLIANCE"]["classes"], lines["COMPLIANCE"]["operationCount"]) == ([], 1)
    both = await client.run(EXPOSURE, ids=[customer.global_id, other.global_id], **period())
    assert len(both["exposure"]) == 5
    past = datetime.now(UTC) - timedelta(days=1)
    before = period(**{"from": past - timedelta(days=1), "to": past})
    assert (await client.run(EXPOSURE, ids=[customer.global_id], **before))["exposure"] == []


async def test_exposure_is_bounded(
    client: Client, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await factory.customer()
    given = period()
    error = await client.error(EXPOSURE, ids=[customer.global_id] * 101, **given)
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "101 customers; at most 100" in error["message"]
    for ids, dates in (
        ([format_id("sta", customer.id, customer.id)], given),
        (["nonsense"], given),
        ([customer.global_id], {"from": given["to"], "to": given["from"]}),
    ):
        error = await client.error(EXPOSURE, ids=ids, **dates)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
    monkeypatch.setattr(resolver, "_LINES_MAX", 1)
    for role in ("TELLER", "RELATIONSHIP_MANAGER"):
        person = client.as_(Role[role], await factory.responsible(role, customer))
        await person.run(SHOWN % "name", id=customer.global_id)
    error = await client.error(EXPOSURE, ids=[customer.global_id], **given)
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "fewer customers or a shorter time" in error["message"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"customerId": {"eq": "acc_" + "0" * 64}}, "filter.customerId: an id that begins with"),
        ({"actorId": {"in": ["aud_" + "0" * 32]}}, "'sta_' or 'cus_'"),
        ({"actorId": {"eq": "nobody"}}, "not an id of this API"),
        ({"customerId": {"eq": None}}, "leave it out"),
    ],
)
async def test_ids_that_a_filter_names_are_checked(
    client: Client, given: dict[str, Any], says: str
) -> None:
    error = await client.error(TRAIL, filter=given)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert says in error["message"]
