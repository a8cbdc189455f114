"""Statements by which the unit of work makes staff responsible for customers."""

from typing import Any, Final
from uuid import UUID

from app.auth.permissions import Role
from app.db.unit_of_work import Unit

# Locked, so that nobody becomes a manager who leaves the bank or the branch at this moment.
_FITTING: Final = """
select from staff
where id = $1 and active and branch_id = $2
    and exists (select from staff_role where staff_id = $1 and role = $3)
for share of staff
"""
_CURRENT: Final = "select staff_id from assignment where customer_id = $1 and role = $2"
_ASSIGN: Final = """
insert into assignment (customer_id, role, staff_id, assigned_at) values ($1, $2, $3, $4)
on conflict (customer_id, role)
do update set staff_id = excluded.staff_id, assigned_at = excluded.assigned_at
"""


async def is_fitting(unit: Unit, staff: UUID, role: Role, branch: UUID | None) -> bool:
    """Tell whether somebody holds a post and works for a branch."""
    return bool(await unit.fetch(_FITTING, staff, branch, role))


async def works_for(unit: Unit, staff: UUID, branch: UUID | None) -> bool:
    """Tell whether somebody works for a branch."""
    sql = "select from staff where id = $1 and active and branch_id = $2 for share"
    return bool(await unit.fetch(sql, staff, branch))


async def holder(unit: Unit, customer: UUID, role: Role) -> UUID | None:
    """Give who is responsible for a locked customer in a post."""
    rows = await unit.fetch(_CURRENT, customer, role)
    return rows[0]["staff_id"] if rows else None


async def assign(unit: Unit, row: Any, role: Role, staff: UUID) -> None:
    """Make somebody responsible for a locked customer instead of who was; raise its version."""
    await unit.change(_ASSIGN, row["id"], role, staff, unit.at)
    await unit.change(
        "update customer set version = version + 1 where id = $1 and version = $2",
        row["id"],
        row["version"],
    )
