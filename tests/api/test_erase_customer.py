"""Destroying a customer's personal data."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
from approval_support import approve, found
from client import Client
from erasure_support import ERASE, LONG_AGO, ask_to_erase, erase, former_customer, officer
from factories import Factory
from writing_support import state

from app.auth.permissions import MATRIX, Access, Permission, Role, access
from app.db.keys import Keys
from app.db.loading import ledger_sums

GONE = ("customer_key", "national_id_index", "contact_index", "name_index")
TOLD = ("actor_id", "command", "event", "fields")
LINKS = ("segment_membership", "assignment", "relationship")


async def test_what_names_or_describes_a_customer_goes_and_the_ledger_stays(
    client: Client, factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    customer = await former_customer(factory)
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    postings = await owner.fetch("select * from posting order by id")
    wrapped = await owner.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", customer.id
    )
    await compliance.run("query ($id: ID!) { customer(id: $id) { name } }", id=customer.global_id)
    assert (customer.id, wrapped) in keys.ring._ciphers

    answer = await erase(compliance, customer)
    assert answer["customer"] == {
        "id": customer.global_id,
        "version": 2,
        "status": "CLOSED",
        "name": None,
        "phone": None,
        "email": None,
        "nationalId": None,
        "birthDate": None,
        "address": None,
    }
    for table in (*GONE, *LINKS):
        count = f"select count(*) from {table} where customer_id = $1"
        assert await owner.fetchval(count, customer.id) == 0, table
    links = "select count(*) from relationship where related_customer_id = $1"
    assert await owner.fetchval(links, customer.id) == 0
    row = await owner.fetchrow("select * from customer where id = $1", customer.id)
    assert row is not None
    assert row["erased_at"] is not None
    assert not [name for name in row.keys() if name.endswith("_ciphertext") and row[name]]  # noqa: SIM118
    assert (row["gender"], row["occupation"], row["language"]) == (None, None, None)
    assert (customer.id, wrapped) not in keys.ring._ciphers

    assert await owner.fetch("select * from posting order by id") == postings
    assert set((await ledger_sums(owner)).values()) <= {Decimal(0)}
    found = "query ($by: CustomerBy!) { customerBy(by: $by) { id } }"
    for by in (
        {"phone": f"367-{int(customer.id.hex[-8:], 16)}"},
        {"email": f"{customer.id.hex[-12:]}@example.com"},
    ):
        assert (await compliance.run(found, by=by))["customerBy"] is None


async def test_the_records_say_why_and_hold_nothing_personal(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await former_customer(factory)
    maker, checker = [await factory.staff("COMPLIANCE") for _ in range(2)]
    asked = await ask_to_erase(officer(client, maker.id), customer, reason="COURT_ORDER")
    await approve(officer(client, checker.id), asked["approval"]["id"])
    records = await owner.fetch(
        "select * from audit_record where customer_id = $1 and kind = 'WRITE' order by id",
        customer.id,
    )
    request = ["COMMAND:eraseCustomer", f"MAKER:{maker.global_id}"]
    effect = ["COURT_ORDER", f"APPROVED_BY:{checker.global_id}"]
    asked_of = [field["field"] for field in asked["approval"]["diff"]]
    assert [tuple(record[name] for name in TOLD) for record in records] == [
        (maker.id, "eraseCustomer", "approval.requested", asked_of),
        (checker.id, "approveRequest", "approval.approved", request),
        (maker.id, "eraseCustomer", "customer.erased", effect),
    ]
    assert {record["role"] for record in records} == {"COMPLIANCE"}
    assert {record["detail_ciphertext"] for record in records} == {None}
    # The effect is the maker's command, so it has the hash of what the maker sent.
    assert records[0]["payload_hash"] == records[2]["payload_hash"] != records[1]["payload_hash"]


async def test_the_request_shows_what_goes_and_cannot_be_read_once_it_is_gone(
    client: Client, factory: Factory
) -> None:
    customer = await former_customer(factory)
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    asked = (await ask_to_erase(compliance, customer))["approval"]
    shown = {each.pop("field"): each for each in asked["diff"]}
    assert shown["reason"] == {"before": None, "after": "CUSTOMER_REQUEST"}
    assert shown["status"] == {"before": "ACTIVE", "after": "CLOSED"}
    assert shown["name"] == {"before": "Emma Avaya Smith", "after": None}
    assert shown["birthDate"] == {"before": "1990-12-13", "after": None}
    assert shown["address"] == {
        "before": "387 Wellington Ave., Unit 1, Albuquerque, NM, 47246, US",
        "after": None,
    }
    other = (await ask_to_erase(compliance, customer))["approval"]["id"]
    await approve(compliance.as_(Role.COMPLIANCE), asked["id"])
    done, ended = await found(compliance, asked["id"]), await found(compliance, other)
    assert (done["state"], done["diff"], done["resultId"]) == (
        "APPROVED",
        None,
        customer.global_id,
    )
    # What else waited for the customer has nothing left to be about.
    assert (ended["state"], ended["diff"], ended["decidedBy"]) == ("STALE", None, None)


async def test_the_same_command_twice_is_one_erasure(client: Client, factory: Factory) -> None:
    customer = await former_customer(factory)
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    first = (await ask_to_erase(compliance, customer, "once"))["approval"]
    assert (await ask_to_erase(compliance, customer, "once"))["approval"] == first
    await approve(compliance.as_(Role.COMPLIANCE), first["id"])
    again = (await ask_to_erase(compliance, customer, "once"))["approval"]
    assert (again["id"], again["state"]) == (first["id"], "APPROVED")
    assert (await erase(compliance, customer, expectedVersion=2))["code"] == "CUSTOMER_NOT_ACTIVE"


@pytest.mark.parametrize(
    "business",
    ["account", "balance", "loan", "written off", "ticket", "card", "order", "holding", "held"],
)
async def test_who_has_business_is_not_erased(
    client: Client, factory: Factory, owner: asyncpg.Connection, business: str
) -> None:
    customer = await former_customer(factory)
    closed = await owner.fetchval("select id from account where customer_id = $1", customer.id)
    if business == "account":
        await factory.account(customer)
    elif business == "balance":
        await owner.execute("update account set balance = 0.01 where id = $1", closed)
    elif business == "loan":
        await factory.loan(customer, paid=3)
    elif business == "written off":
        await factory.loan(customer, paid=3, status="WRITTEN_OFF")
    elif business == "ticket":
        await factory.ticket(customer)
    elif business == "held":
        other = await factory.customer()
        account = await factory.account(other)
        await factory.insert(
            "held_account",
            customer_id=customer.id,
            owner_id=other.id,
            account_id=account.id,
            role="AUTHORISED_USER",
        )
    else:
        await _insert(factory, business, customer.id, closed)
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    before = await state(owner)
    for reason in ("CUSTOMER_REQUEST", "COURT_ORDER"):
        assert await erase(compliance, customer, reason=reason) == {
            "code": "HAS_BUSINESS",
            "field": None,
        }
    assert await state(owner) == before


async def _insert(factory: Factory, business: str, customer: object, account: object) -> None:
    ids = {"customer_id": customer, "id": uuid4()}
    if business == "card":
        await factory.insert(
            "card",
            **ids,
            account_owner_id=customer,
            account_id=account,
            level="STANDARD",
            status="ACTIVE",
            issued_on=LONG_AGO,
            source="BANK360",
        )
    elif business == "order":
        await factory.insert(
            "standing_order",
            **ids,
            account_id=account,
            purpose="HOUSEHOLD",
            amount=Decimal(1),
            currency="USD",
            frequency="MONTHLY",
            status="ACTIVE",
            source="BANK360",
        )
    else:
        product = uuid4()
        await factory.insert(
            "product", id=product, code=product.hex, name="Fund", kind="FUND", currency="USD"
        )
        await factory.insert(
            "holding", **ids, product_id=product, units=Decimal(1), cost=Decimal(1), currency="USD"
        )


async def test_the_law_keeps_data_for_ten_years_unless_a_court_says_otherwise(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    today = await owner.fetchval(
        "select coalesce((select current_on from business_date), current_date)"
    )
    customer = await former_customer(factory, ended_on=today - timedelta(days=9 * 365))
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    before = await state(owner)
    for reason in ("CUSTOMER_REQUEST", "RETENTION_ENDED"):
        refused = await erase(compliance, customer, reason=reason)
        assert refused == {"code": "RETENTION_RUNS", "field": "reason"}
    assert await state(owner) == before
    erased = await erase(compliance, customer, reason="COURT_ORDER")
    assert erased["customer"]["status"] == "CLOSED"


async def test_whom_the_bank_looks_into_is_not_erased(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer(status="BLOCKED")
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    before = await state(owner)
    assert (await erase(compliance, customer))["code"] == "CUSTOMER_NOT_ACTIVE"
    other = await factory.customer()
    before = await state(owner)
    stale = await erase(compliance, other, expectedVersion=2)
    assert stale == {"code": "STALE_VERSION", "field": "expectedVersion"}
    assert await state(owner) == before


async def test_the_bank_itself_is_not_there(client: Client, factory: Factory) -> None:
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    assert (await erase(compliance, await factory.bank()))["code"] == "NOT_FOUND"


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_erase(
    client: Client, factory: Factory, owner: asyncpg.Connection, role: Role
) -> None:
    branch = await factory.branch()
    customer = await factory.customer(branch_id=branch.id)
    subject = customer.id
    if role is not Role.CUSTOMER:
        staff = await factory.staff(role.value, branch)
        await factory.assign(customer, staff, role.value)
        subject = staff.id
    given = {"idempotencyKey": uuid4().hex, "expectedVersion": 1, "reason": "CUSTOMER_REQUEST"}
    given["id"] = customer.global_id
    before = await state(owner)
    for strong in (False, True):
        person = client.as_(role, subject, strong=strong)
        allowed = access(Permission.CUSTOMER_ERASE, role, strong=strong)
        if allowed is Access.CLEAR:
            data = await person.run(ERASE, input=given)
            assert data["eraseCustomer"]["approval"]["state"] == "PENDING"
            continue
        error = await person.error(ERASE, input=given)
        expected = "STEP_UP_REQUIRED" if allowed is Access.STEP_UP else "FORBIDDEN"
        assert error["extensions"]["code"] == expected
        assert await state(owner) == before
    assert MATRIX[Permission.CUSTOMER_ERASE].clear == {Role.COMPLIANCE}
