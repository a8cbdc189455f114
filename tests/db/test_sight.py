"""Whom viewers see, asked for many at once: what row-level security says of each alone."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from factories import Factory, Made

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.database import Database
from app.db.ids import new_id
from app.db.scope import RowScope
from app.metrics import Metrics


def setting(role: Role, person: UUID) -> str:
    is_customer = role is Role.CUSTOMER
    viewer = Viewer(
        role,
        (role,),
        customer_id=person if is_customer else None,
        staff_id=None if is_customer else person,
    )
    return RowScope(viewer).setting


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = await Database.connect(database_url, 2, 15, Metrics().pool)
    yield made
    await made.close()


async def test_each_is_answered_as_if_asked_alone(database: Database, factory: Factory) -> None:
    customers = [await factory.customer() for _ in range(2)]
    people = {
        role: [await factory.somebody(role, customer) for customer in customers] for role in Role
    }
    questions = [
        (setting(role, person), customer)
        for role, found in people.items()
        for person in found
        for customer in customers
    ]
    answers = await asyncio.gather(
        *(database.sight.sees(viewer, customer.id) for viewer, customer in questions)
    )
    for (viewer, customer), answer in zip(questions, answers, strict=True):
        rows = await database.fetch("select from customer where id = $1", [customer.id], viewer)
        assert answer is bool(rows), viewer
    assert {True, False} == set(answers)


async def test_rights_are_asked_for_anew(
    database: Database, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer = await factory.customer()
    teller = await factory.responsible("TELLER", customer)
    viewer = setting(Role.TELLER, teller)
    assert await database.sight.sees(viewer, customer.id)
    await owner.execute("delete from assignment where staff_id = $1", teller)
    assert not await database.sight.sees(viewer, customer.id)


async def test_who_works_on_a_queue(database: Database, factory: Factory) -> None:
    agent = Made("sta", new_id(), await factory.agent("PAYMENTS"))
    viewer = setting(Role.SERVICE_AGENT, agent.id)
    found = await asyncio.gather(
        *(database.sight.works_on(viewer, agent.id, queue) for queue in ("PAYMENTS", "CARDS"))
    )
    assert found == [True, False]
    nobody = setting(Role.CUSTOMER, new_id())
    assert not await database.sight.works_on(nobody, agent.id, "PAYMENTS")
