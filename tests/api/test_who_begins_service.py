"""Who may serve customers who come or call, how often, and what is refused."""

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest
from client import Client
from factories import Factory
from row_world import World
from service_support import BEGIN, END, POSTS, begin, end
from writing_support import state

from app.auth.permissions import Role
from app.domain.begun_service import SERVICES_MAX


async def test_whoever_left_the_bank_serves_nobody(
    client: Client, world: World, owner: asyncpg.Connection
) -> None:
    person = world.people[Role.TELLER]
    await owner.execute("update staff set active = false where id = $1", person)
    before = await state(owner)
    answer = await begin(world.as_(client, Role.TELLER), {"number": world.other.number})
    assert answer["code"] == "STAFF_NOT_FITTING"
    assert await state(owner) == before


async def test_services_of_an_hour_are_counted(
    client: Client, factory: Factory, world: World, owner: asyncpg.Connection
) -> None:
    person = world.people[Role.TELLER]
    for _ in range(SERVICES_MAX):
        # In whatever post: it is one person who would walk through the bank's customers.
        await factory.service(world.mine.customer, person, "LOAN_OFFICER")
    teller, by = world.as_(client, Role.TELLER), {"number": world.other.number}
    before = await state(owner)
    answer = await begin(teller, by, "late")
    assert (answer["code"], answer["field"]) == ("TOO_MANY_SERVICES", None)
    assert await state(owner) == before
    await owner.execute(
        "update begun_service set begun_at = now() - interval '61 minutes' where staff_id = $1"
        " and id = (select id from begun_service where staff_id = $1 limit 1)",
        person,
    )
    assert (await begin(teller, by, "late"))["code"] == "TOO_MANY_SERVICES"
    assert (await begin(teller, by))["customer"]["id"] == world.other.customer.global_id
    metrics = (await client.http.get("/metrics")).text
    for outcome in ("DONE", "TOO_MANY_SERVICES"):
        assert f'bank360_commands_total{{command="beginService",outcome="{outcome}"}}' in metrics


async def test_the_last_service_of_an_hour_is_begun_once(
    client: Client, factory: Factory, world: World
) -> None:
    for _ in range(SERVICES_MAX - 1):
        await factory.service(world.mine.customer, world.people[Role.TELLER], "TELLER")
    teller, others = world.as_(client, Role.TELLER), [await factory.customer() for _ in range(5)]
    answers = await asyncio.gather(
        *(begin(teller, {"email": f"{each.id.hex[-12:]}@example.com"}) for each in others)
    )
    assert sorted(answer.get("code", "DONE") for answer in answers) == [
        "DONE",
        *["TOO_MANY_SERVICES"] * 4,
    ]


async def test_a_service_counts_as_a_look_up(
    client: Client, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await begin(world.as_(client, Role.TELLER), {"nationalId": world.other.national_id})
    written = capsys.readouterr().err
    line = orjson.loads(written.splitlines()[-1])
    assert (line["kind"], line["look_ups"]) == ("mutation", 1)
    assert world.other.national_id not in written


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_begin_and_end_a_service(
    client: Client, world: World, factory: Factory, owner: asyncpg.Connection, role: Role
) -> None:
    person = client.as_(role, world.people.get(role) or (await factory.staff(role.value)).id)
    given = {"idempotencyKey": "b", "evidence": "CALL_BACK", "reason": "CALL"}
    given["by"] = {"number": world.other.number}  # type: ignore[assignment]
    if role in POSTS:
        begun = await begin(person, {"number": world.other.number})
        assert await end(person, begun["service"]["id"]) == {"id": begun["service"]["id"]}
        return
    before = await state(owner)
    data, denied = await person.denied(BEGIN, input=given)
    assert (data, denied) == ({"beginService": None}, ["beginService"])
    service = await factory.service(world.other.customer, world.people[Role.TELLER], "TELLER")
    ending = {"idempotencyKey": "e", "id": service.global_id}
    data, denied = await person.denied(END, input=ending)
    assert (data, denied) == ({"endService": None}, ["endService"])
    await owner.execute("delete from begun_service where id = $1", service.id)
    assert await state(owner) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": {}},
        {"by": {"number": None}},
        {"by": {"number": "1", "phone": "2"}},
        {"by": {"number": ""}},
        {"by": {"number": "x" * 255}},
        {"evidence": "NONE"},
        {"note": "x" * 501},
        {"note": "a\x00b"},
    ],
)
async def test_what_cannot_be_meant_is_bad_input(
    client: Client, world: World, owner: asyncpg.Connection, wrong: dict[str, Any]
) -> None:
    before = await state(owner)
    given = {"idempotencyKey": "k", "evidence": "CALL_BACK", "reason": "CALL"}
    given["by"] = {"number": world.other.number}  # type: ignore[assignment]
    error = await world.as_(client, Role.TELLER).error(BEGIN, input=given | wrong)
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "BAD_REQUEST"}
    assert await state(owner) == before
