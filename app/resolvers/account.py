"""Finding accounts."""

from uuid import UUID

from app.db.lookup import LookUp, find_account
from app.planner.loaders import load_row
from app.planner.projection import Projection, Row
from app.resolvers.context import Context, Selected, check_value, note_look_up


async def look_up(
    context: Context, number: str, projection: Projection, selected: Selected
) -> Row | None:
    """Give the account with this number, or None when the viewer may see none.

    Refuses an empty or overlong number.
    """
    found = await found_by(context, number)
    if found is None:
        return None
    owner, account_id = found
    row = await load_row(context.reader, projection, owner, account_id, selected(projection))
    if row is not None:
        note_look_up(context, LookUp.ACCOUNT_NUMBER, owner)
    return row


async def found_by(context: Context, number: str) -> tuple[UUID, UUID] | None:
    """Give owner and id of the account with this number, which the viewer may not see."""
    check_value("accountBy(number)", number)
    return await find_account(context.reader.run, context.index, number)
