"""Serving customers who came or called, wherever in the bank they are: for a while, on record."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory
from issuer import Issuer
from row_world import World, shown
from service_support import BEGIN, POSTS, begin, end
from strawberry.utils.str_converters import to_snake_case
from writing_support import detail_of, state

from app.auth.permissions import Role
from app.db.keys import Keys
from app.planner.global_id import format_id

RUNNING = "{ begunServices { id endsAt customer { id } } }"
SEEN = """
query ($id: ID!, $account: ID!, $by: CustomerBy!, $number: String!) {
  customer(id: $id) { id accounts { id } }
  node(id: $account) { id }
  customerBy(by: $by) { id }
  accountBy(number: $number) { id }
}
"""


async def seen(viewer: Client, world: World) -> Any:
    """What of the other customer is visible by every way that leads there."""
    other = world.other
    return await shown(
        viewer,
        SEEN,
        id=other.customer.global_id,
        account=other.account.global_id,
        by={"nationalId": other.national_id},
        number=other.account_number,
    )


def everything(world: World) -> dict[str, Any]:
    customer, account = world.other.customer.global_id, world.other.account.global_id
    return {
        "customer": {"id": customer, "accounts": [{"id": account}]},
        "node": {"id": account},
        "customerBy": {"id": customer},
        "accountBy": {"id": account},
    }


NOTHING = dict.fromkeys(("customer", "node", "customerBy", "accountBy"))


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("role", POSTS)
async def test_a_service_brings_the_customer_into_scope_until_it_ends(
    client: Client, world: World, owner: asyncpg.Connection, keys: Keys, role: Role
) -> None:
    person = world.as_(client, role)
    colleague = client.as_(role, (await Factory(owner, keys).staff(role)).id)
    other_post = next(post for post in POSTS if post is not role)
    same_person = client.as_(other_post, world.people[role])
    assert await seen(person, world) == NOTHING
    begun = await begin(person, {"nationalId": world.other.national_id})
    assert begun["customer"]["id"] == world.other.customer.global_id
    assert await seen(person, world) == everything(world)
    assert await seen(colleague, world) == NOTHING
    assert await seen(same_person, world) == NOTHING
    assert (await same_person.run(RUNNING))["begunServices"] == []
    (running,) = (await person.run(RUNNING))["begunServices"]
    assert running == {
        "id": begun["service"]["id"],
        "endsAt": begun["service"]["endsAt"],
        "customer": {"id": world.other.customer.global_id},
    }
    await owner.execute(
        "update begun_service set begun_at = begun_at - interval '1 hour', ends_at = now()"
    )
    assert await seen(person, world) == NOTHING
    assert (await person.run(RUNNING))["begunServices"] == []


async def test_a_service_lasts_thirty_minutes_and_says_how_it_came_about(
    client: Client, factory: Factory, world: World
) -> None:
    teller, teller_id = world.as_(client, Role.TELLER), world.people[Role.TELLER]
    by = {"accountNumber": world.other.account_number}
    begun = await begin(teller, by, evidence="BANK_CARD", reason="ON_BEHALF")
    service = begun["service"]
    told = {name: service[name] for name in ("reason", "evidence", "role")}
    assert told == {"reason": "ON_BEHALF", "evidence": "BANK_CARD", "role": "TELLER"}
    assert service["staff"]["id"] == format_id("sta", teller_id, teller_id)
    lasts = datetime.fromisoformat(service["endsAt"]) - datetime.fromisoformat(service["begunAt"])
    assert lasts == timedelta(minutes=30)
    # What the post sees masked stays masked.
    assert begun["customer"]["phone"].startswith("•••")
    node = "query ($id: ID!) { node(id: $id) { ... on BegunService { endsAt } } }"
    assert (await teller.run(node, id=service["id"]))["node"] == {"endsAt": service["endsAt"]}
    stranger = await factory.responsible(Role.TELLER)
    data = await client.as_(Role.TELLER, stranger).run(node, id=service["id"])
    assert data["node"] is None


@pytest.mark.parametrize("kind", ["number", "nationalId", "phone", "email", "accountNumber"])
async def test_the_customer_is_found_by_any_complete_value_which_is_not_kept(
    client: Client, world: World, owner: asyncpg.Connection, keys: Keys, kind: str
) -> None:
    other = world.other
    value = {
        "number": other.number,
        "nationalId": other.national_id,
        "phone": other.phone,
        "email": other.email,
        "accountNumber": other.account_number,
    }[kind]
    teller = world.as_(client, Role.TELLER)
    begun = await begin(teller, {kind: value}, note="Lost the card on a journey.")
    assert begun["customer"]["id"] == other.customer.global_id
    (record,) = await owner.fetch(
        "select * from audit_record where customer_id = $1", other.customer.id
    )
    told = (record["actor_id"], record["role"], record["command"], record["event"])
    assert told == (world.people[Role.TELLER], "TELLER", "beginService", "service.begun")
    text = await detail_of(owner, keys, record)
    assert orjson.loads(text) == {
        "reason": "WALK_IN",
        "evidence": "IDENTITY_DOCUMENT",
        "note": "Lost the card on a journey.",
        "foundBy": to_snake_case(kind),
        "endsAt": begun["service"]["endsAt"].replace("Z", "+00:00"),
    }
    kept = [*await owner.fetch("select * from idempotency_key"), record, text]
    assert value not in "".join(map(repr, kept))


async def test_a_service_that_is_begun_again_takes_the_place_of_the_one_before(
    client: Client, world: World, owner: asyncpg.Connection
) -> None:
    teller = world.as_(client, Role.TELLER)
    by = {"number": world.other.number}
    first = await begin(teller, by)
    second = await begin(teller, by, reason="CALL")
    (running,) = (await teller.run(RUNNING))["begunServices"]
    assert running["id"] == second["service"]["id"] != first["service"]["id"]
    rows = await owner.fetch(
        "select * from begun_service where customer_id = $1 order by begun_at",
        world.other.customer.id,
    )
    assert [row["reason"] for row in rows] == ["WALK_IN", "CALL"]
    assert rows[0]["ends_at"] == rows[1]["begun_at"]
    assert await end(teller, first["service"]["id"]) == {"code": "SERVICE_ENDED", "field": "id"}


async def test_the_same_key_begins_one_service(
    client: Client, world: World, owner: asyncpg.Connection
) -> None:
    teller = world.as_(client, Role.TELLER)
    by = {"phone": world.other.phone}
    answers = await asyncio.gather(*(begin(teller, by, "once") for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    count = "select count(*) from begun_service where customer_id = $1"
    assert await owner.fetchval(count, world.other.customer.id) == 1
    assert (await begin(teller, {"number": world.other.number}, "once"))["code"] == (
        "IDEMPOTENCY_KEY_REUSED"
    )
    await end(teller, answers[0]["service"]["id"])
    # Sent again, it begins nothing: the answer is read with the rights of that moment.
    assert await begin(teller, by, "once") == {"service": None, "customer": None}
    assert await seen(teller, world) == NOTHING


@pytest.mark.parametrize("role", POSTS)
async def test_a_service_is_ended_early_by_whoever_began_it_in_that_post(
    client: Client, factory: Factory, world: World, owner: asyncpg.Connection, role: Role
) -> None:
    person = world.as_(client, role)
    service = (await begin(person, {"number": world.other.number}))["service"]["id"]
    other_post = next(post for post in POSTS if post is not role)
    colleague = (await factory.staff(role)).id
    before = await state(owner)
    for stranger in (
        client.as_(other_post, world.people[role]),
        client.as_(role, colleague),
    ):
        assert await end(stranger, service) == {"code": "NOT_FOUND", "field": "id"}
    assert await state(owner) == before
    assert await seen(person, world) == everything(world)
    assert await end(person, service, "end") == {"id": service}
    assert await seen(person, world) == NOTHING
    assert await end(person, service, "end") == {"id": service}
    assert await end(person, service) == {"code": "SERVICE_ENDED", "field": "id"}
    events = await owner.fetch(
        "select event from audit_record where customer_id = $1 order by recorded_at",
        world.other.customer.id,
    )
    assert [row["event"] for row in events] == ["service.begun", "service.ended"]


async def test_nobody_and_nobody_in_particular_are_not_served(
    client: Client, factory: Factory, world: World, owner: asyncpg.Connection, keys: Keys
) -> None:
    shared = f"shared-{uuid4().hex}@example.com"
    for _ in range(2):
        await factory.customer(email=shared)
    erased, without_key = [await factory.customer() for _ in range(2)]
    await owner.execute("update customer set erased_at = now() where id = $1", erased.id)
    await owner.execute("delete from customer_key where customer_id = $1", without_key.id)
    bank = await factory.bank()
    await owner.execute(
        "insert into national_id_index values ($1, $2) on conflict do nothing",
        keys.index.national_id("THE-BANK"),
        bank.id,
    )
    number = "select number from customer where id = $1"
    refused = [
        ({"number": "nobody"}, "NOT_FOUND", "by.number"),
        ({"nationalId": "THE-BANK"}, "NOT_FOUND", "by.nationalId"),
        ({"number": await owner.fetchval(number, erased.id)}, "NOT_FOUND", "by.number"),
        ({"number": await owner.fetchval(number, without_key.id)}, "NOT_FOUND", "by.number"),
        ({"email": shared}, "SEVERAL_CUSTOMERS", "by.email"),
    ]
    teller = world.as_(client, Role.TELLER)
    before = await state(owner)
    for by, code, field in refused:
        answer = await begin(teller, by)
        assert (answer["code"], answer["field"]) == (code, field)
    assert await state(owner) == before


@pytest.mark.parametrize("status", ["BLOCKED", "CLOSED"])
async def test_whoever_has_no_business_with_the_bank_any_more_is_served(
    client: Client, factory: Factory, world: World, status: str
) -> None:
    customer = await factory.customer(status=status)
    email = f"{customer.id.hex[-12:]}@example.com"
    begun = await begin(world.as_(client, Role.TELLER), {"email": email})
    assert begun["customer"]["id"] == customer.global_id


async def test_nobody_serves_oneself(
    issuer: Issuer, client_of_issuer: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer, staff = await factory.customer(), await factory.staff("TELLER")
    token = issuer.token(
        customer_id=str(customer.id),
        staff_id=str(staff.id),
        roles=["TELLER", "CUSTOMER"],
        role="TELLER",
    )
    client_of_issuer.headers["authorization"] = f"Bearer {token}"
    before = await state(owner)
    by = {"email": f"{customer.id.hex[-12:]}@example.com"}
    answer = await begin(client_of_issuer, by)
    assert (answer["code"], answer["field"]) == ("CUSTOMER_IS_ONESELF", "by.email")
    assert await state(owner) == before


async def test_a_later_part_of_an_operation_sees_what_an_earlier_one_did(
    client: Client, world: World
) -> None:
    teller = world.as_(client, Role.TELLER)
    both = """
    mutation ($begin: BeginServiceInput!, $end: EndServiceInput!) {
      first: beginService(input: $begin) { ... on BeginServicePayload { customer { id } } }
      endService(input: $end) { ... on EndServicePayload { id } }
      again: beginService(input: $begin) { ... on BeginServicePayload { customer { id } } }
    }
    """
    given = {
        "idempotencyKey": "twice",
        "by": {"number": world.other.number},
        "evidence": "CALL_BACK",
        "reason": "CALL",
    }
    data = await teller.run(BEGIN, input=given)
    service = data["beginService"]["service"]["id"]
    ending = {"idempotencyKey": "end", "id": service}
    data = await teller.run(both, begin=given, end=ending)
    assert data["first"]["customer"] == {"id": world.other.customer.global_id}
    assert data["again"]["customer"] is None


async def test_what_the_customer_was_found_by_is_told_to_the_audit(
    client: Client, factory: Factory, world: World
) -> None:
    await begin(world.as_(client, Role.TELLER), {"phone": world.other.phone})
    query = """
    query ($ids: [ID!]!) {
      exposure(customerIds: $ids, from: "2020-01-01T00:00:00Z", to: "2999-01-01T00:00:00Z") {
        role classes lookedUpBy
      }
    }
    """
    officer = client.as_(Role.COMPLIANCE, (await factory.staff("COMPLIANCE")).id)
    (shown_,) = (await officer.run(query, ids=[world.other.customer.global_id]))["exposure"]
    assert shown_ == {
        "role": "TELLER",
        # The answer shows the name in clear; the number is masked.
        "classes": ["CUSTOMER_LOOK_UP", "CUSTOMER_NAME_READ"],
        "lookedUpBy": ["PHONE"],
    }
