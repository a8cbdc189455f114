"""Making staff responsible for customers."""

import asyncio
from uuid import uuid4

import asyncpg
import orjson
import pytest
from approval_support import approve
from client import Client
from desk_support import ASSIGN, MANAGER, Desk, ask, assign, given
from factories import Factory, Made
from registration_support import register
from writing_support import state

from app.auth.permissions import MATRIX, Permission, Role
from app.db.keys import Keys

SEEN = "query ($id: ID!) { customer(id: $id) { id } }"


async def test_the_customer_passes_from_one_manager_to_the_other_at_once(
    client: Client, desk: Desk
) -> None:
    former = client.as_(Role.RELATIONSHIP_MANAGER, desk.before.id)
    new = client.as_(Role.RELATIONSHIP_MANAGER, desk.after.id)
    known = {"customer": {"id": desk.customer.global_id}}
    assert await former.run(SEEN, id=desk.customer.global_id) == known
    assert await new.run(SEEN, id=desk.customer.global_id) == {"customer": None}
    answer = await assign(desk)
    assert answer["customer"] == {
        "id": desk.customer.global_id,
        "version": 2,
        "relationshipManager": {"id": desk.after.global_id},
    }
    assert await former.run(SEEN, id=desk.customer.global_id) == {"customer": None}
    assert await new.run(SEEN, id=desk.customer.global_id) == known


async def test_whoever_registered_the_customer_loses_sight_too(client: Client, desk: Desk) -> None:
    former = client.as_(Role.RELATIONSHIP_MANAGER, desk.before.id)
    registered = (await register(former))["customer"]["id"]
    await assign(desk, customerId=registered)
    assert await former.run(SEEN, id=registered) == {"customer": None}


async def test_a_customer_without_a_manager_is_given_one(
    client: Client, factory: Factory, desk: Desk
) -> None:
    for status in ("ACTIVE", "BLOCKED"):
        customer = await factory.customer(branch_id=desk.branch.id, status=status)
        answer = await assign(desk, customerId=customer.global_id)
        assert answer["customer"]["relationshipManager"] == {"id": desk.after.global_id}
    # The other posts stay with whoever holds them.
    teller = await factory.staff("TELLER", desk.branch)
    await factory.assign(desk.customer, teller, "TELLER")
    await assign(desk)
    seen = await client.as_(Role.TELLER, teller.id).run(SEEN, id=desk.customer.global_id)
    assert seen["customer"] is not None


async def test_only_a_manager_of_the_branch_who_is_there_fits(
    factory: Factory, owner: asyncpg.Connection, desk: Desk
) -> None:
    gone = await factory.staff(MANAGER, desk.branch)
    await owner.execute("update staff set active = false where id = $1", gone.id)
    nobody = uuid4()
    unfit = [
        await factory.staff("TELLER", desk.branch),
        await factory.staff(MANAGER, await factory.branch()),
        await factory.staff(MANAGER),
        gone,
        Made("sta", nobody, nobody),
    ]
    before = await state(owner)
    for staff in unfit:
        refused = await assign(desk, staffId=staff.global_id)
        assert (refused["code"], refused["field"]) == ("STAFF_NOT_FITTING", "staffId")
    assert await state(owner) == before


async def test_a_refused_assignment_changes_nothing(
    factory: Factory, owner: asyncpg.Connection, desk: Desk
) -> None:
    closed = await factory.customer(branch_id=desk.branch.id, status="CLOSED")
    erased = await factory.customer(branch_id=desk.branch.id)
    await owner.execute("delete from customer_key where customer_id = $1", erased.id)
    stranger = await factory.customer()
    before = await state(owner)
    for values, problem in (
        ({"expectedVersion": 2}, ("STALE_VERSION", "expectedVersion")),
        ({"staffId": desk.before.global_id}, ("NOTHING_TO_CHANGE", "staffId")),
        ({"customerId": closed.global_id}, ("CUSTOMER_NOT_ACTIVE", None)),
        ({"customerId": erased.global_id}, ("CUSTOMER_NOT_ACTIVE", None)),
        ({"customerId": stranger.global_id}, ("NOT_FOUND", None)),
    ):
        refused = await assign(desk, **values)
        assert (refused["code"], refused["field"]) == problem
    assert await state(owner) == before


