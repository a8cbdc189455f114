"""What one operation reads with: connection, keys, cursors, and its own loaders."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from aiodataloader import DataLoader
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from app.db.crypto import KeyRing
from app.planner.cursors import Cursors
from app.planner.projection import ID, KEY, OWNER, Row

_DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]

LoaderT = TypeVar("LoaderT", bound=DataLoader[Any, Any])


class Fetches(Protocol):
    """Runs one read statement as the viewer."""

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """Give the rows of a statement with positional values."""


@dataclass
class Reader:
    """Made anew for every operation, and for every event of a subscription."""

    database: Fetches
    ring: KeyRing
    cursors: Cursors
    page_size_max: int
    statements: int = 0
    loaders: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict)

    async def fetch(self, statement: Select[Any]) -> Sequence[Any]:
        """Run a statement built with SQLAlchemy Core on a connection of its own."""
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        return await self.run(compiled.string, values)

    async def run(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """Run a statement with positional values on a connection of its own."""
        self.statements += 1
        return await self.database.fetch(sql, values)

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
