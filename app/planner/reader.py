"""What one operation reads with: connection, keys, cursors, and its own loaders."""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from aiodataloader import DataLoader

from app.db.crypto import KeyRing
from app.db.sight import Sight
from app.domain.problem import Language
from app.planner.cursors import Cursors
from app.planner.identities import Identities
from app.planner.prepared import Prepared
from app.planner.projection import ID, KEY, OWNER, Row, Scope

LoaderT = TypeVar("LoaderT", bound=DataLoader[Any, Any])


class Fetches(Protocol):
    """Runs one read statement as the viewer."""

    async def fetch(self, sql: str, values: Sequence[Any], viewer: str) -> Sequence[Any]:
        """Give the rows of a statement with positional values that ``viewer`` may see."""

    async def answer(self, sql: str, values: Sequence[Any], viewer: str) -> Any:
        """Give the value of a statement that is told itself who is asking."""

    @property
    def sight(self) -> Sight:
        """Tells what viewers see, many of them at once."""


@dataclass
class Reader:
    """Made anew for every operation, and for every event of a subscription."""

    database: Fetches
    ring: KeyRing
    cursors: Cursors
    identities: Identities
    scope: Scope
    page_size_max: int
    language: Language = Language.EN
    statements: int = 0
    loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict)
    _reading: set[asyncio.Task[Any]] = field(default_factory=set)
    _cancelled: bool = False

    async def fetch(
        self, statement: Prepared, values: Mapping[str, Any], scope: Scope | None = None
    ) -> Sequence[Any]:
        """Run a prepared statement on a connection of its own, in the operation's scope or another.

        Reports cover other rows than what the viewer may come to.
        """
        return await self.run(statement.sql, statement.arguments(values), scope)

    async def run(
        self, sql: str, values: Sequence[Any], scope: Scope | None = None
    ) -> Sequence[Any]:
        """Run a statement with positional values on a connection of its own."""
        with self._noted():
            return await self.database.fetch(sql, values, (scope or self.scope).setting)

    async def answer(self, sql: str, values: Sequence[Any]) -> Any:
        """Run a plan's statement in the operation's scope; gives its one value."""
        with self._noted():
            return await self.database.answer(sql, values, self.scope.setting)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        if self._cancelled:
            raise asyncio.CancelledError
        self.statements += 1
        task = asyncio.current_task()
        assert task is not None
        self._reading.add(task)
        try:
            yield
        finally:
            self._reading.discard(task)

    async def sees(self, customer: UUID) -> bool:
        """Tell whether a customer is in the viewer's scope, together with others who ask now."""
        return await self.database.sight.sees(self.scope.setting, customer)

    async def works_on(self, staff: UUID, queue: str) -> bool:
        """Tell whether somebody works on a queue of the service desk, as ``sees`` does."""
        return await self.database.sight.works_on(self.scope.setting, staff, queue)

    def cancel(self) -> None:
        """Cancel the statements that still run and those yet to come.

        Batches outlive the operation that began them.
        """
        self._cancelled = True
        for task in tuple(self._reading):
            task.cancel()

    def loader(self, key: Hashable, make: Callable[[], LoaderT]) -> LoaderT:
        """Give the operation's loader of ``key``, made on first use."""
        if key not in self.loaders:
            self.loaders[key] = make()
        return self.loaders[key]  # type: ignore[return-value]  # The key fixes the type.

    def decrypt(self, row: Row, label: str, column: str) -> str | None:
        """Open the ciphertext under ``label``; null where there is none or the key is erased."""
        ciphertext, wrapped = row[label], row[KEY]
        if ciphertext is None or wrapped is None:
            return None
        cipher = self.ring.cipher(row[OWNER], wrapped)
        return cipher.decrypt(f"{row.projection.table_name}.{column}", row[ID], ciphertext)
