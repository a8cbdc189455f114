"""Finding rows by their global ids."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from graphql.pyutils import Path

from app.auth.permissions import Access
from app.planner.errors import bad_input, too_large
from app.planner.global_id import GlobalId
from app.planner.loaders import load_row
from app.planner.projection import Projection, Row
from app.resolvers.context import Context, Selected


async def find(
    context: Context,
    projections: Mapping[str, Projection],
    global_id: str,
    selected: Selected,
    path: Path,
) -> Row | None:
    """Give the row of an id, or None when there is none that the viewer may see.

    ``path`` is where a denial of the row's type is told.
    """
    wanted = context.reader.identities.read(global_id)
    projection = projections.get(wanted.prefix)
    if projection is None:
        message = f"no type of this API has ids that begin with '{wanted.prefix}_'"
        raise bad_input(message)
    guard = projection.guard
    if guard is not None and guard.permission is not None:
        access = guard.access(context.viewer)
        if access is not Access.CLEAR:
            context.disclosure.deny(path, guard.permission, access)
            return None
    names = selected(projection)
    row = await load_row(context.reader, projection, wanted.owner, wanted.id, names)
    if row is not None and guard is not None and guard.is_personal:
        # The root field itself is public, so nothing else notes that the object was shown.
        context.disclosure.exposing(str(guard.permission))(None)
    return row


async def find_all(
    context: Context,
    projections: Mapping[str, Projection],
    global_ids: Sequence[str],
    selected: Selected,
    path: Path,
) -> list[Any]:
    """Give the rows of many ids, in their order, with None where there is none."""
    check_number(context, global_ids)
    rows = (
        find(context, projections, global_id, selected, path.add_key(index, None))
        for index, global_id in enumerate(global_ids)
    )
    return list(await asyncio.gather(*rows))


def check_number(context: Context, global_ids: Sequence[str]) -> None:
    """Refuse more ids than a page has rows."""
    if len(global_ids) > context.reader.page_size_max:
        message = f"nodes: {len(global_ids)} ids; at most {context.reader.page_size_max}"
        raise too_large(message)


def read_ids(context: Context, global_ids: Sequence[str]) -> list[GlobalId]:
    """Read ids, not too many of them."""
    check_number(context, global_ids)
    return [context.reader.identities.read(each) for each in global_ids]
