"""Finding customers."""

import asyncio
from uuid import UUID

from strawberry.utils.str_converters import to_camel_case

from app.db.lookup import LookUp, find_customers
from app.planner.errors import bad_input
from app.planner.loaders import load_row
from app.planner.projection import ID, Projection, Row
from app.resolvers.context import Context, Selected, check_value, note_look_up


async def look_up(
    context: Context, name: str, value: str, projection: Projection, selected: Selected
) -> Row | None:
    """Give the one customer whose ``name`` has the value, or None when the viewer may see none.

    Refuses an empty or overlong value, and a shared phone number or e-mail address, which names
    nobody in particular.
    """
    found = await found_by(context, LookUp(name), value)
    names = selected(projection)
    pending = (load_row(context.reader, projection, each, each, names) for each in found)
    rows = await asyncio.gather(*pending)
    # Only what the viewer may see counts: a refusal must not tell that others exist.
    seen = [row for row in rows if row is not None]
    if len(seen) > 1:
        message = f"several customers share this {name}; look up by another value"
        raise bad_input(message)
    for row in seen:
        note_look_up(context, LookUp(name), row[ID])
    return seen[0] if seen else None


async def found_by(context: Context, by: LookUp, value: str) -> list[UUID]:
    """Give the customers with a value, whom the viewer may not all see."""
    check_value(f"customerBy(by: {{{to_camel_case(by)}}})", value)
    return await find_customers(context.reader.run, context.index, by, value)
