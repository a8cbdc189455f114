"""`bank360 audit verify`, run as auditors run it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from audit_trail import Trail, open_trail
from embedded_support import STEP_SECONDS_MAX
from factories import Factory
from shell import Shell
from trail import SHOWN

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys


@pytest.mark.usefixtures("unmeasured")
def test_a_served_bank_is_verified_and_tampering_is_told(
    shell: Shell, migrated_database: Callable[[str], str]
) -> None:
    url = migrated_database("cli_audit")
    folder = shell.folder / "bank"
    variables: dict[str, Any] = {"DATABASE_URL": url, "BANK360_DATA_DIR": str(folder)}
    keys = Keys.load(folder, None, None)

    async def fill() -> None:
        async with open_trail(url, keys, folder) as trail:
            await trail.until_numbered(await trail.write(*(trail.record() for _ in range(3))))

    server, served_at = shell.start_server(**variables)
    httpx.get(f"{served_at}/healthz", timeout=STEP_SECONDS_MAX).raise_for_status()
    asyncio.run(fill())
    server.terminate()
    _, log = server.communicate(timeout=STEP_SECONDS_MAX)
    assert server.returncode == 0, log
    assert "this process numbers audit records" in log
    assert (folder / "audit-head.json").stat().st_mode & 0o777 == 0o600

    output, _ = shell.run("audit", "verify", **variables)
    assert output.startswith("the audit trail is whole: 3 records at positions 1 to 3, ")
    assert output.endswith(
        "0 records not numbered yet; outside of the database the last head kept is of 3\n"
    )
    output, _ = shell.run("audit", "verify", "--from", "2", "--to", "2", **variables)
    assert output.startswith("the audit trail is whole: 1 records at positions 2 to 2, ")
    refusal = shell.refusal("audit", "verify", "--to", "4", **variables)
    assert refusal == "--to 4: the last position is 3"

    asyncio.run(tamper(url, keys, folder, "delete from audit_link where position = 2"))
    refusal = shell.refusal("audit", "verify", **variables)
    assert refusal == "position 2: removed: its link is gone"


def test_a_server_that_stops_after_a_read_leaves_nothing_unnumbered(
    shell: Shell, migrated_database: Callable[[str], str]
) -> None:
    url = migrated_database("cli_audit_stop")
    folder = shell.folder / "bank"
    variables: dict[str, Any] = {"DATABASE_URL": url, "BANK360_DATA_DIR": str(folder)}
    server, served_at = shell.start_server(**variables)
    httpx.get(f"{served_at}/healthz", timeout=STEP_SECONDS_MAX).raise_for_status()
    keys = Keys.load(folder, None, None)

    async def fill() -> str:
        owner = await asyncpg.connect(url)
        made = await Factory(owner, keys).customer()
        await owner.close()
        return made.global_id

    answer = httpx.post(
        f"{served_at}/graphql",
        json={"query": SHOWN % "name", "variables": {"id": asyncio.run(fill())}},
        headers={
            "authorization": "Bearer "
            + TokenKey.load(folder).issue(Role.COMPLIANCE, new_id(), strong=True)
        },
        timeout=STEP_SECONDS_MAX,
    )
    server.terminate()
    assert answer.json() == {"data": {"customer": {"name": "Emma Avaya Smith"}}}
    _, log = server.communicate(timeout=STEP_SECONDS_MAX)
    assert server.returncode == 0, log
    output, _ = shell.run("audit", "verify", **variables)
    assert output.startswith("the audit trail is whole: 1 records at positions 1 to 1, ")
    assert output.endswith(
        "0 records not numbered yet; outside of the database the last head kept is of 1\n"
    )


async def tamper(url: str, keys: Keys, folder: Path, statement: str) -> None:
    owner = await asyncpg.connect(url)
    async with asyncpg.create_pool(url, min_size=0) as pool:
        await Trail(url, keys, owner, pool, folder).tamper(statement)
    await owner.close()
