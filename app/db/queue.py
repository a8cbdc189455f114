"""The queue and the clock of jobs: pgqueuer's tables, in a schema of their own.

The tables are made by our migrations from pgqueuer's own declaration; a release of pgqueuer that
declares others shows in the comparison of migrated and declared databases, and needs a revision.
"""

from typing import Final

import asyncpg
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.domain.settings import DBSettings, Durability

from app.db.roles import JOBS

SCHEMA: Final = "pgqueuer"
# Every name is given: pgqueuer would otherwise read it from variables such as TRIGGER or CHANNEL.
SETTINGS: Final = DBSettings(
    prefix="",
    db_schema=SCHEMA,
    channel="ch_pgqueuer",
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
)
INSTALL: Final = f"""
{QueryBuilderEnvironment(SETTINGS).build_install_query()}
grant usage on schema {SCHEMA} to {JOBS};
grant select, insert, update, delete on all tables in schema {SCHEMA} to {JOBS};
grant usage on all sequences in schema {SCHEMA} to {JOBS};
"""
# One listens, one beats, one works the queue.
_CONNECTIONS: Final = 3
_CONNECT_TIMEOUT_SECONDS: Final = 10
_STATEMENT_TIMEOUT_SECONDS: Final = 30


async def open_queue_pool(dsn: str) -> "asyncpg.Pool[asyncpg.Record]":
    """Open the connections of the queue alone, in the role ``jobs``."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=_CONNECT_TIMEOUT_SECONDS,
        server_settings={
            "role": JOBS,
            "application_name": "bank360 queue",
            "statement_timeout": f"{_STATEMENT_TIMEOUT_SECONDS}s",
        },
    )


def queries(pool: "asyncpg.Pool[asyncpg.Record]") -> Queries:
    """Give pgqueuer's statements on our tables."""
    return Queries(
        AsyncpgPoolDriver(pool),
        qbe=QueryBuilderEnvironment(SETTINGS),
        qbq=QueryQueueBuilder(SETTINGS),
        qbs=QuerySchedulerBuilder(SETTINGS),
    )
