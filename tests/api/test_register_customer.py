"""Taking on a customer."""

import asyncio
from datetime import date
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory, Made
from registration_support import REGISTER, applicant, register, resident_id
from stdnum.iso7064 import mod_11_10
from writing_support import state

from app.auth.permissions import MATRIX, Permission, Role
from app.db.keys import Keys
from app.planner.global_id import GlobalId

ADDRESS = {"line1": "1 Bund", "city": "Shanghai", "country": "CN"}
ALL: dict[str, Any] = {
    "occupation": "Pilot",
    "phone": "+86 13912345678",
    "email": "Fang@example.com",
    "address": ADDRESS,
    "language": "zh-CN",
    "preferredChannel": "MOBILE",
}
SEEN = """
query ($id: ID!) {
  customer(id: $id) {
    name birthDate nationalId phone email address { line1 city country } language preferredChannel
    relationshipManager { id }
  }
}
"""


async def staff_of(client: Client, factory: Factory, role: Role) -> tuple[Client, Made, Made]:
    """Somebody in a post, who it is, and the branch."""
    branch = await factory.branch()
    staff = await factory.staff(role.value, branch)
    return client.as_(role, staff.id), staff, branch


async def test_a_teller_sees_whom_they_took_on(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    teller, staff, branch = await staff_of(client, factory, Role.TELLER)
    today = await owner.fetchval(
        "select coalesce((select current_on from business_date), current_date)"
    )
    made = (await register(teller, name="  王 小芳\t", **ALL))["customer"]
    number = made.pop("number")
    assert number.startswith("B")
    assert mod_11_10.is_valid(number[1:])
    assert made.pop("age") in range(30, 60)
    row = GlobalId.parse(made.pop("id")).id
    assert made == {
        "type": "INDIVIDUAL",
        "name": "王 小芳",
        "gender": "FEMALE",
        "occupation": "Pilot",
        "status": "ACTIVE",
        "kycStatus": "PENDING",
        "tier": "NORMAL",
        "customerSince": today.isoformat(),
        "branch": {"id": branch.global_id},
        "version": 1,
    }
    service = await owner.fetchrow("select * from begun_service where customer_id = $1", row)
    assert service is not None
    assert (service["staff_id"], service["role"]) == (staff.id, "TELLER")
    assert (service["evidence"], service["reason"]) == ("IDENTITY_DOCUMENT", "WALK_IN")
    assert (service["ends_at"] - service["begun_at"]).total_seconds() == 1800
    assert not await owner.fetch("select from assignment where customer_id = $1", row)


async def test_a_manager_who_registers_somebody_becomes_their_manager(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    manager, staff, _ = await staff_of(client, factory, Role.RELATIONSHIP_MANAGER)
    given = applicant(**ALL)
    made = (await register(manager, **given))["customer"]
    seen = (await client.run(SEEN, id=made["id"]))["customer"]
    assert seen == {
        "name": "王小芳",
        "birthDate": given["birthDate"],
        "nationalId": given["nationalId"]["value"],
        "phone": "+86 139 1234 5678",
        "email": "Fang@example.com",
        "address": ADDRESS,
        "language": "zh-CN",
        "preferredChannel": "MOBILE",
        "relationshipManager": {"id": staff.global_id},
    }
    # The assignment is enough, and ends when somebody else becomes the manager.
    row = GlobalId.parse(made["id"]).id
    assert not await owner.fetch("select from begun_service where customer_id = $1", row)


async def test_a_manager_registers_for_another_branch_without_becoming_the_manager(
    client: Client, factory: Factory
) -> None:
    manager, _, _ = await staff_of(client, factory, Role.RELATIONSHIP_MANAGER)
    other = await factory.branch()
    made = (await register(manager, branchId=other.global_id))["customer"]
    assert made["branch"] == {"id": other.global_id}
    seen = (await client.run(SEEN, id=made["id"]))["customer"]
    assert seen["relationshipManager"] is None


async def test_the_new_customer_is_found_by_every_complete_value(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    teller, _, _ = await staff_of(client, factory, Role.TELLER)
    given = applicant(name="Anna Maria Berg", phone="+86 139 7654 3210", email="a.b@example.org")
    made = (await register(teller, **given))["customer"]
    look_up = "query ($by: CustomerBy!) { customerBy(by: $by) { id } }"
    for by in (
        {"number": made["number"]},
        {"nationalId": given["nationalId"]["value"].lower()},
        {"phone": "+8613976543210"},
        {"email": "A.B@Example.org"},
    ):
        assert (await client.run(look_up, by=by))["customerBy"] == {"id": made["id"]}
    digest = keys.index.name_prefix("Mari")
    found = await owner.fetch("select customer_id from name_index where digest = $1", digest)
    assert GlobalId.parse(made["id"]).id in {row["customer_id"] for row in found}


async def test_a_business_has_a_code_and_neither_birth_date_nor_gender(
    client: Client, factory: Factory
) -> None:
    teller, _, _ = await staff_of(client, factory, Role.TELLER)
    code = {"country": "CN", "value": "91110000600037341L"}
    company = {"idempotencyKey": "c", "type": "BUSINESS", "name": "华夏 1 号公司"}
    data = await teller.run(REGISTER, input=company | {"nationalId": code})
    made = data["registerCustomer"]["customer"]
    assert (made["type"], made["age"], made["gender"]) == ("BUSINESS", None, None)


async def test_a_family_may_share_telephone_and_mailbox(client: Client, factory: Factory) -> None:
    teller, _, _ = await staff_of(client, factory, Role.TELLER)
    shared = {"phone": "+1 202-456-1111", "email": "family@example.com"}
    one, other = await register(teller, **shared), await register(teller, **shared)
    assert one["customer"]["id"] != other["customer"]["id"]


BORN = date(1975, 5, 5)
WOMAN = resident_id(BORN, 17)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": " "}, ("INVALID_NAME", "name")),
        ({"name": "123"}, ("INVALID_NAME", "name")),
        ({"name": "a" * 201}, ("INVALID_NAME", "name")),
        ({"name": "a\x00b"}, ("INVALID_NAME", "name")),
        ({"occupation": ""}, ("INVALID_OCCUPATION", "occupation")),
        ({"birthDate": None}, ("INVALID_BIRTH_DATE", "birthDate")),
        ({"birthDate": "9999-01-01"}, ("INVALID_BIRTH_DATE", "birthDate")),
        ({"birthDate": "1800-01-01"}, ("INVALID_BIRTH_DATE", "birthDate")),
        ({"birthDate": "1975-05-06"}, ("IDENTITY_NOT_MATCHING", "birthDate")),
        ({"gender": "MALE"}, ("IDENTITY_NOT_MATCHING", "gender")),
        ({"gender": "OTHER"}, ("IDENTITY_NOT_MATCHING", "gender")),
        (
            {"nationalId": {"country": "CN", "value": WOMAN[:-2] + "00"}},
            ("INVALID_NATIONAL_ID", "nationalId.value"),
        ),
        (
            {"nationalId": {"country": "US", "value": WOMAN}},
            ("INVALID_NATIONAL_ID", "nationalId.value"),
        ),
        (
            {"nationalId": {"country": "CN", "value": "a\x00"}},
            ("INVALID_NATIONAL_ID", "nationalId.value"),
        ),
        (
            {"nationalId": {"country": "XX", "value": WOMAN}},
            ("COUNTRY_NOT_SUPPORTED", "nationalId.country"),
        ),
        ({"type": "BUSINESS"}, ("NOT_A_PERSON", "birthDate")),
        ({"type": "BUSINESS", "birthDate": None}, ("NOT_A_PERSON", "gender")),
        (
            {"type": "BUSINESS", "birthDate": None, "gender": None, "occupation": "Pilot"},
            ("NOT_A_PERSON", "occupation"),
        ),
        (
            {"type": "BUSINESS", "birthDate": None, "gender": None},
            ("INVALID_NATIONAL_ID", "nationalId.value"),
        ),
        ({"phone": "13912345678"}, ("INVALID_PHONE", "phone")),
        ({"phone": ""}, ("INVALID_PHONE", "phone")),
        ({"email": "nobody"}, ("INVALID_EMAIL", "email")),
        ({"address": ADDRESS | {"city": ""}}, ("INVALID_ADDRESS", "address.city")),
        ({"language": "Chinese please"}, ("INVALID_LANGUAGE", "language")),
        ({"branchId": f"bra_{uuid4().hex}"}, ("NOT_FOUND", "branchId")),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(
    client: Client,
    factory: Factory,
    owner: asyncpg.Connection,
    values: dict[str, Any],
    problem: tuple[str, str],
) -> None:
    teller, _, _ = await staff_of(client, factory, Role.TELLER)
    given = {"birthDate": BORN.isoformat(), "nationalId": {"country": "CN", "value": WOMAN}}
    before = await state(owner)
    refused = await register(teller, **given | values)
    assert (refused["code"], refused["field"]) == problem
    assert await state(owner) == before


async def test_a_known_identity_is_refused_without_a_word_about_whose_it_is(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    known = applicant()
    first, _, _ = await staff_of(client, factory, Role.TELLER)
    stranger, _, _ = await staff_of(client, factory, Role.RELATIONSHIP_MANAGER)
    made = (await register(first, **known))["customer"]
    before = await state(owner)
    number = known["nationalId"]["value"]
    answers = [
        # Also however it is typed, and whoever is said to have it.
        await register(client_, **known | {"name": "Somebody Else", "nationalId": typed})
        for client_ in (first, stranger)
        for typed in (
            known["nationalId"],
            {"country": "CN", "value": f" {number[:6]} {number[6:]}"},
        )
    ]
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["code"], answers[0]["field"]) == ("ALREADY_REGISTERED", "nationalId")
    told = orjson.dumps(answers).decode()
    assert made["id"] not in told
    assert number not in told
    assert await state(owner) == before


async def test_an_identity_that_was_imported_is_known(client: Client, factory: Factory) -> None:
    await factory.customer(national_id="536-90-4399")
    teller, _, _ = await staff_of(client, factory, Role.TELLER)
    given: dict[str, Any] = {"nationalId": {"country": "US", "value": "536 904399"}}
    assert (await register(teller, **given))["code"] == "ALREADY_REGISTERED"


async def test_of_twenty_at_once_one_registers_the_person(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    known = applicant()
    teller, _, _ = await staff_of(client, factory, Role.TELLER)
    answers = await asyncio.gather(*(register(teller, **known) for _ in range(20)))
    codes = [answer.get("code") for answer in answers]
    assert sorted(codes, key=str) == ["ALREADY_REGISTERED"] * 19 + [None]
    (made,) = [answer["customer"] for answer in answers if "customer" in answer]
    found = await owner.fetch(
        "select customer_id from national_id_index where digest = $1",
        keys.index.national_id(known["nationalId"]["value"]),
    )
    assert [row["customer_id"] for row in found] == [GlobalId.parse(made["id"]).id]


async def test_the_same_command_registers_once(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    known = applicant()
    teller, _, _ = await staff_of(client, factory, Role.TELLER)
    answers = await asyncio.gather(*(register(teller, "once", **known) for _ in range(20)))
    assert answers[0]["customer"]["name"] == known["name"]
    assert all(answer == answers[0] for answer in answers)
    row = GlobalId.parse(answers[0]["customer"]["id"]).id
    records = await owner.fetch("select from audit_record where customer_id = $1", row)
    assert len(records) == 1
    # When the service is over, the answer is nobody's any more.
    await owner.execute(
        "update begun_service set begun_at = begun_at - interval '1 hour',"
        " ends_at = ends_at - interval '1 hour' where customer_id = $1",
        row,
    )
    assert await register(teller, "once", **known) == {"customer": None}


async def test_no_personal_value_is_stored_in_clear(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    teller, staff, branch = await staff_of(client, factory, Role.TELLER)
    secret = {"name": "Zephyrine Quagmire", "phone": "+86 139 1357 2468"} | {
        "email": "zephyrine@example.com",
        "address": ADDRESS | {"line1": "99 Xylophone Street"},
    }
    given = applicant(**secret)
    made = (await register(teller, **given))["customer"]
    row = GlobalId.parse(made["id"]).id
    clear = (
        "Zephyrine",
        "139 1357 2468",
        "13913572468",
        "zephyrine",
        "Xylophone",
        given["nationalId"]["value"],
    )
    tables = [
        record["table_name"]
        for record in await owner.fetch(
            "select table_name from information_schema.tables where table_schema = 'public'"
        )
    ]
    for table in tables:
        dump = await owner.fetchval(f"select string_agg(t::text, ' ') from {table} t") or ""
        assert not [value for value in clear if value in dump], table
    (record,) = await owner.fetch("select * from audit_record where customer_id = $1", row)
    told = (record["actor_id"], record["role"], record["command"], record["event"])
    assert told == (staff.id, "TELLER", "registerCustomer", "customer.registered")
    assert "national_id" in record["fields"]
    wrapped = await owner.fetchval("select wrapped_key from customer_key where customer_id=$1", row)
    detail = orjson.loads(
        keys.ring.cipher(row, wrapped).decrypt(
            "audit_record.detail_ciphertext", record["id"], record["detail_ciphertext"]
        )
    )
    assert detail["name"] == {"before": None, "after": "Zephyrine Quagmire"}
    assert detail["branch_id"] == {"before": None, "after": str(branch.id)}


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_take_a_customer_on(
    client: Client, factory: Factory, owner: asyncpg.Connection, role: Role
) -> None:
    person, _, _ = await staff_of(client, factory, role)
    before = await state(owner)
    if role in MATRIX[Permission.CUSTOMER_REGISTER].clear:
        made = (await register(person))["customer"]
        assert made["status"] == "ACTIVE"
        assert await state(owner) != before
        return
    given = applicant() | {"idempotencyKey": "x"}
    data, denied = await person.denied(REGISTER, input=given)
    assert (data, denied) == ({"registerCustomer": None}, ["registerCustomer"])
    assert await state(owner) == before


async def test_a_registrar_works_for_the_bank_and_names_a_branch(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    assert (await register(client.as_(Role.TELLER)))["code"] == "STAFF_NOT_FITTING"
    gone, staff, branch = await staff_of(client, factory, Role.TELLER)
    await owner.execute("update staff set active = false where id = $1", staff.id)
    assert (await register(gone))["code"] == "STAFF_NOT_FITTING"

    nowhere = await factory.staff("TELLER")
    teller = client.as_(Role.TELLER, nowhere.id)
    refused = await register(teller)
    assert (refused["code"], refused["field"]) == ("BRANCH_MISSING", "branchId")
    made = (await register(teller, branchId=branch.global_id))["customer"]
    assert made["branch"] == {"id": branch.global_id}
