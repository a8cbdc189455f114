"""Rows that tests make, and the customer keys that they are encrypted with."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from app.db.bank_itself import ensure_bank
from app.db.crypto import CustomerCipher
from app.db.ids import new_id
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

    async def trail(self, customer: Made, staff: UUID) -> None:
        """A row in every table of the audit trail, and of what goes with it."""
        record, at = new_id(), datetime(2026, 6, 30, tzinfo=UTC)
        await self.insert(
            "audit_record",
            recorded_at=at,
            id=record,
            kind="WRITE",
            command="updateCustomer",
            customer_id=customer.id,
            fields=["phone"],
            mac=b"mac",
        )
        # The sequencer takes it for a record that it has yet to number.
        await self.insert("audit_pending", recorded_at=at, record_id=await self._unnumbered(at))
        last = await self.connection.fetchval("select max(position) from audit_link")
        place = {"position": (last or 0) + 1, "hash": b""}
        await self.insert("audit_link", **place, recorded_at=at, record_id=record, record_mac=b"")
        await self.insert("audit_head", **place, signed_at=at, signature=b"")
        await self.insert(
            "audit_read",
            customer_id=customer.id,
            recorded_at=at,
            id=new_id(),
            record_id=record,
            actor_id=staff,
            role="TELLER",
            fields=["CUSTOMER_NAME_READ"],
        )
        await self.insert(
            "idempotency_key",
            actor_id=staff,
            key="key",
            command="updateCustomer",
            payload_hash=b"",
            recorded_at=at,
            result_id=customer.id,
        )
        await self.insert("transfer_promise", actor_id=staff, id=new_id(), valid_until=at)
        await self.consent(customer, at)
        await self.service(customer, staff, "TELLER")

    async def consent(self, customer: Made, at: datetime, **given: Any) -> Made:
        """What a customer said at a time."""
        row = new_id()
        values = {"purpose": "PROFILING", "granted": True, "channel": "BRANCH"} | given
        await self.insert("consent", customer_id=customer.id, id=row, recorded_at=at, **values)
        return Made("con", customer.id, row)

    async def _unnumbered(self, at: datetime) -> UUID:
        record = new_id()
        await self.insert(
            "audit_record",
            recorded_at=at,
            id=record,
            kind="WRITE",
            command="touch",
            fields=[],
            mac=b"mac",
        )
        return record

    async def service(self, customer: Made, staff: UUID, role: str, minutes: int = 30) -> Made:
        """A service that began a minute ago, and lasts so long from now."""
        row, now = new_id(), datetime.now(UTC)
        await self.insert(
            "begun_service",
            customer_id=customer.id,
            id=row,
            staff_id=staff,
            role=role,
            reason="WALK_IN",
            evidence="IDENTITY_DOCUMENT",
            begun_at=now - timedelta(minutes=31),
            ends_at=now + timedelta(minutes=minutes),
        )
        return Made("svc", customer.id, row)