async def test_buttons_are_drawn_for_those_who_may_press_them(
    client: Client, factory: Factory, desk: Desk
) -> None:
    asked = "query ($id: ID!) { customer(id: $id) { viewerCan { action allowed reason } } }"
    adviser = await factory.staff("WEALTH_ADVISOR", desk.branch)
    await factory.assign(desk.customer, adviser, "WEALTH_ADVISOR")
    manager = client.as_(Role.RELATIONSHIP_MANAGER, desk.before.id)
    for person, allowed in (
        (desk.head, {"UPDATE_CUSTOMER", "RECORD_CONSENT", "ASSIGN_MANAGER"}),
        (manager, {"UPDATE_CUSTOMER", "RECORD_CONSENT"}),
        (client.as_(Role.WEALTH_ADVISOR, adviser.id), set()),
    ):
        data = await person.run(asked, id=desk.customer.global_id)
        said = {each.pop("action"): each for each in data["customer"]["viewerCan"]}
        for action in ("UPDATE_CUSTOMER", "RECORD_CONSENT", "ASSIGN_MANAGER"):
            reason = None if action in allowed else "Your post may not do it."
            if action in allowed and action == "ASSIGN_MANAGER":
                reason = "A second person must agree."
            assert said[action] == {"allowed": action in allowed, "reason": reason}


async def test_ids_are_of_the_right_kind(desk: Desk) -> None:
    for values in ({"staffId": desk.customer.global_id}, {"customerId": desk.after.global_id}):
        error = await desk.head.error(ASSIGN, input=given(desk, **values))
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert next(iter(values)) in error["message"]


async def test_of_many_requests_one_is_in_time(
    factory: Factory, owner: asyncpg.Connection, desk: Desk
) -> None:
    others = [await factory.staff(MANAGER, desk.branch) for _ in range(4)]
    asked = [(await ask(desk, staffId=each.global_id))["approval"]["id"] for each in others]
    answers = await asyncio.gather(*(approve(desk.checker, request) for request in asked))
    kinds = sorted(answer["__typename"] for answer in answers)
    assert kinds == ["ApproveRequestPayload"] + ["StaleApproval"] * 3
    rows = await owner.fetch(
        "select from assignment where customer_id = $1 and role = $2", desk.customer.id, MANAGER
    )
    assert len(rows) == 1


async def test_the_same_command_is_one_request(desk: Desk, owner: asyncpg.Connection) -> None:
    command = given(desk)
    answers = await asyncio.gather(*(desk.head.run(ASSIGN, input=command) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    records = await owner.fetch("select from audit_record where customer_id = $1", desk.customer.id)
    assert len(records) == 1


async def test_the_record_tells_who_it_was_and_who_it_is(
    desk: Desk, owner: asyncpg.Connection, keys: Keys
) -> None:
    await assign(desk)
    (told,) = await owner.fetch(
        "select * from audit_record where customer_id = $1 and event = $2",
        desk.customer.id,
        "customer.manager_assigned",
    )
    assert told["command"] == "assignRelationshipManager"
    (by,) = [name for name in told["fields"] if name.startswith("APPROVED_BY:sta_")]
    assert by != f"APPROVED_BY:sta_{told['actor_id'].hex}"
    wrapped = await owner.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", desk.customer.id
    )
    detail = keys.ring.cipher(desk.customer.id, wrapped).decrypt(
        "audit_record.detail_ciphertext", told["id"], told["detail_ciphertext"]
    )
    assert orjson.loads(detail) == {
        "relationship_manager": {"before": str(desk.before.id), "after": str(desk.after.id)}
    }


async def test_a_begun_service_does_not_give_a_customer_away(
    desk: Desk, client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    """The head of another branch may serve somebody at the counter, and no more."""
    elsewhere = await factory.staff("BRANCH_MANAGER", await factory.branch())
    await factory.service(desk.customer, elsewhere.id, "BRANCH_MANAGER")
    head = client.as_(Role.BRANCH_MANAGER, elsewhere.id)
    assert await head.run(SEEN, id=desk.customer.global_id) == {
        "customer": {"id": desk.customer.global_id}
    }
    before = await state(owner)
    refused = (await head.run(ASSIGN, input=given(desk)))["assignRelationshipManager"]
    assert (refused["code"], refused["field"]) == ("NOT_FOUND", "customerId")
    assert await state(owner) == before


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_assign_managers(
    client: Client, factory: Factory, owner: asyncpg.Connection, desk: Desk, role: Role
) -> None:
    if role in MATRIX[Permission.MANAGER_ASSIGN].clear:
        assert (await ask(desk))["approval"]["state"] == "PENDING"
        return
    staff = await factory.staff(role.value, desk.branch)
    if role is not Role.RELATIONSHIP_MANAGER:
        await factory.assign(desk.customer, staff, role.value)
    before = await state(owner)
    subject = desk.customer.id if role is Role.CUSTOMER else staff.id
    data, denied = await client.as_(role, subject).denied(ASSIGN, input=given(desk))
    assert denied == ["assignRelationshipManager"]
    assert data == {"assignRelationshipManager": None}
    assert await state(owner) == before
