"""Giving out all that the bank holds of a customer."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from client import Client
from erasure_support import erase, former_customer, officer
from factories import ADDRESS, Factory, Made
from sqlmodel import SQLModel
from writing_support import state

from app.auth.permissions import MATRIX, Access, DataClass, Permission, Role, access
from app.db import export
from app.resolvers.personal_data import PERSONAL

EXPORT = """
mutation ($input: ExportCustomerDataInput!) {
  exportCustomerData(input: $input) {
    ... on ExportCustomerDataPayload {
      export { document producedAt sections { name rows sha256 } }
    }
    ... on Problem { code }
  }
}
"""


async def ask(client: Client, customer: Made, key: str = "") -> Any:
    given = {"id": customer.global_id, "idempotencyKey": key or uuid4().hex}
    return (await client.run(EXPORT, input=given))["exportCustomerData"]


async def test_a_customer_is_given_everything_in_clear(client: Client, factory: Factory) -> None:
    customer = await factory.customer(email="emma@example.com", phone="367-171-6845")
    account = await factory.account(customer, number="A-55001234")
    await factory.postings(account, "10.10", "-0.05")
    ticket = await factory.ticket(customer)
    await factory.comment(ticket, "Where is my card?", internal=False)
    await factory.comment(ticket, "Not a nice person", internal=True)
    await factory.call(customer, datetime(2018, 1, 1, tzinfo=UTC), "Asked about a card")
    stranger = await factory.account(await factory.customer(), number="A-99999999")
    await factory.postings(stranger, "77.77")

    answer = await ask(client.as_(Role.CUSTOMER, customer.id), customer)
    document = json.loads(answer["export"]["document"])
    sections = document["sections"]
    (profile,) = sections["customer"]
    shown = (profile["name"], profile["email"], profile["phone"], profile["birthDate"])
    assert shown == ("Emma Avaya Smith", "emma@example.com", "367-171-6845", "1990-12-13")
    assert profile["address"] == ADDRESS
    assert [row["number"] for row in sections["account"]] == ["A-55001234"]
    assert sorted(row["amount"] for row in sections["posting"]) == ["-0.05", "10.10"]
    assert [row["body"] for row in sections["ticketComment"]] == ["Where is my card?"]
    assert [row["text"] for row in sections["interaction"]] == ["Asked about a card"]
    for hidden in ("Not a nice person", "A-99999999", "77.77", "wrappedKey", "iphertext"):
        assert hidden not in answer["export"]["document"]


async def test_the_manifest_tells_what_stands_in_the_document(
    client: Client, factory: Factory
) -> None:
    customer = await former_customer(factory)
    staff = await factory.staff("COMPLIANCE")
    began = datetime.now(UTC)
    answer = (await ask(officer(client, staff.id), customer))["export"]
    document = json.loads(answer["document"])
    manifest = document["manifest"]
    assert manifest["customer"] == customer.global_id
    assert manifest["producedBy"] == {"id": str(staff.id), "role": "COMPLIANCE"}
    assert manifest["sections"] == answer["sections"]
    at = datetime.fromisoformat(manifest["producedAt"])
    assert began <= at <= datetime.now(UTC)
    assert datetime.fromisoformat(answer["producedAt"]) == at
    assert [section["name"] for section in manifest["sections"]] == list(document["sections"])
    for section in manifest["sections"]:
        rows = document["sections"][section["name"]]
        text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        assert f'"{section["name"]}":{text}' in answer["document"]
        assert (section["rows"], section["sha256"]) == (
            len(rows),
            sha256(text.encode()).hexdigest(),
        )


def test_no_table_of_customers_is_forgotten() -> None:
    """A new table is in the export, or somebody said here why it is not."""
    statement = export.statement()
    left_out = {
        name
        for name, table in SQLModel.metadata.tables.items()
        if "customer_id" in table.columns and f" from {name} as t " not in statement
    }
    assert left_out == {
        "account_number_index",
        "approval",
        "audit_read",
        "audit_record",
        "begun_service",
        "contact_index",
        "customer_key",
        "customer_number",
        "internal_balance",
        "name_index",
        "national_id_index",
        "ticket_number",
    }


async def test_it_is_recorded_as_exposure_of_every_class(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    staff = await factory.staff("COMPLIANCE")
    await ask(officer(client, staff.id), customer)
    (record,) = await owner.fetch(
        "select * from audit_record where customer_id = $1 and kind = 'WRITE'", customer.id
    )
    told = (record["actor_id"], record["command"], record["event"])
    assert told == (staff.id, "exportCustomerData", "customer.exported")
    personal = [name for name, grant in MATRIX.items() if grant.data_class is not DataClass.C1]
    assert record["fields"] == sorted(personal)


async def test_sent_again_it_is_read_and_recorded_anew(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await former_customer(factory)
    staff = await factory.staff("COMPLIANCE")
    compliance = officer(client, staff.id)
    first = (await ask(compliance, customer, "again"))["export"]
    assert "Emma Avaya Smith" in first["document"]
    await erase(compliance, customer)
    second = (await ask(compliance, customer, "again"))["export"]
    assert "Emma" not in second["document"]
    assert json.loads(second["document"])["sections"]["account"][0]["number"] is None
    records = await owner.fetch(
        "select fields from audit_record where command = 'exportCustomerData' and customer_id = $1",
        customer.id,
    )
    assert [record["fields"] for record in records] == [list(PERSONAL)] * 2
    kept = "select count(*) from idempotency_key where key = 'again' and actor_id = $1"
    assert await owner.fetchval(kept, staff.id) == 1


async def test_sent_again_it_counts_as_exposed_again(client: Client, factory: Factory) -> None:
    customer = await factory.customer()
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    for _ in range(2):
        assert (await ask(compliance, customer, "twice"))["export"]
    now = datetime.now(UTC)
    since, until = now - timedelta(minutes=5), now + timedelta(minutes=5)
    query = """
    query ($ids: [ID!]!, $since: DateTime!, $until: DateTime!) {
      exposure(customerIds: $ids, from: $since, to: $until) { classes operationCount }
    }
    """
    given = {"ids": [customer.global_id], "since": since.isoformat(), "until": until.isoformat()}
    (line,) = (await client.run(query, **given))["exposure"]
    assert (sorted(line["classes"]), line["operationCount"]) == (sorted(PERSONAL), 2)


async def test_sent_again_without_the_right_of_then_it_is_refused(
    client: Client, factory: Factory
) -> None:
    customer = await factory.customer()
    staff = await factory.staff("COMPLIANCE")
    assert (await ask(officer(client, staff.id), customer, "later"))["export"]
    given = {"id": customer.global_id, "idempotencyKey": "later"}
    error = await officer(client, staff.id, strong=False).error(EXPORT, input=given)
    assert error["extensions"]["code"] == "STEP_UP_REQUIRED"


async def test_too_much_for_one_answer_is_refused(
    client: Client, factory: Factory, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await factory.customer()
    await factory.account(customer)
    monkeypatch.setattr(export, "ROWS_MAX", 1)
    before = await state(owner)
    refused = await ask(client.as_(Role.CUSTOMER, customer.id), customer)
    assert refused == {"code": "EXPORT_TOO_LARGE"}
    assert await state(owner) == before


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_export(
    client: Client, factory: Factory, owner: asyncpg.Connection, role: Role
) -> None:
    branch = await factory.branch()
    mine, other = await factory.customer(branch_id=branch.id), await factory.customer()
    subject = mine.id
    if role is not Role.CUSTOMER:
        staff = await factory.staff(role.value, branch)
        await factory.assign(mine, staff, role.value)
        subject = staff.id
    before = await state(owner)
    for strong in (False, True):
        person = client.as_(role, subject, strong=strong)
        allowed = access(Permission.CUSTOMER_EXPORT, role, strong=strong)
        if allowed is Access.CLEAR:
            break
        given = {"id": mine.global_id, "idempotencyKey": uuid4().hex}
        error = await person.error(EXPORT, input=given)
        expected = "STEP_UP_REQUIRED" if allowed is Access.STEP_UP else "FORBIDDEN"
        assert error["extensions"]["code"] == expected
        assert await state(owner) == before
    if role is Role.CUSTOMER:
        assert await ask(person, other) == {"code": "NOT_FOUND"}
        assert await state(owner) == before
    if allowed is Access.CLEAR:
        assert "Emma Avaya Smith" in (await ask(person, mine))["export"]["document"]
    else:
        assert role not in MATRIX[Permission.CUSTOMER_EXPORT].clear
