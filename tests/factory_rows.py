"""Rows that tests make, and the customer keys that they are encrypted with."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from app.db.bank_itself import ensure_bank
from app.db.crypto import CustomerCipher
from app.db.keys import Keys
from app.domain.money import Currency
from app.planner.global_id import format_id


@dataclass(frozen=True)
class Made:
    """A row that a test made."""

    prefix: str
    owner: UUID
    id: UUID

    @property
    def global_id(self) -> str:
        return format_id(self.prefix, self.owner, self.id)


class Rows:
    """Inserts rows as the owner of the tables."""

    def __init__(self, connection: asyncpg.Connection, keys: Keys) -> None:
        self.connection = connection
        self.keys = keys
        self.ciphers: dict[UUID, CustomerCipher] = {}

    async def insert(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        sql = f"insert into {table} ({names}) values ({places})"
        await self.connection.execute(sql, *values.values())

    async def business_date(self, on: date) -> None:
        await self.connection.execute(
            "insert into business_date values (1, $1)"
            " on conflict (id) do update set current_on = excluded.current_on",
            on,
        )

    def encrypt(self, customer: UUID, place: str, row: UUID, value: str) -> bytes:
        return self.ciphers[customer].encrypt(place, row, value)

    async def bank(self) -> Made:
        """The bank itself, which there is once in a database."""
        today = date(2014, 5, 1)
        async with self.connection.transaction():
            bank = await ensure_bank(self.connection, self.keys, today, Currency.USD)
        self.ciphers[bank.customer_id] = bank.cipher
        return Made("cus", bank.customer_id, bank.customer_id)
