"""Showing one masked value: to whom, for what, for how long, and what stays of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
from row_world import World
from writing_support import detail_of, state

from app.auth.permissions import MATRIX, Permission, Role
from app.domain.reveal import RevealableField
from app.planner.global_id import format_id
from app.schema.reveal import MASKED

REVEAL = """
mutation ($input: RevealFieldInput!) {
  revealField(input: $input) {
    ... on RevealFieldPayload { value hideAt }
    ... on Problem { code message field hint }
  }
}
"""
TEXT = "The customer asks for a call back."
POSTS: Final = [role for role in Role if role in MATRIX[Permission.FIELD_REVEAL].clear]
ADDRESS: Final = "387 Wellington Ave., Unit 1, Albuquerque, NM, 47246, US"
_CONTACT: Final = {Role.TELLER, Role.SERVICE_AGENT, Role.WEALTH_ADVISOR, Role.LOAN_OFFICER}
_IDENTITY: Final = {
    Role.TELLER,
    Role.RELATIONSHIP_MANAGER,
    Role.LOAN_OFFICER,
    Role.BRANCH_MANAGER,
}
_NUMBERS: Final = {
    Role.RELATIONSHIP_MANAGER,
    Role.WEALTH_ADVISOR,
    Role.SERVICE_AGENT,
    Role.LOAN_OFFICER,
}
# Where each value stands, what it is, which permission guards it, and who sees it masked.
VALUES: Final[dict[str, tuple[Callable[[World], tuple[str, str, str]], str, set[Role]]]] = {
    "phone": (
        lambda world: (world.mine.customer.global_id, "PHONE", world.mine.phone),
        "CUSTOMER_CONTACT_READ",
        _CONTACT,
    ),
    "email": (
        lambda world: (world.mine.customer.global_id, "EMAIL", world.mine.email),
        "CUSTOMER_CONTACT_READ",
        _CONTACT,
    ),
    "address": (
        lambda world: (world.mine.customer.global_id, "ADDRESS", ADDRESS),
        "CUSTOMER_CONTACT_READ",
        _CONTACT,
    ),
    "national_id": (
        lambda world: (world.mine.customer.global_id, "NATIONAL_ID", world.mine.national_id),
        "CUSTOMER_IDENTITY_READ",
        _IDENTITY,
    ),
    "birth_date": (
        lambda world: (world.mine.customer.global_id, "BIRTH_DATE", "1990-12-13"),
        "CUSTOMER_IDENTITY_READ",
        _IDENTITY,
    ),
    "account number": (
        lambda world: (world.mine.account.global_id, "NUMBER", world.mine.account_number),
        "ACCOUNT_NUMBER_READ",
        _NUMBERS,
    ),
    "card number": (
        lambda world: (world.mine.owned[3].global_id, "NUMBER", "V00001005"),
        "CARD_NUMBER_READ",
        _NUMBERS | {Role.TELLER},
    ),
    "payee": (
        lambda world: (world.mine.owned[6].global_id, "PAYEE_ACCOUNT", "B-1"),
        "ACCOUNT_NUMBER_READ",
        # The service desk sees no standing orders.
        _NUMBERS - {Role.SERVICE_AGENT},
    ),
}


def asked(id: str, field: str, **values: Any) -> dict[str, Any]:  # noqa: A002  # Relay's name.
    given = {"id": id, "field": field, "reason": "CONTACT_CUSTOMER", "text": TEXT}
    return {"idempotencyKey": uuid4().hex, **given, **values}


async def reveal(client: Client, id: str, field: str, **values: Any) -> Any:  # noqa: A002
    return (await client.run(REVEAL, input=asked(id, field, **values)))["revealField"]


def phone(world: World) -> tuple[str, str]:
    return world.mine.customer.global_id, "PHONE"


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("role", POSTS)
async def test_what_a_post_sees_masked_is_shown(
    client: Client, factory: Factory, world: World, role: Role, what: str
) -> None:
    owner = factory.connection
    where, permission, posts = VALUES[what]
    row, field, value = where(world)
    person = world.as_(client, role)
    before = await state(owner)
    began = datetime.now(UTC)
    answer = await reveal(person, row, field, reason="VERIFY_IDENTITY")
    if role not in posts:
        assert (answer["code"], answer["field"]) == ("NOT_MASKED", "field")
        assert await state(owner) == before
        return
    assert answer["value"] == value
    assert datetime.fromisoformat(answer["hideAt"]) - began >= timedelta(seconds=59)
    assert datetime.fromisoformat(answer["hideAt"]) - began < timedelta(seconds=90)
    after = await state(owner)
    records = after.pop("audit_record")
    assert after | {"audit_record": before["audit_record"]} == before
    assert len(records) == len(before["audit_record"]) + 1
    (record,) = await owner.fetch(
        "select * from audit_record where customer_id = $1", world.mine.customer.id
    )
    told = (record["actor_id"], record["role"], record["command"], record["event"])
    assert told == (world.people[role], role.value, "revealField", "field.revealed")
    name = MASKED[row.partition("_")[0], RevealableField[field]].name
    assert record["fields"] == [permission, name]
    detail = orjson.loads(await detail_of(owner, factory.keys, record))
    assert detail == {"reason": "VERIFY_IDENTITY", "text": TEXT, "field": name}


@pytest.mark.parametrize("what", VALUES)
async def test_the_value_is_kept_nowhere(
    client: Client,
    factory: Factory,
    world: World,
    capsys: pytest.CaptureFixture[str],
    what: str,
) -> None:
    owner = factory.connection
    where, _, posts = VALUES[what]
    row, field, value = where(world)
    role = min(posts)
    assert (await reveal(world.as_(client, role), row, field))["value"] == value
    kept = [capsys.readouterr().err]
    for record in await owner.fetch(
        "select * from audit_record where actor_id = $1", world.people[role]
    ):
        kept += [repr(record), await detail_of(owner, factory.keys, record)]
    for table in ("idempotency_key", "audit_pending"):
        kept += map(repr, await owner.fetch(f"select * from {table}"))
    text = "".join(kept)
    assert "revealField" in text
    assert value not in text
    assert value.encode().hex() not in text


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_see_a_masked_value_and_how_signed_in(
    client: Client, factory: Factory, world: World, owner: asyncpg.Connection, role: Role
) -> None:
    subject = world.people.get(role) or (await factory.staff(role.value)).id
    before = await state(owner)
    given = asked(*phone(world))
    if role not in POSTS:
        data, denied = await client.as_(role, subject).denied(REVEAL, input=given)
        assert (data, denied) == ({"revealField": None}, ["revealField"])
    else:
        error = await client.as_(role, subject, strong=False).error(REVEAL, input=given)
        assert error["extensions"]["code"] == "STEP_UP_REQUIRED"
        assert error["path"] == ["revealField"]
    assert await state(owner) == before
    keys_of_person = "select count(*) from idempotency_key where actor_id = $1"
    assert await owner.fetchval(keys_of_person, subject) == 0


async def test_sent_again_it_is_checked_and_recorded_again(
    client: Client, world: World, owner: asyncpg.Connection
) -> None:
    """A replay shows what stands there by then, to whoever has the right to it by then."""
    person, subject = world.as_(client, Role.LOAN_OFFICER), world.people[Role.LOAN_OFFICER]
    manager = world.as_(client, Role.RELATIONSHIP_MANAGER)
    given = asked(*phone(world), idempotencyKey="again")
    count = "select count(*) from audit_record where actor_id = $1"

    async def again(viewer: Client = person) -> Any:
        return (await viewer.run(REVEAL, input=given))["revealField"]

    assert (await again())["value"] == world.mine.phone
    assert (await again())["value"] == world.mine.phone
    assert await owner.fetchval(count, subject) == 2
    changing = """
    mutation ($input: UpdateCustomerInput!) {
      updateCustomer(input: $input) { ... on UpdateCustomerPayload { customer { version } } }
    }
    """
    change = {"idempotencyKey": uuid4().hex, "id": world.mine.customer.global_id}
    change |= {"expectedVersion": 1, "phone": "+86 139 1234 5678"}  # type: ignore[dict-item]
    await manager.run(changing, input=change)
    assert (await again())["value"] == "+86 139 1234 5678"
    assert await owner.fetchval(count, subject) == 3

    weak = client.as_(Role.LOAN_OFFICER, subject, strong=False)
    error = await weak.error(REVEAL, input=given)
    assert error["extensions"]["code"] == "STEP_UP_REQUIRED"
    # The same person in a post that sees the number anyway.
    assert (await again(client.as_(Role.BRANCH_MANAGER, subject)))["code"] == "NOT_MASKED"
    await owner.execute("update staff set branch_id = null where id = $1", subject)
    assert (await again())["code"] == "NOT_FOUND"
    assert await owner.fetchval(count, subject) == 3
    kept = "select count(*) from idempotency_key where key = 'again' and actor_id = $1"
    assert await owner.fetchval(kept, subject) == 1


async def test_compliance_sees_what_was_revealed_to_whom(
    client: Client, factory: Factory, world: World
) -> None:
    teller = world.as_(client, Role.TELLER)
    for name in ("PHONE", "NATIONAL_ID", "PHONE"):
        assert "value" in await reveal(teller, world.mine.customer.global_id, name)
    officer = client.as_(Role.COMPLIANCE, (await factory.staff("COMPLIANCE")).id)
    query = """
    query ($ids: [ID!]!, $since: DateTime!, $until: DateTime!, $filter: AuditEntryFilter) {
      exposure(customerIds: $ids, from: $since, to: $until) {
        actorId role classes revealed operationCount
      }
      auditTrail(filter: $filter, sort: OLDEST) { nodes { fields } }
    }
    """
    now, customer = datetime.now(UTC), world.mine.customer.global_id
    given = {
        "ids": [customer],
        "since": (now - timedelta(minutes=5)).isoformat(),
        "until": (now + timedelta(minutes=5)).isoformat(),
        "filter": {"customerId": {"eq": customer}, "command": {"eq": "revealField"}},
    }
    told = await officer.run(query, **given)
    person = world.people[Role.TELLER]
    assert told["exposure"] == [
        {
            "actorId": format_id("sta", person, person),
            "role": "TELLER",
            "classes": ["CUSTOMER_CONTACT_READ", "CUSTOMER_IDENTITY_READ"],
            "revealed": ["nationalId", "phone"],
            "operationCount": 3,
        }
    ]
    assert [entry["fields"] for entry in told["auditTrail"]["nodes"]] == [
        ["CUSTOMER_CONTACT_READ", "phone"],
        ["CUSTOMER_IDENTITY_READ", "nationalId"],
        ["CUSTOMER_CONTACT_READ", "phone"],
    ]


async def test_a_refusal_is_not_taken_back(
    client: Client, world: World, owner: asyncpg.Connection
) -> None:
    person = world.as_(client, Role.TELLER)
    given = asked(*phone(world), text="brief")
    first = await person.run(REVEAL, input=given)
    assert first["revealField"]["code"] == "REASON_TOO_SHORT"
    before = await state(owner)
    assert await person.run(REVEAL, input=given) == first
    other = (await person.run(REVEAL, input=given | {"text": TEXT}))["revealField"]
    assert other["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await state(owner) == before


@pytest.mark.usefixtures("fences")
@pytest.mark.parametrize("role", POSTS)
async def test_nothing_is_shown_of_whom_the_viewer_does_not_see(
    client: Client, world: World, role: Role
) -> None:
    field = "PHONE" if role in _CONTACT else "NATIONAL_ID"
    if role in {Role.WEALTH_ADVISOR, Role.SERVICE_AGENT}:
        field = "EMAIL"
    answer = await reveal(world.as_(client, role), world.other.customer.global_id, field)
    assert (answer["code"], answer["field"]) == ("NOT_FOUND", "id")


async def test_whom_a_post_serves_for_a_while_counts(
    client: Client, factory: Factory, world: World
) -> None:
    teller = world.people[Role.TELLER]
    await factory.service(world.other.customer, teller, "TELLER")
    person = world.as_(client, Role.TELLER)
    answer = await reveal(person, world.other.customer.global_id, "EMAIL")
    assert answer["value"] == world.other.email


async def test_the_number_of_an_account_that_the_customer_only_uses_is_shown(
    client: Client, factory: Factory, world: World, owner: asyncpg.Connection
) -> None:
    await factory.hold(world.other.account, world.mine.customer)
    manager = world.as_(client, Role.RELATIONSHIP_MANAGER)
    answer = await reveal(manager, world.other.account.global_id, "NUMBER")
    assert answer["value"] == world.other.account_number
    refused = await reveal(manager, world.other.customer.global_id, "BIRTH_DATE")
    assert refused["code"] == "NOT_FOUND"
    concerned = await owner.fetchval(
        "select customer_id from audit_record where actor_id = $1",
        world.people[Role.RELATIONSHIP_MANAGER],
    )
    assert concerned == world.other.customer.id


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"text": "  too short  "}, ("REASON_TOO_SHORT", "text")),
        ({"field": "NUMBER"}, ("NOT_MASKED", "field")),
        ({"field": "PAYEE_ACCOUNT"}, ("NOT_MASKED", "field")),
        ({"id": "ticket"}, ("NOT_MASKED", "field")),
        ({"id": "cus_" + "0" * 32}, ("NOT_FOUND", "id")),
        ({"id": "bank"}, ("NOT_FOUND", "id")),
        ({"id": "erased"}, ("NOTHING_TO_REVEAL", "field")),
        ({"id": "without"}, ("NOTHING_TO_REVEAL", "field")),
    ],
)
async def test_what_is_not_shown(
    client: Client,
    factory: Factory,
    world: World,
    change: dict[str, str],
    expected: tuple[str, str],
) -> None:
    owner = factory.connection
    teller = world.people[Role.TELLER]
    erased, without = [await factory.customer() for _ in range(2)]
    for customer in (erased, without):
        await factory.assign(customer, Made("sta", teller, teller), "TELLER")
    await owner.execute("delete from customer_key where customer_id = $1", erased.id)
    await owner.execute("update customer set email_ciphertext = null where id = $1", without.id)
    ids = {
        "ticket": world.mine.owned[1].global_id,
        "bank": (await factory.bank()).global_id,
        "erased": erased.global_id,
        "without": without.global_id,
    }
    if "id" in change:
        change = {"id": ids.get(change["id"], change["id"])}
    before = await state(owner)
    given = asked(world.mine.customer.global_id, "EMAIL") | change
    data = await client.as_(Role.TELLER, teller).run(REVEAL, input=given)
    answer = data["revealField"]
    assert (answer["code"], answer["field"]) == expected
    assert await state(owner) == before


@pytest.mark.parametrize(
    "wrong",
    [{"id": "nobody"}, {"text": "x" * 501}, {"text": "a\x00 long enough text"}, {"field": "NAME"}],
)
async def test_what_cannot_be_meant_is_bad_input(
    client: Client, world: World, owner: asyncpg.Connection, wrong: dict[str, str]
) -> None:
    before = await state(owner)
    given = asked(*phone(world)) | wrong
    error = await world.as_(client, Role.TELLER).error(REVEAL, input=given)
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "BAD_REQUEST"}
    assert await state(owner) == before


def test_every_masked_field_can_be_asked_for_and_no_pseudonym() -> None:
    found = {(masked.projection.type_name, masked.name) for masked in MASKED.values()}
    assert found == {
        ("Account", "number"),
        ("Card", "number"),
        ("Customer", "address"),
        ("Customer", "birth_date"),
        ("Customer", "email"),
        ("Customer", "national_id"),
        ("Customer", "phone"),
        ("StandingOrder", "payee_account"),
        ("StandingOrder", "payee_name"),
        ("Transaction", "counterparty_account"),
        ("Transaction", "counterparty_name"),
    }
    assert {field for _, field in MASKED} == set(RevealableField)
