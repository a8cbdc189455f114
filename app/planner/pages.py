"""Relay connections over keyset pages."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import strawberry

from app.planner.cursors import Cursors
from app.planner.errors import bad_input, too_large
from app.planner.guards import PUBLIC

NodeT = TypeVar("NodeT")

PAGE_SIZE_DEFAULT: Final = 20


@strawberry.type(description="Where a page stands in its list (Relay).")
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = strawberry.field(description="Rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Rows come before this page.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first row; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last row, for `after:`; null on an empty page."
    )


PageInfo.__guard__ = PUBLIC  # type: ignore[attr-defined]  # It tells nothing of any row.


@strawberry.type(description="A row of a list with its place in it (Relay).")
class Edge(Generic[NodeT]):
    """A row with its place."""

    cursor: str = strawberry.field(description="The row's place, for `after:` and `before:`.")
    node: NodeT = strawberry.field(description="The row.")


@strawberry.type(description="A page of a list (Relay); `nodes` is short for `edges { node }`.")
class Connection(Generic[NodeT]):
    """A page of a list."""

    edges: list[Edge[NodeT]] = strawberry.field(description="The rows with their places.")
    nodes: list[NodeT] = strawberry.field(description="The rows.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in the list.")
    total_count: int = strawberry.field(
        description="Number of rows in the whole list; counted only when asked for."
    )


@dataclass(frozen=True)
class PageArguments:
    """``first``/``after`` or ``last``/``before``, checked."""

    size: int
    cursor: str | None
    backwards: bool

    @classmethod
    def check(
        cls,
        first: int | None,
        after: str | None,
        last: int | None,
        before: str | None,
        size_max: int,
    ) -> "PageArguments":
        """Refuse what does not fit together, and sizes out of range."""
        backwards = last is not None or before is not None
        if backwards and (first is not None or after is not None):
            message = "page forwards with first and after, or backwards with last and before"
            raise bad_input(message)
        name, size = ("last", last) if backwards else ("first", first)
        if size is None:
            size = min(PAGE_SIZE_DEFAULT, size_max)
        if size < 0:
            message = f"{name} is {size}; it cannot be negative"
            raise bad_input(message)
        if size > size_max:
            message = f"{name} is {size}; a page has at most {size_max} rows"
            raise too_large(message)
        return cls(size, before if backwards else after, backwards)


@dataclass(frozen=True)
class Page:
    """What resolves a connection: at most as many rows as asked for; ``more`` if the list goes on.

    The rows of a page read backwards come last row first.
    """

    rows: Sequence[Any]
    more: bool
    arguments: PageArguments
    cursors: Cursors
    scope: str
    keys: Sequence[object]
    place: Callable[[Any], Sequence[object]]
    count: Callable[[], Awaitable[int]]

    @property
    def nodes(self) -> Sequence[Any]:
        """The page's rows in the list's order."""
        return self.rows[::-1] if self.arguments.backwards else self.rows

    def _cursor(self, row: Any) -> str:
        return self.cursors.write(self.scope, self.keys, self.place(row))

    @property
    def edges(self) -> list[Edge[Any]]:
        """The page's rows with their cursors."""
        return [Edge(cursor=self._cursor(row), node=row) for row in self.nodes]

    @property
    def page_info(self) -> PageInfo:
        """Where the page stands; a cursor tells that there is something on its side."""
        entered = self.arguments.cursor is not None
        nodes = self.nodes
        return PageInfo(
            has_next_page=entered if self.arguments.backwards else self.more,
            has_previous_page=self.more if self.arguments.backwards else entered,
            start_cursor=self._cursor(nodes[0]) if nodes else None,
            end_cursor=self._cursor(nodes[-1]) if nodes else None,
        )

    @property
    def total_count(self) -> Awaitable[int]:
        """The size of the whole list."""
        return self.count()
