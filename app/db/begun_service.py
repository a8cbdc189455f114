"""Statements by which the unit of work begins and ends services.

Whoever began a service sees the customer until it ends (`viewer_serves` in app.db.policies).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.db.bank_itself import BANK_ID
from app.db.unit_of_work import Unit

# A service ends after it began, also where the clocks of two transactions disagree.
_ENDED_AT = "greatest($1, begun_at + interval '1 microsecond')"


async def lock_colleague(unit: Unit) -> bool:
    """Lock the acting member of staff, so that services are counted one after another.

    Tells whether the person works for the bank.
    """
    sql = "select from staff where id = $1 and active for no key update"
    return bool(await unit.fetch(sql, unit.viewer.staff_id))


async def count_begun(unit: Unit, within: timedelta) -> int:
    """Count the services that the acting member of staff began of late, in whatever role."""
    sql = """
        select count(*) as services from begun_service
        where staff_id = $1 and begun_at > $2 and ends_at > $2
    """
    (row,) = await unit.fetch(sql, unit.viewer.staff_id, unit.at - within)
    return int(row["services"])


async def served_among(unit: Unit, customers: Sequence[UUID]) -> list[UUID]:
    """Give those of some customers whom anybody may serve: not the bank, and nobody erased."""
    sql = """
        select id from customer
        where id = any($1::uuid[]) and id <> $2 and erased_at is null
            and exists (select from customer_key where customer_id = customer.id)
    """
    return [row["id"] for row in await unit.fetch(sql, list(customers), BANK_ID)]


async def begin(unit: Unit, customer: UUID, service: UUID, lasts: timedelta, **how: str) -> None:
    """Begin a service in the acting role; one that still runs for the same customer ends.

    ``how`` are its reason and evidence.
    """
    await unit.fetch("select from customer where id = $1 for update", customer)
    await unit.fetch(
        f"update begun_service set ends_at = {_ENDED_AT}"
        " where customer_id = $2 and staff_id = $3 and role = $4 and ends_at > $1",
        unit.at,
        customer,
        unit.viewer.staff_id,
        unit.viewer.role.value,
    )
    await unit.insert(
        "begun_service",
        customer_id=customer,
        id=service,
        staff_id=unit.viewer.staff_id,
        role=unit.viewer.role.value,
        begun_at=unit.at,
        ends_at=unit.at + lasts,
        **how,
    )


async def lock_own(unit: Unit, customer: UUID, service: UUID) -> Any:
    """Lock a service that the viewer began in the acting role, with its customer, or give None."""
    sql = """
        select begun_service.ends_at from customer
        join begun_service on begun_service.customer_id = customer.id
        where customer.id = $1 and begun_service.id = $2 and staff_id = $3 and role = $4
        for update of customer, begun_service
    """
    role = unit.viewer.role.value
    rows = await unit.fetch(sql, customer, service, unit.viewer.staff_id, role)
    return rows[0] if rows else None


async def end(unit: Unit, customer: UUID, service: UUID) -> None:
    """End a service now."""
    sql = f"update begun_service set ends_at = {_ENDED_AT} where customer_id = $2 and id = $3"
    await unit.change(sql, unit.at, customer, service)
