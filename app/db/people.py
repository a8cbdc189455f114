"""The people that demo tokens are made for."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from app.auth.permissions import Role


@dataclass(frozen=True)
class DemoPerson:
    """Somebody who can sign in; a customer's name stays encrypted and is empty here."""

    id: UUID
    number: str
    name: str
    roles: tuple[Role, ...]


_CUSTOMER: Final = """
    select customer.id, customer.number, '' as name, array['CUSTOMER'] as roles
    from customer_number join customer on customer.id = customer_number.customer_id
    where customer.type <> 'BANK' and ($1::text is null or customer_number.number = $1)
    order by customer_number.number
    limit 1
"""
_STAFF: Final = """
    select staff.id, staff.number, staff.name, array_agg(staff_role.role order by role) as roles
    from staff join staff_role on staff_role.staff_id = staff.id
    where staff.active and ($1::text is null or staff.number = $1)
    group by staff.id
    having $2 = any (array_agg(staff_role.role))
    order by staff.number
    limit 1
"""
_NUMBER: Final = """
    select number from customer where id = $1 union all select number from staff where id = $1
"""


async def demo_person(dsn: str, role: Role) -> DemoPerson | None:
    """Give the first person of a role, by number, or None in an empty bank."""
    return await _find(dsn, role, None)


async def find_person(dsn: str, role: Role, user: str) -> DemoPerson | None:
    """Give the person with this number or id, or None when nobody with the role has it."""
    return await _find(dsn, role, user)


async def _find(dsn: str, role: Role, user: str | None) -> DemoPerson | None:
    connection = await asyncpg.connect(dsn)
    try:
        number = user
        if user is not None and (identity := _identity(user)) is not None:
            number = await connection.fetchval(_NUMBER, identity)
            if number is None:
                return None
        if role is Role.CUSTOMER:
            found = await connection.fetchrow(_CUSTOMER, number)
        else:
            found = await connection.fetchrow(_STAFF, number, role.value)
    finally:
        await connection.close()
    if found is None:
        return None
    roles = tuple(Role[held] for held in found["roles"])
    return DemoPerson(found["id"], found["number"], found["name"], roles)


def _identity(user: str) -> UUID | None:
    """Read a UUID, also one that a global id such as ``cus_…`` holds."""
    try:
        return UUID(user.rpartition("_")[2])
    except ValueError:
        return None
