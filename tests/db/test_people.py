"""The people that demo tokens are made for."""

import pytest
from factories import Factory

from app.auth.permissions import Role
from app.db.people import demo_person, find_person


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
    assert await find_person(database_url, Role.TELLER, bank.global_id[:-1] + "z") is None


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.TELLER])
async def test_the_first_person_of_a_role_is_the_demo_person(
    database_url: str, factory: Factory, role: Role
) -> None:
    await factory.customer()
    await factory.staff("TELLER")
    found = await demo_person(database_url, role)
    assert found is not None
    lowest = {
        Role.CUSTOMER: "select min(number) from customer where type <> 'BANK'",
        Role.TELLER: "select min(number) from staff join staff_role on staff_id = id"
        " where active and role = 'TELLER'",
    }
    assert found.number == await factory.connection.fetchval(lowest[role])
    assert role in found.roles
