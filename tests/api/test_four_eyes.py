"""What nobody does alone: who decides, what ends a request, and what a decision leaves behind."""

import asyncio
import re
from dataclasses import astuple
from datetime import timedelta
from time import time
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from approval_support import APPROVE, REASON, REJECT, approve, found, reject, withdraw
from client import Client
from desk_support import MANAGED, Desk, ask, assign
from factories import Factory
from issuer import Issuer
from writing_support import state

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import MATRIX, Access, Permission, Role, access
from app.db.approvals import end_expired
from app.planner.global_id import GlobalId, format_id

UPDATE = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) { ... on UpdateCustomerPayload { customer { version } } }
}
"""


async def request(desk: Desk, **values: Any) -> str:
    asked: str = (await ask(desk, **values))["approval"]["id"]
    return asked


async def manager(desk: Desk) -> str:
    data = await desk.head.run(MANAGED, id=desk.customer.global_id)
    found: str = data["customer"]["relationshipManager"]["id"]
    return found


async def records(owner: asyncpg.Connection, desk: Desk) -> list[tuple[Any, ...]]:
    """What the trail tells of the customer, in order."""
    rows = await owner.fetch(
        "select actor_id, command, event from audit_record"
        " where customer_id = $1 and kind = 'WRITE' order by id",
        desk.customer.id,
    )
    return [tuple(row) for row in rows]


async def beside(owner: asyncpg.Connection) -> dict[str, Any]:
    """All that a failed approval must leave as it is: the request itself may end by it."""
    tables = await state(owner)
    return {name: rows for name, rows in tables.items() if name not in {"approval", "audit_record"}}


async def change_customer(client: Client, desk: Desk, version: int = 1) -> None:
    oneself = client.as_(Role.CUSTOMER, desk.customer.id)
    given = {"idempotencyKey": uuid4().hex, "expectedVersion": version, "language": "de"}
    await oneself.run(UPDATE, input=given | {"id": desk.customer.global_id})


async def test_nothing_happens_before_somebody_else_has_approved(
    owner: asyncpg.Connection, desk: Desk
) -> None:
    before = await beside(owner)
    asked = (await ask(desk))["approval"]
    assert await beside(owner) == before
    assert asked["diff"] == [
        {
            "field": "relationshipManager",
            "before": desk.before.global_id,
            "after": desk.after.global_id,
        }
    ]
    told = (asked["command"], asked["reason"], asked["state"], asked["version"])
    assert told == ("assignRelationshipManager", "ALWAYS", "PENDING", 1)
    assert (asked["makerId"], asked["makerRole"]) == (desk.head_id.global_id, "BRANCH_MANAGER")
    assert asked["requiredRoles"] == ["BRANCH_MANAGER", "COMPLIANCE"]
    assert (asked["decidedAt"], asked["decidedBy"], asked["resultId"]) == (None, None, None)

    done = await approve(desk.checker, asked["id"])
    assert await manager(desk) == desk.after.global_id
    assert done["approval"]["decidedBy"] == {"id": desk.checker_id.global_id}
    assert done["approval"]["resultId"] == desk.customer.global_id
    # What it changed stays on the request, as the maker saw it.
    seen = await found(desk.head, asked["id"])
    assert (seen["state"], seen["version"], seen["diff"]) == ("APPROVED", 2, asked["diff"])
    assert await records(owner, desk) == [
        (desk.head_id.id, "assignRelationshipManager", "approval.requested"),
        (desk.checker_id.id, "approveRequest", "approval.approved"),
        (desk.head_id.id, "assignRelationshipManager", "customer.manager_assigned"),
    ]


async def test_who_may_not_make_can_still_check(
    client: Client, factory: Factory, desk: Desk
) -> None:
    assert Role.COMPLIANCE not in MATRIX[Permission.MANAGER_ASSIGN].clear
    compliance = client.as_(Role.COMPLIANCE, (await factory.staff("COMPLIANCE")).id)
    done = await approve(compliance, await request(desk))
    assert (done["approval"]["state"], done["approval"]["decidedRole"]) == (
        "APPROVED",
        "COMPLIANCE",
    )
    assert await manager(desk) == desk.after.global_id


async def test_nobody_decides_their_own_in_whatever_post(
    client: Client, owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = await request(desk)
    before = await state(owner)
    for role in (Role.BRANCH_MANAGER, Role.COMPLIANCE):
        oneself = client.as_(role, desk.head_id.id)
        for decide in (approve, reject):
            refused = await decide(oneself, asked)
            assert (refused["code"], refused["field"]) == ("REQUEST_IS_OWN", "id")
    assert await state(owner) == before


async def test_the_customer_concerned_never_decides(
    issuer: Issuer, client_of_issuer: Client, owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = await request(desk)
    token = issuer.token(
        customer_id=str(desk.customer.id),
        staff_id=str(desk.checker_id.id),
        roles=["BRANCH_MANAGER", "CUSTOMER"],
        role="BRANCH_MANAGER",
        acr="strong",
        auth_time=int(time()),
    )
    client_of_issuer.headers["authorization"] = f"Bearer {token}"
    before = await state(owner)
    refused = await approve(client_of_issuer, asked)
    assert (refused["code"], refused["field"]) == ("CUSTOMER_IS_ONESELF", "id")
    assert await state(owner) == before


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_decide(
    client: Client, factory: Factory, owner: asyncpg.Connection, desk: Desk, role: Role
) -> None:
    asked = await request(desk)
    staff = await factory.staff(role.value, desk.branch)
    if role is not Role.RELATIONSHIP_MANAGER:
        await factory.assign(desk.customer, staff, role.value)
    subject = desk.customer.id if role is Role.CUSTOMER else staff.id
    given = {"id": asked, "expectedVersion": 1}
    before = await state(owner)
    for strong in (False, True):
        person = client.as_(role, subject, strong=strong)
        allowed = access(Permission.APPROVAL_DECIDE, role, strong=strong)
        if allowed is Access.CLEAR:
            answer = await approve(person, asked)
            if role in FOUR_EYES["assignRelationshipManager"].checkers:
                assert answer["approval"]["state"] == "APPROVED"
            else:
                # To a post that is not asked the request does not exist.
                assert (answer["code"], answer["field"]) == ("NOT_FOUND", "id")
                assert await state(owner) == before
            continue
        expected = "STEP_UP_REQUIRED" if allowed is Access.STEP_UP else "FORBIDDEN"
        for mutation, values in ((APPROVE, {}), (REJECT, {"reason": REASON})):
            sent = given | values | {"idempotencyKey": uuid4().hex}
            error = await person.error(mutation, input=sent)
            assert error["extensions"]["code"] == expected
        assert await state(owner) == before


async def test_the_head_of_another_branch_is_no_checker_by_serving_the_customer(
    client: Client, factory: Factory, owner: asyncpg.Connection, desk: Desk
) -> None:
    elsewhere = await factory.staff("BRANCH_MANAGER", await factory.branch())
    await factory.service(desk.customer, elsewhere.id, "BRANCH_MANAGER")
    asked = await request(desk)
    before = await state(owner)
    refused = await approve(client.as_(Role.BRANCH_MANAGER, elsewhere.id), asked)
    assert refused["code"] == "STAFF_NOT_FITTING"
    assert await state(owner) == before


async def test_what_changed_in_between_fails_the_approval_with_a_fresh_diff(
    factory: Factory, owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = (await ask(desk))["approval"]
    third = await factory.staff("RELATIONSHIP_MANAGER", desk.branch)
    assert (await assign(desk, staffId=third.global_id))["customer"]["version"] == 2
    before = await beside(owner)

    failed = await approve(desk.checker, asked["id"], "late")
    assert failed["__typename"] == "StaleApproval"
    assert (failed["problem"]["code"], failed["problem"]["field"]) == ("REQUEST_STALE", "id")
    assert failed["approval"]["diff"] == asked["diff"]
    assert failed["approval"]["freshDiff"] == [asked["diff"][0] | {"before": third.global_id}]
    assert await beside(owner) == before
    assert (await records(owner, desk))[-1] == (
        desk.checker_id.id,
        "approveRequest",
        "approval.stale",
    )
    # Sent again it is the same answer, and the request has ended: its maker never saw the new base.
    assert await approve(desk.checker, asked["id"], "late") == failed
    assert (await approve(desk.checker, asked["id"], version=2))["code"] == "REQUEST_DECIDED"
    assert (await ask(desk, expectedVersion=2))["approval"]["state"] == "PENDING"


async def test_any_change_of_what_the_maker_read_is_a_change_of_the_base(
    client: Client, desk: Desk
) -> None:
    asked = await request(desk)
    await change_customer(client, desk)
    failed = await approve(desk.checker, asked)
    assert failed["approval"]["state"] == "STALE"
    assert failed["approval"]["freshDiff"] == failed["approval"]["diff"]
    assert await manager(desk) == desk.before.global_id


async def test_where_a_rule_stands_against_it_by_now_the_request_goes_on_waiting(
    owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = await request(desk)
    await owner.execute("update staff set active = false where id = $1", desk.after.id)
    before = await state(owner)
    refused = await approve(desk.checker, asked, "early")
    assert (refused["code"], refused["field"]) == ("STAFF_NOT_FITTING", "id")
    assert await state(owner) == before
    await owner.execute("update staff set active = true where id = $1", desk.after.id)
    # Who was told no stays told no; a new key tries anew.
    assert await approve(desk.checker, asked, "early") == refused
    assert (await approve(desk.checker, asked))["approval"]["state"] == "APPROVED"


async def test_a_maker_who_left_the_branch_has_nothing_carried_out(
    owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = await request(desk)
    await owner.execute("update staff set active = false where id = $1", desk.head_id.id)
    assert (await approve(desk.checker, asked))["code"] == "NOT_FOUND"
    assert await manager(desk) == desk.before.global_id


async def test_after_its_time_a_request_expires(owner: asyncpg.Connection, desk: Desk) -> None:
    asked = [await request(desk) for _ in range(3)]
    await owner.execute(
        "update approval set requested_at = requested_at - $1::interval,"
        " expires_at = expires_at - $1::interval where customer_id = $2",
        timedelta(days=8),
        desk.customer.id,
    )
    before = await beside(owner)
    for each, decide in zip(asked, (approve, reject, withdraw), strict=True):
        person = desk.head if decide is withdraw else desk.checker
        refused = await decide(person, each, each)
        assert (refused["code"], refused["field"]) == ("REQUEST_EXPIRED", "id")
        assert await decide(person, each, each) == refused
        seen = await found(desk.head, each)
        assert (seen["state"], seen["decidedBy"]) == ("EXPIRED", None)
    assert await beside(owner) == before
    told = [event for _, _, event in await records(owner, desk)]
    assert told == ["approval.requested"] * 3 + ["approval.expired"] * 3


async def test_the_worker_ends_what_has_expired_and_nothing_else(
    owner: asyncpg.Connection, desk: Desk
) -> None:
    late, other = [await request(desk) for _ in range(2)]
    sql = """
        update approval set requested_at = requested_at - interval '8 days',
            expires_at = expires_at - interval '8 days'
        where id = $1
    """
    await owner.execute(sql, GlobalId.parse(late).id)
    async with owner.transaction():
        await owner.execute("set local role jobs")
        now = await owner.fetchval("select now()")
        ended = await end_expired(owner, now, 1_000)
        assert await end_expired(owner, now, 1_000) == []
    assert late in {format_id(*made) for made in (astuple(each.made) for each in ended)}
    seen = await found(desk.head, late)
    assert (seen["state"], seen["version"], seen["decidedBy"]) == ("EXPIRED", 2, None)
    assert (await found(desk.head, other))["state"] == "PENDING"


async def test_only_the_maker_withdraws(owner: asyncpg.Connection, desk: Desk) -> None:
    asked = await request(desk)
    before = await state(owner)
    refused = await withdraw(desk.checker, asked)
    assert (refused["code"], refused["field"]) == ("REQUEST_IS_NOT_OWN", "id")
    assert await state(owner) == before

    gone = await withdraw(desk.head, asked, "back")
    assert (gone["approval"]["state"], gone["approval"]["version"]) == ("WITHDRAWN", 2)
    assert await withdraw(desk.head, asked, "back") == gone
    for decide in (approve, reject):
        assert (await decide(desk.checker, asked, version=2))["code"] == "REQUEST_DECIDED"
    assert await manager(desk) == desk.before.global_id
    last = (desk.head_id.id, "withdrawRequest", "approval.withdrawn")
    assert (await records(owner, desk))[-1] == last


async def test_who_rejects_says_why(owner: asyncpg.Connection, desk: Desk) -> None:
    asked = await request(desk)
    short = await reject(desk.checker, asked, reason="No.")
    assert (short["code"], short["field"]) == ("REASON_TOO_SHORT", "reason")
    done = await reject(desk.checker, asked, "no")
    assert await reject(desk.checker, asked, "no") == done
    seen = await found(desk.head, asked)
    assert (seen["state"], seen["answer"]) == ("REJECTED", REASON)
    assert (await approve(desk.checker, asked, version=2))["code"] == "REQUEST_DECIDED"
    assert await manager(desk) == desk.before.global_id
    last = (desk.checker_id.id, "rejectRequest", "approval.rejected")
    assert (await records(owner, desk))[-1] == last
    sql = "select answer_ciphertext from approval where customer_id = $1"
    stored = await owner.fetchval(sql, desk.customer.id)
    assert REASON.encode() not in stored


async def test_a_decision_is_made_on_what_was_read(owner: asyncpg.Connection, desk: Desk) -> None:
    asked = await request(desk)
    before = await state(owner)
    for decide, person in ((approve, desk.checker), (reject, desk.checker), (withdraw, desk.head)):
        refused = await decide(person, asked, version=2)
        assert (refused["code"], refused["field"]) == ("STALE_VERSION", "expectedVersion")
    assert await state(owner) == before


async def test_sent_again_an_approval_is_the_same_answer(
    owner: asyncpg.Connection, desk: Desk
) -> None:
    asked = await request(desk)
    answers = await asyncio.gather(*(approve(desk.checker, asked, "yes") for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["approval"]["state"] == "APPROVED"
    assert len(await records(owner, desk)) == 3


async def test_of_two_checkers_at_once_one_decides(
    client: Client, factory: Factory, owner: asyncpg.Connection, desk: Desk
) -> None:
    compliance = client.as_(Role.COMPLIANCE, (await factory.staff("COMPLIANCE")).id)
    for _ in range(3):
        version = await owner.fetchval(
            "select version from customer where id = $1", desk.customer.id
        )
        held = await manager(desk)
        wanted = next(
            each for each in (desk.before, desk.after) if each.global_id != held
        ).global_id
        asked = await request(desk, staffId=wanted, expectedVersion=version)
        answers = await asyncio.gather(approve(desk.checker, asked), approve(compliance, asked))
        codes = sorted(str(answer.get("code")) for answer in answers)
        assert codes == ["None", "REQUEST_DECIDED"]
        assert await manager(desk) == wanted
    assigned = [event for *_, event in await records(owner, desk) if event.endswith("assigned")]
    assert len(assigned) == 3


async def test_the_database_itself_refuses_two_hands_of_one_person(
    owner: asyncpg.Connection, desk: Desk
) -> None:
    await request(desk)
    with pytest.raises(asyncpg.CheckViolationError, match="four_eyes"):
        await owner.execute(
            "update approval set state = 'APPROVED', decided_at = now(), decided_by = maker_id"
            " where customer_id = $1",
            desk.customer.id,
        )


async def test_operators_see_how_often_somebody_is_asked_and_what_comes_of_it(
    factory: Factory, desk: Desk
) -> None:
    told = [("assignRelationshipManager", "PENDING")]
    told += [("approveRequest", outcome) for outcome in ("DONE", "REQUEST_STALE")]

    async def counts() -> list[float]:
        metrics = (await desk.head.http.get("/metrics")).text
        labels = [f'command="{name}",outcome="{outcome}"' for name, outcome in told]
        found = [re.findall(rf"commands_total{{{each}}} (.+)", metrics) for each in labels]
        return [sum(map(float, each)) for each in found]

    before = await counts()
    asked = await request(desk)
    third = await factory.staff("RELATIONSHIP_MANAGER", desk.branch)
    await assign(desk, staffId=third.global_id)
    await approve(desk.checker, asked)
    after = await counts()
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1, 1]
