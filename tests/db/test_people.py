"""The people that demo tokens are made for."""

from collections.abc import Callable

import asyncpg
import pytest
from factories import Factory, Made

from app.auth.permissions import Role
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.people import demo_people, demo_person, find_person, id_of_number


async def test_people_are_found_by_number_id_and_global_id(
    database_url: str, factory: Factory
) -> None:
    customer = await factory.customer(number="C-person")
    staff = await factory.staff("TELLER")
    await factory.insert("staff_role", staff_id=staff.id, role="SERVICE_AGENT")
    number = await factory.connection.fetchval("select number from staff where id = $1", staff.id)
    for user in ("C-person", str(customer.id), customer.global_id):
        found = await find_person(database_url, Role.CUSTOMER, user)
        assert found is not None
        assert (found.id, found.number, found.name) == (customer.id, "C-person", "")
        assert found.roles == (Role.CUSTOMER,)
    for user in (number, str(staff.id), staff.global_id):
        found = await find_person(database_url, Role.SERVICE_AGENT, user)
        assert found is not None
        assert (found.id, found.name) == (staff.id, "Robin Banks")
        assert found.roles == (Role.SERVICE_AGENT, Role.TELLER)


async def test_nobody_is_found_in_a_post_they_do_not_hold(
    database_url: str, factory: Factory
) -> None:
    staff = await factory.staff("TELLER")
    gone = await factory.staff("TELLER")
    await factory.connection.execute("update staff set active = false where id = $1", gone.id)
    bank = await factory.bank()
    assert await find_person(database_url, Role.COMPLIANCE, str(staff.id)) is None
    assert await find_person(database_url, Role.TELLER, str(gone.id)) is None
    assert await find_person(database_url, Role.CUSTOMER, str(staff.id)) is None
    assert await find_person(database_url, Role.CUSTOMER, str(bank.id)) is None
    assert await find_person(database_url, Role.TELLER, "nobody") is None
    assert await find_person(database_url, Role.TELLER, str(new_id())) is None
    assert await find_person(database_url, Role.TELLER, bank.global_id[:-1] + "z") is None


@pytest.fixture
def empty_bank(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("demo_people")


async def test_demo_people_have_something_to_see(empty_bank: str, keys: Keys) -> None:
    url = empty_bank
    assert await demo_person(url, Role.CUSTOMER) is None
    assert await demo_people(url, keys.ring, customers=3, several_posts=3) == []
    connection = await asyncpg.connect(url)
    factory = Factory(connection, keys)

    async def number_of(role: Role) -> str:
        found = await demo_person(url, role)
        assert found is not None
        return found.number

    async def staff(role: str, number: str, branch: Made | None = None) -> Made:
        made = await factory.staff(role, branch)
        rename = "update staff set number = $2 where id = $1"
        await connection.execute(rename, made.id, number)
        return made

    bare = await factory.customer(number="C1")
    assert await number_of(Role.CUSTOMER) == "C1"
    rich = await factory.customer(number="C2")
    await factory.account(rich)
    assert await number_of(Role.CUSTOMER) == "C2"

    await staff("TELLER", "S1")
    branch = await factory.branch()
    await factory.connection.execute("update customer set branch_id = $1", branch.id)
    await staff("TELLER", "S2", branch)
    assert await number_of(Role.TELLER) == "S2"
    several = await staff("TELLER", "S3")
    await factory.insert("staff_role", staff_id=several.id, role="SERVICE_AGENT")
    await factory.assign(bare, several, "TELLER")
    assert await number_of(Role.TELLER) == "S3"
    assigned = await staff("TELLER", "S4")
    await factory.assign(rich, assigned, "TELLER")
    # Without other posts what a role sees is easier to tell.
    assert await number_of(Role.TELLER) == "S4"

    people = await demo_people(url, keys.ring, customers=3, several_posts=3)
    assert [(each.number, each.name, each.roles) for each in people] == [
        ("S4", "Robin Banks", (Role.TELLER,)),
        ("S3", "Robin Banks", (Role.SERVICE_AGENT, Role.TELLER)),
        ("C2", "Emma Avaya Smith", (Role.CUSTOMER,)),
    ]
    await staff("SERVICE_AGENT", "S5")
    agent = await staff("SERVICE_AGENT", "S6")
    await factory.queue(agent, "CARDS")
    assert await number_of(Role.SERVICE_AGENT) == "S5"
    await factory.ticket(rich, queue="CARDS", status="OPEN", closed_at=None, resolution=None)
    assert await number_of(Role.SERVICE_AGENT) == "S6"
    await connection.execute("delete from customer_key")
    people = await demo_people(url, keys.ring, customers=3, several_posts=3)
    assert people[-1].name == ""
    await connection.close()


async def test_numbers_lead_to_ids(database_url: str, factory: Factory) -> None:
    customer = await factory.customer(number="C-number")
    staff = await factory.staff("TELLER")
    number = await factory.connection.fetchval("select number from staff where id = $1", staff.id)
    assert await id_of_number(database_url, Role.CUSTOMER, "C-number") == customer.id
    assert await id_of_number(database_url, None, number) == staff.id
    assert await id_of_number(database_url, None, "C-number") is None
    assert await id_of_number(database_url, Role.CUSTOMER, number) is None
    await factory.connection.execute("update staff set active = false where id = $1", staff.id)
    assert await id_of_number(database_url, None, number) is None
