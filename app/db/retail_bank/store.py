"""Writing what the files hold: what is there already, keys of customers, and COPY."""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg

from app.db.bank_itself import Bank
from app.db.crypto import CustomerCipher
from app.db.ids import derived_id
from app.db.keys import Keys
from app.db.retail_bank.files import Source, SourceFile

Progress = Callable[[str, int, int], None]
Item = TypeVar("Item")

# The files' state of loans and accounts is the one of this day, the last of the data.
DATA_ENDS_ON: Final = date(2018, 12, 31)
DATA_BEGINS_ON: Final = date(2013, 1, 1)
_IDS_FROM: Final = datetime(2013, 1, 1, tzinfo=UTC)
_ORIGIN: Final = "retail-bank"
# Rows of a file that are looked up and stored at once: keeps memory flat.
BATCH_ROWS: Final = 2_000


def source_id(kind: str, *source: str) -> UUID:
    """Give the id that always belongs to the same record of the files.

    It depends on the record's own identifier only: a line whose date or reference was corrected
    between two runs is still the same record.
    """
    return derived_id(_IDS_FROM, _ORIGIN, kind, *source)


def source_id_at(at: datetime, kind: str, *source: str) -> UUID:
    """Give such an id for a record whose place in time its order needs."""
    return derived_id(at, _ORIGIN, kind, *source)


def batches(items: Iterable[Item], size: int = BATCH_ROWS) -> Iterator[list[Item]]:
    """Cut ``items`` into lists of at most ``size``."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer of the files who is in the bank; ``known`` if an earlier run stored this one."""

    id: UUID
    branch_id: UUID
    known: bool


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account of the files that is in the bank; ``known`` if an earlier run stored it."""

    owner_id: UUID
    id: UUID
    opened_on: date
    known: bool


@dataclass
class Store:
    """The connection of one import, with what the files' references lead to so far."""

    connection: asyncpg.Connection
    keys: Keys
    bank: Bank
    files: Mapping[Source, SourceFile]
    progress: Progress
    filled: set[str] = field(default_factory=set)
    branches: dict[int, UUID] = field(default_factory=dict)
    customers: dict[str, StoredCustomer] = field(default_factory=dict)
    accounts: dict[str, StoredAccount] = field(default_factory=dict)
    wrapped: dict[UUID, bytes] = field(default_factory=dict)

    async def copy(
        self,
        table: str,
        columns: Sequence[str],
        records: Iterable[Sequence[object]] | AsyncIterable[Sequence[object]],
    ) -> None:
        """Append records to a table."""
        await self.connection.copy_records_to_table(table, columns=columns, records=records)
        self.filled.add(table)

    async def known(
        self, table: str, owned: Iterable[tuple[UUID, UUID]] = (), *, id_column: str = "id"
    ) -> set[UUID]:
        """Give those ids of customer-owned rows, as (customer id, id), that are stored."""
        pairs = list(owned)
        found = await self.connection.fetch(
            f"""
            select {id_column} from {table} join
                unnest($1::uuid[], $2::uuid[]) as wanted (customer_id, wanted_id)
                on {table}.customer_id = wanted.customer_id
                and {table}.{id_column} = wanted.wanted_id
            """,
            [customer_id for customer_id, _ in pairs],
            [row_id for _, row_id in pairs],
        )
        return {row[0] for row in found}

    async def owners(self, table: str, key: str, column: str, values: list[Any]) -> dict[Any, UUID]:
        """Give what a look-up table leads to: its ``column`` for each of ``values`` it holds."""
        found = await self.connection.fetch(
            f"select {key}, {column} from {table} where {key} = any($1)", values
        )
        return {row[0]: row[1] for row in found}

    async def load_keys(self, customer_ids: list[UUID]) -> None:
        """Read the wrapped keys of customers whom an earlier run stored."""
        found = await self.owners("customer_key", "customer_id", "wrapped_key", customer_ids)
        self.wrapped.update(found)

    def cipher(self, customer_id: UUID) -> CustomerCipher | None:
        """Give a customer's cipher, None when the customer was erased."""
        if customer_id == self.bank.customer_id:
            return self.bank.cipher
        wrapped = self.wrapped.get(customer_id)
        return None if wrapped is None else self.keys.ring.cipher(customer_id, wrapped)

    def advance(self, file: SourceFile) -> None:
        """Report how far a file has come."""
        self.progress(file.source.name, file.count.read, file.rows)
