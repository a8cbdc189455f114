"""A bank of its own for a test that rotates the master key, and what can be read of it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from factories import Factory

from app.db.crypto import KeyRing
from app.db.ids import new_id
from app.db.key_check import check_keys, make_key
from app.db.keys import Keys
from app.db.master_key import PREFIX_BYTES

T = TypeVar("T")
PLACE = "customer.name_ciphertext"
NAME = "Emma Avaya Smith"


@dataclass
class RotatedBank:
    """A database and the data folder with its keys."""

    url: str
    folder: Path

    def load(self) -> Keys:
        """The keys as a process that starts now has them; refused where they are foreign."""
        keys = Keys.load(self.folder, None, None)
        asyncio.run(check_keys(self.url, keys))
        return keys

    def use(self, work: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
        """Run work on a connection of the owner."""

        async def connected() -> T:
            connection = await asyncpg.connect(self.url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(connected())

    def fill(self, keys: Keys, customers: int) -> None:
        async def add(connection: asyncpg.Connection) -> None:
            factory = Factory(connection, keys)
            await factory.bank()
            for _ in range(customers):
                await factory.customer(name=NAME)

        self.use(add)

    def names(self, keys: Keys) -> list[str]:
        """Everybody's name, as a process with these keys reads it."""
        rows = self.use(
            lambda connection: connection.fetch(
                "select id, name_ciphertext, wrapped_key from customer"
                " join customer_key on customer_id = id where type <> 'BANK'"
            )
        )
        return [
            keys.ring.cipher(row["id"], row["wrapped_key"]).decrypt(PLACE, row["id"], row[1])
            for row in rows
        ]

    def wrapped(self) -> dict[UUID, bytes]:
        rows = self.use(lambda c: c.fetch("select customer_id, wrapped_key from customer_key"))
        return {row["customer_id"]: row["wrapped_key"] for row in rows}

    def under(self) -> set[bytes]:
        """The prefixes of the master keys that something is wrapped with."""
        known = self.use(lambda connection: connection.fetchval("select master from key_check"))
        return {wrapped[:PREFIX_BYTES] for wrapped in [known, *self.wrapped().values()]}

    def records(self) -> list[asyncpg.Record]:
        return self.use(lambda connection: connection.fetch("select * from audit_record"))


def quiet(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


async def add_customer(connection: asyncpg.Connection, ring: KeyRing) -> None:
    async with connection.transaction():
        await insert_customer(connection, ring)


async def insert_customer(connection: asyncpg.Connection, ring: KeyRing) -> None:
    identity = new_id()
    wrapped, cipher = await make_key(connection, ring, identity)
    await connection.execute(
        """
        insert into customer (id, number, type, source, status, kyc_status, tier, customer_since,
            name_ciphertext)
        values ($1, $2, 'INDIVIDUAL', 'BANK360', 'ACTIVE', 'VERIFIED', 'NORMAL', '2020-01-01', $3)
        """,
        identity,
        f"N{identity.hex}",
        cipher.encrypt("customer.name_ciphertext", identity, NAME),
    )
    await connection.execute("insert into customer_key values ($1, $2)", identity, wrapped)
