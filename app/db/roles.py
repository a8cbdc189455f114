"""The four database roles: the owner that migrates, and three that requests and jobs act as.

``app_read`` answers queries, ``app_write`` acts inside the unit of work, ``jobs`` is the worker.
None can log in: a connection of the owner takes the role on when it starts.
"""

from typing import Final

import asyncpg

APP_READ: Final = "app_read"
APP_WRITE: Final = "app_write"
JOBS: Final = "jobs"
APPLICATION_ROLES: Final = (APP_READ, APP_WRITE, JOBS)


async def ensure_roles(dsn: str) -> None:
    """Create the application's roles where they are missing and let the owner act as them.

    Roles belong to the whole server, not to one database. Raises asyncpg's
    InsufficientPrivilegeError when the login may not create roles and they do not exist.
    """
    connection = await asyncpg.connect(dsn)
    try:
        for role in APPLICATION_ROLES:
            await connection.execute(
                f"""
                do $$ begin
                    if not exists (select from pg_roles where rolname = '{role}') then
                        create role {role} nologin;
                    end if;
                exception when duplicate_object or unique_violation then
                    null;  -- Another database of this server was migrated at the same moment.
                end $$;
                do $$ begin
                    if not pg_has_role(current_user, '{role}', 'SET') then
                        grant {role} to current_user;
                    end if;
                end $$;
                """
            )
    finally:
        await connection.close()
