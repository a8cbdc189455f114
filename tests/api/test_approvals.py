"""Who sees requests for a second person, and what of the values in them."""

from uuid import UUID

import asyncpg
import pytest
from approval_support import SHOWN, approve, found, withdraw
from client import Client
from desk_support import Desk, ask
from erasure_support import ask_to_erase, former_customer, officer
from factories import Factory, Made

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import MATRIX, Permission, Role
from app.schema.root import graphql_schema

LIST = f"""
query ($filter: ApprovalFilter, $sort: ApprovalSort) {{
  approvals(filter: $filter, sort: $sort, first: 100) {{ totalCount nodes {{ {SHOWN} }} }}
}}
"""
DIFF = """
query Look($id: ID!) {
  node(id: $id) { ... on Approval { diff { field before after } } }
}
"""


async def listed(client: Client, **given: object) -> list[str]:
    page = (await client.run(LIST, **given))["approvals"]
    ids = [node["id"] for node in page["nodes"]]
    assert page["totalCount"] == len(ids)
    return ids


async def test_makers_and_checkers_see_a_request_and_nobody_else_does(
    client: Client, factory: Factory, desk: Desk
) -> None:
    asked = (await ask(desk))["approval"]["id"]
    elsewhere = await factory.staff("BRANCH_MANAGER", await factory.branch())
    lender = await factory.staff("LOAN_OFFICER", desk.branch)
    # Those of whoever else uses this bank have differences that not every post sees.
    mine = {"makerId": {"eq": desk.head_id.global_id}}
    for person, sees in (
        (desk.head, True),
        (desk.checker, True),
        (client.as_(Role.COMPLIANCE), True),
        # The same person in another post still sees what they asked for.
        (client.as_(Role.LOAN_OFFICER, desk.head_id.id), True),
        (client.as_(Role.BRANCH_MANAGER, elsewhere.id), False),
        (client.as_(Role.LOAN_OFFICER, lender.id), False),
        (client.as_(Role.RELATIONSHIP_MANAGER, desk.before.id), False),
        (client.as_(Role.RISK_OFFICER), False),
        # What the bank considers about a customer is not the customer's to see.
        (client.as_(Role.CUSTOMER, desk.customer.id), False),
    ):
        assert (asked in await listed(person, filter=mine)) is sees
        assert (await found(person, asked) is not None) is sees


async def test_lists_are_filtered_and_ordered(desk: Desk) -> None:
    first = (await ask(desk))["approval"]["id"]
    second = (await ask(desk))["approval"]["id"]
    await withdraw(desk.head, first)
    assert await listed(desk.checker) == [second, first]
    assert await listed(desk.checker, sort="EXPIRING") == [first, second]
    assert await listed(desk.checker, filter={"state": {"eq": "PENDING"}}) == [second]
    assert await listed(desk.checker, filter={"command": {"eq": "eraseCustomer"}}) == []
    mine = {"makerId": {"eq": desk.head_id.global_id}}
    assert await listed(desk.checker, filter=mine) == [second, first]
    theirs = {"makerId": {"eq": desk.checker_id.global_id}}
    assert await listed(desk.checker, filter=theirs) == []


async def test_plans_read_requests_as_the_reference_path_does(desk: Desk) -> None:
    """Differences are not planned; whatever stands beside them is equal on both paths."""
    first = (await ask(desk))["approval"]["id"]
    await ask(desk)
    await approve(desk.checker, first)
    whole = (await desk.checker.run(LIST))["approvals"]["nodes"]
    for node in whole:
        del node["diff"], node["freshDiff"]
    shown = SHOWN.replace("diff { field before after } freshDiff { field before after }", "")
    planned = await desk.checker.run(LIST.replace(SHOWN, shown))
    assert planned["approvals"]["nodes"] == whole
    metrics = (await desk.checker.http.get("/metrics")).text
    assert 'bank360_queries_total{path="planned"} 1.0' in metrics


