"""Migrations: move a database to the newest revision."""

import asyncio
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.db.roles import ensure_roles

_FOLDER: Final = Path(__file__).parent / "migrations"


def alembic_config(dsn: str | None = None) -> Config:
    """Give alembic's configuration for the database at ``dsn``."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["dsn"] = dsn
    return config


async def upgrade(dsn: str) -> None:
    """Create the database roles and move the database to the newest revision."""
    await ensure_roles(dsn)
    # Alembic's environment runs an event loop of its own.
    await asyncio.to_thread(command.upgrade, alembic_config(dsn), "head")


async def is_current(dsn: str) -> bool:
    """Tell whether the database is at the newest revision."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetchval("select version_num from alembic_version")
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()
    return bool(found == head)
