"""Recording what customers allow and forbid."""

import asyncio
from itertools import pairwise
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

RECORD = """
mutation ($input: RecordConsentInput!) {
  recordConsent(input: $input) {
    ... on RecordConsentPayload {
      consent { purpose granted channel staff { id } }
      customer { id consents { purpose granted } }
    }
    ... on Problem { code message field hint }
  }
}
"""
WHOSE = """
mutation ($input: RecordConsentInput!) {
  recordConsent(input: $input) {
    ... on RecordConsentPayload { customer { id } }
    ... on Problem { code }
  }
}
"""
HISTORY = """
query ($id: ID!, $purpose: ConsentPurpose!) {
  customer(id: $id) {
    consents(filter: {purpose: {eq: $purpose}}) { granted channel recordedAt }
    consentHistory(first: 2, filter: {purpose: {eq: $purpose}}) {
      totalCount nodes { granted channel recordedAt }
    }
  }
}
"""


def said(customer: Made, **values: Any) -> dict[str, Any]:
    """The mutation's input: the customer allows offers by e-mail, but for what is given."""
    return {
        "idempotencyKey": uuid4().hex,
        "customerId": customer.global_id,
        "purpose": "MARKETING_EMAIL",
        "granted": True,
        "channel": "BRANCH",
    } | values


async def record(client: Client, customer: Made, **values: Any) -> Any:
    return (await client.run(RECORD, input=said(customer, **values)))["recordConsent"]


async def test_the_newest_word_holds_and_the_older_ones_stay(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer()
    staff = await factory.responsible("RELATIONSHIP_MANAGER", customer)
    manager = client.as_(Role.RELATIONSHIP_MANAGER, staff)
    first = await record(manager, customer)
    told = first["consent"].pop("staff")
    assert told == {"id": Made("sta", staff, staff).global_id}
    assert first["consent"] == {"purpose": "MARKETING_EMAIL", "granted": True, "channel": "BRANCH"}
    oneself = client.as_(Role.CUSTOMER, customer.id)
    await record(oneself, customer, granted=False, channel="MOBILE")
    await record(manager, customer, purpose="PROFILING")
    last = await record(oneself, customer, channel="WEB")
    assert last["consent"]["staff"] is None
    assert sorted(map(orjson.dumps, last["customer"]["consents"])) == [
        b'{"purpose":"MARKETING_EMAIL","granted":true}',
        b'{"purpose":"PROFILING","granted":true}',
    ]
    seen = (await oneself.run(HISTORY, id=customer.global_id, purpose="MARKETING_EMAIL"))[
        "customer"
    ]
    (now,) = seen["consents"]
    assert (now["granted"], now["channel"]) == (True, "WEB")
    assert seen["consentHistory"]["totalCount"] == 3
    assert [each["channel"] for each in seen["consentHistory"]["nodes"]] == ["WEB", "MOBILE"]
    assert seen["consentHistory"]["nodes"][0] == now


async def test_what_is_forbidden_from_the_beginning_is_recorded(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer()
    oneself = client.as_(Role.CUSTOMER, customer.id)
    assert (await record(oneself, customer, granted=False))["consent"]["granted"] is False


async def test_saying_the_same_again_changes_nothing(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    command = said(customer)
    first = await manager.run(RECORD, input=command)
    before = await state(owner)
    refused = await record(manager, customer, channel="PHONE")
    assert (refused["code"], refused["field"]) == ("NOTHING_TO_CHANGE", None)
    # The same command again is the same answer, not a refusal.
    assert await manager.run(RECORD, input=command) == first
    assert await state(owner) == before


async def test_of_many_at_once_each_that_counts_changes_what_was(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    oneself = client.as_(Role.CUSTOMER, customer.id)
    answers = await asyncio.gather(
        *(record(oneself, customer, granted=place % 2 == 0) for place in range(20))
    )
    rows = await owner.fetch(
        "select granted from consent where customer_id = $1 order by recorded_at, id", customer.id
    )
    granted = [row["granted"] for row in rows]
    assert all(one is not other for one, other in pairwise(granted))
    refused = [answer["code"] for answer in answers if "code" in answer]
    assert set(refused) <= {"NOTHING_TO_CHANGE"}
    assert len(granted) + len(refused) == 20


@pytest.mark.parametrize("status", ["BLOCKED", "CLOSED"])
async def test_consent_can_be_taken_back_by_whoever_may_not_give_it(
    client: Client, factory: Factory, status: str
) -> None:
    customer = await factory.customer(status=status)
    manager = await manager_of(client, factory, customer)
    assert (await record(manager, customer))["code"] == "CUSTOMER_NOT_ACTIVE"
    taken_back = await record(manager, customer, granted=False)
    assert taken_back["consent"]["granted"] is False


async def test_an_erased_customer_says_nothing(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    manager = await manager_of(client, factory, customer)
    await factory.connection.execute("delete from customer_key where customer_id = $1", customer.id)
    refused = await record(manager, customer, granted=False)
    assert refused["code"] == "CUSTOMER_NOT_ACTIVE"


async def test_the_record_tells_before_and_after(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    customer = await factory.customer()
    await record(client.as_(Role.CUSTOMER, customer.id), customer)
    (told,) = await owner.fetch("select * from audit_record where customer_id = $1", customer.id)
    assert (told["actor_id"], told["role"]) == (customer.id, "CUSTOMER")
    assert (told["command"], told["event"]) == ("recordConsent", "consent.recorded")
    wrapped = await owner.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", customer.id
    )
    detail = keys.ring.cipher(customer.id, wrapped).decrypt(
        "audit_record.detail_ciphertext", told["id"], told["detail_ciphertext"]
    )
    assert orjson.loads(detail) == {"MARKETING_EMAIL": {"before": None, "after": True}}


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_record_consents(
    client: Client, factory: Factory, owner: asyncpg.Connection, role: Role
) -> None:
    """Whoever has the permission records those of customers in scope, and no others."""
    branch = await factory.branch()
    mine, other = await factory.customer(branch_id=branch.id), await factory.customer()
    subject = mine.id
    if role is not Role.CUSTOMER:
        staff = await factory.staff(role.value, branch)
        await factory.assign(mine, staff, role.value)
        await factory.service(mine, staff.id, role.value)
        subject = staff.id
    person = client.as_(role, subject)
    before = await state(owner)
    if role not in MATRIX[Permission.CONSENT_RECORD].clear:
        data, denied = await person.denied(WHOSE, input=said(mine))
        assert (data, denied) == ({"recordConsent": None}, ["recordConsent"])
        assert await state(owner) == before
        return
    assert (await person.run(WHOSE, input=said(other)))["recordConsent"] == {"code": "NOT_FOUND"}
    assert await state(owner) == before
    recorded = await person.run(WHOSE, input=said(mine))
    assert recorded == {"recordConsent": {"customer": {"id": mine.global_id}}}
    row = await owner.fetchrow("select * from consent where customer_id = $1", mine.id)
    assert row is not None
    assert row["staff_id"] == (None if role is Role.CUSTOMER else subject)


async def test_a_teller_records_what_a_teller_does_not_see(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer()
    staff = await factory.responsible("TELLER", customer)
    data, denied = await client.as_(Role.TELLER, staff).denied(RECORD, input=said(customer))
    assert data["recordConsent"] == {
        "consent": None,
        "customer": {"id": customer.global_id, "consents": None},
    }
    assert len(denied) == 2
