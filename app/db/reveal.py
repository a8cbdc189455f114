"""Statements by which the unit of work shows a masked value."""

from uuid import UUID

from app.db.unit_of_work import Unit


async def lock_value(unit: Unit, customer: UUID) -> None:
    """Keep a customer's data as they are until it is on record what was shown of them."""
    await unit.fetch("select from customer where id = $1 for share", customer)
