"""The people of the bank who sign in: those that demo tokens are made for, and whose numbers."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.auth.permissions import Role
from app.db.crypto import KeyRing


@dataclass(frozen=True)
class DemoPerson:
    """Somebody who can sign in; a customer's name is empty where it was not asked for."""

    id: UUID
    number: str
    name: str
    roles: tuple[Role, ...]


# A customer without an account has little to show, and nobody looks at a demo for that.
_CUSTOMERS: Final = """
    select customer.id, customer.number, customer.name_ciphertext, customer_key.wrapped_key
    from customer_number
    join customer on customer.id = customer_number.customer_id
    left join customer_key on customer_key.customer_id = customer.id
    where customer.type <> 'BANK' and ($1::text is null or customer_number.number = $1)
    and ($2 or exists (select from account where account.customer_id = customer.id))
    order by customer_number.number
    limit $3
"""
# Nor at a post that has no customer to see, or at one whose holder has others beside it.
_STAFF: Final = """
    select staff.id, staff.number, staff.name, array_agg(staff_role.role order by role) as roles
    from staff join staff_role on staff_role.staff_id = staff.id
    where staff.active and ($1::text is null or staff.number = $1)
    group by staff.id
    having $2 = any (array_agg(staff_role.role))
    order by
        exists (
            select from assignment where assignment.staff_id = staff.id and assignment.role = $2
        )
        or $2 = 'SERVICE_AGENT' and exists (
            select from staff_queue join ticket on ticket.queue = staff_queue.queue
            where staff_queue.staff_id = staff.id and ticket.status <> 'CLOSED'
        ) desc,
        exists (select from customer where customer.branch_id = staff.branch_id) desc,
        count(*),
        staff.number
    limit 1
"""
_SEVERAL_POSTS: Final = """
    select staff.id, staff.number, staff.name, array_agg(staff_role.role order by role) as roles
    from staff join staff_role on staff_role.staff_id = staff.id
    where staff.active
    group by staff.id
    having count(*) > 1
    order by staff.number
    limit $1
"""
_NUMBER: Final = """
    select number from customer where id = $1 union all select number from staff where id = $1
"""
_CUSTOMER_ID: Final = """
    select customer.id from customer_number
    join customer on customer.id = customer_number.customer_id
    where customer_number.number = $1 and customer.type <> 'BANK'
"""
_STAFF_ID: Final = "select id from staff where number = $1 and active"


async def demo_person(dsn: str, role: Role) -> DemoPerson | None:
    """Give somebody of a role with something to see, or None in an empty bank."""
    return await _find(dsn, role, None, None)


async def find_person(
    dsn: str, role: Role, user: str, ring: KeyRing | None = None
) -> DemoPerson | None:
    """Give the person with this number or id, or None when nobody with the role has it.

    The name of a customer is read with the keys of ``ring``, if they are given.
    """
    return await _find(dsn, role, user, ring)


async def demo_people(
    dsn: str, ring: KeyRing, *, customers: int, several_posts: int
) -> list[DemoPerson]:
    """Give one person for each role of the staff, some with several posts, and customers."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = [
            found
            for role in Role
            if (found := await connection.fetchrow(_STAFF, None, role.value)) is not None
        ]
        rows += await connection.fetch(_SEVERAL_POSTS, several_posts)
        people = {row["id"]: _staff(row) for row in rows}
        for row in await connection.fetch(_CUSTOMERS, None, False, customers):
            people[row["id"]] = _customer(row, ring)
    finally:
        await connection.close()
    return list(people.values())


async def id_of_number(dsn: str, role: Role | None, number: str) -> UUID | None:
    """Give the id of the customer (`Role.CUSTOMER`) or of the active member of staff, or None."""
    connection = await asyncpg.connect(dsn)
    try:
        sql = _CUSTOMER_ID if role is Role.CUSTOMER else _STAFF_ID
        found: UUID | None = await connection.fetchval(sql, number)
    finally:
        await connection.close()
    return found


async def _find(dsn: str, role: Role, user: str | None, ring: KeyRing | None) -> DemoPerson | None:
    connection = await asyncpg.connect(dsn)
    try:
        number = user
        if user is not None and (identity := _identity(user)) is not None:
            number = await connection.fetchval(_NUMBER, identity)
            if number is None:
                return None
        if role is not Role.CUSTOMER:
            row = await connection.fetchrow(_STAFF, number, role.value)
            return None if row is None else _staff(row)
        wants_anybody = number is not None
        row = await connection.fetchrow(_CUSTOMERS, number, wants_anybody, 1)
        if row is None and number is None:
            row = await connection.fetchrow(_CUSTOMERS, None, True, 1)
        return None if row is None else _customer(row, ring)
    finally:
        await connection.close()


def _staff(row: Any) -> DemoPerson:
    roles = tuple(Role[held] for held in row["roles"])
    return DemoPerson(row["id"], row["number"], row["name"], roles)


def _customer(row: Any, ring: KeyRing | None) -> DemoPerson:
    identity, ciphertext, name = row["id"], row["name_ciphertext"], ""
    # An erased customer has no key any more, and so no name.
    if ring is not None and ciphertext is not None and row["wrapped_key"] is not None:
        cipher = ring.cipher(identity, row["wrapped_key"])
        name = cipher.decrypt("customer.name_ciphertext", identity, ciphertext)
    return DemoPerson(identity, row["number"], name, (Role.CUSTOMER,))


def _identity(user: str) -> UUID | None:
    """Read a UUID, also one that a global id such as ``cus_…`` holds."""
    try:
        return UUID(user.rpartition("_")[2])
    except ValueError:
        return None
