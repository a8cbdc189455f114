"""Alembic's environment: one migration at a time, and none that waits long for a lock."""

import asyncio
import re
from typing import Any, Final

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from app.db import tables
from app.db.guards import PARTITIONED

assert tables  # Importing the tables registers them in the metadata.

# Any fixed number that no other use of advisory locks in this database takes.
_LOCK: Final = 360_001
_LOCK_TIMEOUT_SECONDS: Final = 5
_STATEMENT_TIMEOUT_SECONDS: Final = 600
# Parts of partitioned tables are no tables of their own.
_PART: Final = re.compile(rf"({'|'.join(PARTITIONED)})_(\d{{4}}|rest)")


def _is_declared(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name is None or _PART.fullmatch(name) is None


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        compare_server_default=True,
        include_name=_is_declared,
    )
    with context.begin_transaction():
        connection.execute(text(f"select pg_advisory_xact_lock({_LOCK})"))
        connection.execute(text(f"set local lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'"))
        connection.execute(text(f"set local statement_timeout = '{_STATEMENT_TIMEOUT_SECONDS}s'"))
        context.run_migrations()


async def _run_online(dsn: str) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(dsn)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_run_online(context.config.attributes["dsn"]))
