"""Whom viewers see: asked for many of them at once, of what row-level security says itself.

Of one event many are told at the same moment. What each may be told is asked anew every time, but
in one statement for all who ask at that moment.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from aiodataloader import DataLoader

from app.db.viewer_setting import VIEWER_SETTING

_VIEWERS_MAX: Final = 1_000
_NOBODY: Final = ""
# The session is told who is asking anew for each row, before the row's question is answered.
_ASKING: Final = f"set_config('{VIEWER_SETTING}', given.viewer, true) is not null"
_SEES: Final = f"""
select case when {_ASKING} then viewer_sees(given.customer) end as answer
from unnest($1::text[], $2::uuid[]) with ordinality as given (viewer, customer, place)
order by given.place
"""
_WORKS_ON: Final = f"""
select case when {_ASKING} then exists (
    select from staff_queue
    where staff_queue.staff_id = given.staff and staff_queue.queue = given.queue
) end as answer
from unnest($1::text[], $2::uuid[], $3::text[]) with ordinality
    as given (viewer, staff, queue, place)
order by given.place
"""

Fetch = Callable[[str, Sequence[Any], str], Awaitable[Sequence[Any]]]
_Question = tuple[Any, ...]


class _Asked(DataLoader[_Question, bool]):
    """Puts the questions of one turn of the event loop into one statement; keeps no answer."""

    max_batch_size = _VIEWERS_MAX
    cache = False

    def __init__(self, fetch: Fetch, sql: str) -> None:
        super().__init__()
        self._fetch = fetch
        self._sql = sql

    async def batch_load_fn(self, keys: list[_Question]) -> list[bool]:
        columns = [list(column) for column in zip(*keys, strict=True)]
        rows = await self._fetch(self._sql, columns, _NOBODY)
        return [bool(row["answer"]) for row in rows]


class Sight:
    """Tells what viewers see; one for a pool of connections."""

    def __init__(self, fetch: Fetch) -> None:
        """Take what runs a statement as a viewer."""
        self._fetch = fetch

    async def sees(self, viewer: str, customer: UUID) -> bool:
        """Tell whether a customer is in a viewer's scope; ``viewer`` is as in RowScope.setting."""
        return await self._customers.load((viewer, customer))

    async def works_on(self, viewer: str, staff: UUID, queue: str) -> bool:
        """Tell whether somebody works on a queue of the service desk."""
        return await self._queues.load((viewer, staff, queue))

    @cached_property
    def _customers(self) -> _Asked:
        # Made on first use, when there is an event loop.
        return _Asked(self._fetch, _SEES)

    @cached_property
    def _queues(self) -> _Asked:
        return _Asked(self._fetch, _WORKS_ON)
