"""Finding rows by their global ids."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.planner.errors import bad_input, too_large
from app.planner.global_id import GlobalId
from app.planner.loaders import load_row
from app.planner.projection import Projection, Row
from app.resolvers.context import Context, Selected


async def find(
    context: Context, projections: Mapping[str, Projection], global_id: str, selected: Selected
) -> Row | None:
    """Give the row of an id, or None when there is none that the viewer may see."""
    wanted = GlobalId.parse(global_id)
    projection = projections.get(wanted.prefix)
    if projection is None:
        message = f"no type of this API has ids that begin with '{wanted.prefix}_'"
        raise bad_input(message)
    return await load_row(context.reader, projection, wanted.owner, wanted.id, selected(projection))


async def find_all(
    context: Context,
    projections: Mapping[str, Projection],
    global_ids: Sequence[str],
    selected: Selected,
) -> list[Any]:
    """Give the rows of many ids, in their order, with None where there is none."""
    if len(global_ids) > context.reader.page_size_max:
        message = f"nodes: {len(global_ids)} ids; at most {context.reader.page_size_max}"
        raise too_large(message)
    rows = (find(context, projections, global_id, selected) for global_id in global_ids)
    return list(await asyncio.gather(*rows))
