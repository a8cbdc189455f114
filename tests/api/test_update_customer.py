"""Changing a customer's contact data and preferences."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
from writing_support import manager_of, state

from app.auth.permissions import MATRIX, Permission, Role
from app.db.keys import Keys

UPDATE = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) {
    ... on UpdateCustomerPayload {
      customer { version phone email language preferredChannel address { line1 city country } }
    }
    ... on Problem { code message field hint }
  }
}
"""
VERSION = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) {
    ... on UpdateCustomerPayload { customer { version } }
    ... on Problem { code }
  }
}
"""
ADDRESS = {"line1": "1 Bund", "city": "Shanghai", "country": "CN", "postalCode": "200002"}


async def update(client: Client, customer: Made, key: str = "", **values: Any) -> Any:
    """Send the mutation; without a version, with the one that a new customer has."""
    given = {"expectedVersion": 1, **values, "id": customer.global_id}
    given["idempotencyKey"] = key or uuid4().hex
    data = await client.run(UPDATE, input=given)
    return data["updateCustomer"]


async def test_a_manager_changes_what_is_given_and_nothing_else(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer(email="before@example.com")
    manager = await manager_of(client, factory, customer)
    answer = await update(
        manager,
        customer,
        phone="+86 13912345678",
        address=ADDRESS,
        language="zh-CN",
        preferredChannel="MOBILE",
    )
    assert answer["customer"] == {
        "version": 2,
        "phone": "+86 139 1234 5678",
        "email": "before@example.com",
        "language": "zh-CN",
        "preferredChannel": "MOBILE",
        "address": {"line1": "1 Bund", "city": "Shanghai", "country": "CN"},
    }
    emptied = await update(manager, customer, expectedVersion=2, email=None)
    assert emptied["customer"]["email"] is None
    assert emptied["customer"]["version"] == 3


async def test_the_new_phone_number_finds_the_customer_and_the_old_one_does_not(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer(phone="+86 139 8765 4321")
    found = "query ($phone: String!) { customerBy(by: {phone: $phone}) { id } }"
    manager = await manager_of(client, factory, customer)
    await update(manager, customer, phone="+86 139 8765 0000")
    for phone in ("+8613987650000", "139 8765 0000"):
        assert (await client.run(found, phone=phone))["customerBy"] == {"id": customer.global_id}
    assert (await client.run(found, phone="+86 139 8765 4321"))["customerBy"] is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"phone": "12345"}, ("INVALID_PHONE", "phone")),
        ({"phone": "+86 1"}, ("INVALID_PHONE", "phone")),
        ({"phone": "13912345678"}, ("INVALID_PHONE", "phone")),
        ({"email": "nobody"}, ("INVALID_EMAIL", "email")),
        ({"email": "a@b..com"}, ("INVALID_EMAIL", "email")),
        ({"address": ADDRESS | {"line1": " "}}, ("INVALID_ADDRESS", "address.line1")),
        ({"address": ADDRESS | {"country": "China"}}, ("INVALID_ADDRESS", "address.country")),
        ({"address": ADDRESS | {"city": "a\x00b"}}, ("INVALID_ADDRESS", "address.city")),
        ({"language": "Chinese please"}, ("INVALID_LANGUAGE", "language")),
        ({}, ("NOTHING_TO_CHANGE", None)),
        ({"language": None}, ("NOTHING_TO_CHANGE", None)),
        ({"expectedVersion": 2, "language": "en"}, ("STALE_VERSION", "expectedVersion")),
    ],
)
async def test_a_refused_change_changes_nothing(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    values: dict[str, Any],
    problem: tuple[str, str | None],
) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    before = await state(owner)
    answer = await update(manager, customer, **values)
    assert (answer["code"], answer["field"]) == problem
    assert await state(owner) == before


async def test_a_refusal_speaks_the_clients_language(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    manager.headers["accept-language"] = "fr, zh-CN;q=0.9, en;q=0.8"
    refused = await update(manager, customer, phone="1")
    assert refused["message"] == "电话号码无效。"
    assert "国家代码" in refused["hint"]
    manager.headers["accept-language"] = "en-GB"
    refused = await update(manager, customer, phone="1")
    assert refused["message"] == "This is not a telephone number."


async def test_the_same_key_does_nothing_twice(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    answers = await asyncio.gather(
        *(update(manager, customer, "once", language="en") for _ in range(50))
    )
    assert answers[0]["customer"]["version"] == 2
    assert all(answer == answers[0] for answer in answers)
    records = await owner.fetch("select * from audit_record where customer_id = $1", customer.id)
    assert len(records) == 1

    other = await update(manager, customer, "once", language="zh")
    assert (other["code"], other["field"]) == ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    # A key is the person's own.
    oneself = client.as_(Role.CUSTOMER, customer.id)
    answer = await update(oneself, customer, "once", expectedVersion=2, language="zh")
    assert answer["customer"]["version"] == 3


async def test_a_refused_command_stays_refused(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    command: dict[str, Any] = {"key": "late", "expectedVersion": 2, "language": "en"}
    assert (await update(manager, customer, **command))["code"] == "STALE_VERSION"
    await update(manager, customer, email="now@example.com")
    before = await state(owner)
    assert (await update(manager, customer, **command))["code"] == "STALE_VERSION"
    assert await state(owner) == before


async def test_a_replay_is_read_with_the_rights_of_today(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    staff = await factory.responsible("RELATIONSHIP_MANAGER", customer)
    manager = client.as_(Role.RELATIONSHIP_MANAGER, staff)
    assert (await update(manager, customer, "then", language="en"))["customer"] is not None
    await factory.connection.execute("delete from assignment where staff_id = $1", staff)
    assert (await update(manager, customer, "then", language="en"))["customer"] is None


async def test_the_record_tells_who_did_what_and_hides_the_values(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    customer = await factory.customer(phone="+86 139 8765 4321")
    staff = await factory.responsible("RELATIONSHIP_MANAGER", customer)
    await update(client.as_(Role.RELATIONSHIP_MANAGER, staff), customer, phone="+86 139 8765 0000")
    (record,) = await owner.fetch("select * from audit_record where customer_id = $1", customer.id)
    told = (record["actor_id"], record["role"], record["command"], record["event"])
    assert told == (staff, "RELATIONSHIP_MANAGER", "updateCustomer", "customer.updated")
    assert record["fields"] == ["phone"]
    wrapped = await owner.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", customer.id
    )
    detail = keys.ring.cipher(customer.id, wrapped).decrypt(
        "audit_record.detail_ciphertext", record["id"], record["detail_ciphertext"]
    )
    assert orjson.loads(detail) == {
        "phone": {"before": "+86 139 8765 4321", "after": "+86 139 8765 0000"}
    }


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_change_a_customer(
    client: Client, factory: Factory, owner: asyncpg.Connection, role: Role
) -> None:
    """Whoever has the permission changes customers in scope, and no others."""
    branch = await factory.branch()
    mine, other = await factory.customer(branch_id=branch.id), await factory.customer()
    subject = mine.id
    if role is not Role.CUSTOMER:
        staff = await factory.staff(role.value, branch)
        await factory.assign(mine, staff, role.value)
        subject = staff.id
    person = client.as_(role, subject)
    before = await state(owner)
    given = {"idempotencyKey": "x", "expectedVersion": 1, "language": "en"}
    if role not in MATRIX[Permission.CUSTOMER_UPDATE].clear:
        data, denied = await person.denied(VERSION, input=given | {"id": mine.global_id})
        assert (data, denied) == ({"updateCustomer": None}, ["updateCustomer"])
        assert await state(owner) == before
        return
    refused = await update(person, other, language="en")
    assert refused["code"] == "NOT_FOUND"
    assert await state(owner) == before
    changed = await person.run(VERSION, input=given | {"id": mine.global_id, "idempotencyKey": "y"})
    assert changed == {"updateCustomer": {"customer": {"version": 2}}}


async def test_a_blocked_or_closed_customer_is_not_changed(
    client: Client, factory: Factory
) -> None:
    for status in ("BLOCKED", "CLOSED"):
        customer = await factory.customer(status=status)
        manager = await manager_of(client, factory, customer)
        refused = await update(manager, customer, language="en")
        assert refused["code"] == "CUSTOMER_NOT_ACTIVE"


@pytest.mark.parametrize("key", ["", "a" * 201, "a\nb"])
async def test_a_key_names_something(client: Client, factory: Factory, key: str) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    given = {"idempotencyKey": key, "expectedVersion": 1, "id": customer.global_id}
    error = await manager.error(UPDATE, input=given)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_nothing_is_changed_by_get(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    given = {"idempotencyKey": "k", "expectedVersion": 1, "id": customer.global_id}
    before = await state(owner)
    answer = await client.http.get(
        "/graphql",
        params={
            "query": UPDATE,
            "variables": orjson.dumps({"input": given | {"language": "en"}}).decode(),
        },
        headers=manager.headers,
    )
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert await state(owner) == before