async def test_buttons_are_drawn_for_those_who_may_press_them(
    client: Client, owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = (await ask(desk))["approval"]["id"]
    own, others = "You asked for it yourself.", "Somebody else asked for it."
    weak = client.as_(Role.BRANCH_MANAGER, desk.checker_id.id, strong=False)
    for person, decides, withdraws in (
        (desk.head, own, None),
        (client.as_(Role.COMPLIANCE, desk.head_id.id), own, None),
        (client.as_(Role.LOAN_OFFICER, desk.head_id.id), own, None),
        (desk.checker, None, others),
        (weak, "Sign in again with a second factor.", others),
    ):
        await _can(person, asked, decides, withdraws)
    sql = """
        update approval set requested_at = requested_at - interval '8 days',
            expires_at = expires_at - interval '8 days'
        where customer_id = $1
    """
    await owner.execute(sql, desk.customer.id)
    late = "Nobody approved it in time."
    await _can(desk.checker, asked, late, late)
    await withdraw(desk.head, asked)
    over = "It does not wait for anybody any more."
    await _can(desk.head, asked, over, over)


async def _can(person: Client, asked: str, decides: str | None, withdraws: str | None) -> None:
    seen = await found(person, asked)
    assert {each["action"]: (each["allowed"], each["reason"]) for each in seen["viewerCan"]} == {
        "APPROVE_REQUEST": (decides is None, decides),
        "REJECT_REQUEST": (decides is None, decides),
        "WITHDRAW_REQUEST": (withdraws is None, withdraws),
    }


async def test_personal_values_are_shown_as_in_the_fields_themselves(
    client: Client, factory: Factory
) -> None:
    customer = await former_customer(factory)
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    asked = (await ask_to_erase(compliance, customer))["approval"]["id"]
    risk = client.as_(Role.RISK_OFFICER)
    body = (await risk.send(DIFF, id=asked)).json()
    shown = {each["field"]: each["before"] for each in body["data"]["node"]["diff"]}
    field = "query ($id: ID!) { customer(id: $id) { name gender } }"
    of_customer = (await risk.run(field, id=customer.global_id))["customer"]
    assert (shown["name"], shown["gender"]) == (of_customer["name"], of_customer["gender"])
    assert shown["name"].startswith("P-")
    hidden = ("phone", "email", "address", "nationalId", "birthDate")
    assert [shown[name] for name in hidden] == [None] * len(hidden)
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["extensions"]["selection"] == "node.diff.before"
    assert body["extensions"]["masked"] == ["node.diff.before"]

    weak = officer(client, UUID(int=1), strong=False)
    body = (await weak.send(DIFF, id=asked)).json()
    shown = {each["field"]: each["before"] for each in body["data"]["node"]["diff"]}
    assert (shown["name"], shown["phone"]) == ("Emma Avaya Smith", None)
    assert body["errors"][0]["extensions"]["code"] == "STEP_UP_REQUIRED"


async def test_personal_values_that_are_shown_are_on_record(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await former_customer(factory)
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    asked = (await ask_to_erase(compliance, customer))["approval"]["id"]
    reader = officer(client, (await factory.staff("COMPLIANCE")).id)
    await reader.run(DIFF, id=asked)
    sql = "select fields from audit_read where customer_id = $1 and operation = 'Look'"
    (read,) = await owner.fetch(sql, customer.id)
    assert read["fields"] == [
        "CUSTOMER_CONTACT_READ",
        "CUSTOMER_IDENTITY_READ",
        "CUSTOMER_NAME_READ",
    ]


async def test_a_request_holds_nothing_personal_in_clear(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await former_customer(factory)
    compliance = officer(client, (await factory.staff("COMPLIANCE")).id)
    await ask_to_erase(compliance, customer)
    (row,) = await owner.fetch("select * from approval where customer_id = $1", customer.id)
    kept = repr(dict(row)).encode() + row["payload_ciphertext"] + row["diff_ciphertext"]
    for text in (b"Emma", b"Wellington", b"CUSTOMER_REQUEST"):
        assert text not in kept
    assert row["base"] == '{"customer":1}'


async def test_once_the_key_is_gone_requests_are_unreadable_not_broken(
    owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = (await ask(desk))["approval"]["id"]
    await owner.execute("delete from customer_key where customer_id = $1", desk.customer.id)
    seen = await found(desk.head, asked)
    assert (seen["state"], seen["diff"], seen["command"]) == (
        "PENDING",
        None,
        "assignRelationshipManager",
    )
    refused = await approve(desk.checker, asked)
    assert (refused["code"], refused["field"]) == ("CUSTOMER_NOT_ACTIVE", "id")
    assert (await withdraw(desk.head, asked))["approval"]["state"] == "WITHDRAWN"


@pytest.mark.parametrize("role", list(Role))
async def test_which_posts_see_requests(client: Client, factory: Factory, role: Role) -> None:
    customer = await factory.customer()
    asked: Made = await factory.approval(customer, customer.id, maker_role="CUSTOMER")
    person = client.as_(role, customer.id if role is Role.CUSTOMER else None)
    if role not in MATRIX[Permission.APPROVAL_READ].clear:
        assert await person.denied(LIST) == ({"approvals": None}, ["approvals"])
        return
    sees = role in {Role.CUSTOMER, Role.RISK_OFFICER, Role.COMPLIANCE}
    assert (await found(person, asked.global_id) is not None) is sees


def test_the_schema_says_which_posts_approve() -> None:
    mutations = graphql_schema().mutation_type
    assert mutations is not None
    for name, rule in FOUR_EYES.items():
        said = mutations.fields[name].description
        assert said is not None
        assert "PendingApproval" in said
        assert all(role.value in said for role in rule.checkers)
        assert f"{rule.lasts.days} day" in said
        assert ("always" if rule.always else "above the limit") in said
