"""What tests of mutations share."""

from typing import Any, Final

import asyncpg
from client import Client
from factories import Factory, Made
from sqlmodel import SQLModel

from app.auth.permissions import Role
from app.db.keys import Keys
from app.db.policies import CLOSED

# Refusals are kept, so that they stay refusals; and the sequencer works on at its own pace.
_KEPT: Final = frozenset({"idempotency_key", "audit_head", "audit_link", "audit_pending"})


async def state(owner: asyncpg.Connection) -> dict[str, Any]:
    """Give every row of every table that a refused command must leave as it is."""
    tables = sorted(SQLModel.metadata.tables.keys() - CLOSED - _KEPT)
    return {
        table: sorted(map(repr, await owner.fetch(f"select * from {table}"))) for table in tables
    }


async def manager_of(client: Client, factory: Factory, *customers: Made) -> Client:
    """A relationship manager who is responsible for these customers."""
    staff = await factory.responsible("RELATIONSHIP_MANAGER", *customers)
    return client.as_(Role.RELATIONSHIP_MANAGER, staff)


async def detail_of(owner: asyncpg.Connection, keys: Keys, record: asyncpg.Record) -> str:
    """What a record keeps under the customer's key, as its text."""
    wrapped = await owner.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", record["customer_id"]
    )
    cipher = keys.ring.cipher(record["customer_id"], wrapped)
    place = "audit_record.detail_ciphertext"
    return cipher.decrypt(place, record["id"], record["detail_ciphertext"])
