"""Finding customers."""

from app.db.lookup import LookUp, find_customers
from app.planner.errors import bad_input
from app.planner.loaders import load_row
from app.planner.projection import Projection, Row
from app.resolvers.context import Context, Selected, check_value


async def look_up(
    context: Context, given: dict[str, str | None], projection: Projection, selected: Selected
) -> Row | None:
    """Give the one customer with the one value given, or None when the viewer may see none.

    Refuses an empty or overlong value, and a shared phone number or e-mail address, which names
    nobody in particular.
    """
    ((name, value),) = ((name, value) for name, value in given.items() if value is not None)
    check_value(f"customerBy(by: {{{name}}})", value)
    found = await find_customers(context.reader.run, context.index, LookUp(name), value)
    if len(found) > 1:
        message = f"several customers share this {name}; look up by another value"
        raise bad_input(message)
    if not found:
        return None
    return await load_row(context.reader, projection, found[0], found[0], selected(projection))
