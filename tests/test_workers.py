"""Several worker processes that answer as one server."""

import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import httpx
import pytest
from embedded_support import STEP_SECONDS_MAX
from redis_support import RedisServer
from shell import Shell

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id

_TEST_SECONDS_MAX = 45


@pytest.fixture
def database(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("workers")


def test_rates_and_metrics_are_those_of_all_workers(
    shell: Shell, database: str, redis_server: RedisServer
) -> None:
    variables = {
        "DATABASE_URL": database,
        "REDIS_URL": redis_server.url,
        "BANK360_DATA_DIR": str(shell.folder / "bank"),
        "BANK360_RATE_PER_VIEWER": "30",
    }
    server, url = shell.start_server("--workers", "2", **variables)
    try:
        assert httpx.get(f"{url}/healthz", timeout=STEP_SECONDS_MAX).status_code == 200
        key = TokenKey.load(Path(variables["BANK360_DATA_DIR"]))
        # The minute of this person has just begun, so that it does not end within the test.
        headers, before = next(
            (headers, number)
            for number in count(1)
            if seconds_left(ask(url, headers := signed_in(key))) > _TEST_SECONDS_MAX
        )
        answers = [ask(url, headers) for _ in range(39)]
        assert [answer.status_code for answer in answers].count(200) == 29
        total = f'bank360_operations_total{{kind="query",outcome="complete"}} {before + 29}.0'
        for _ in range(4):
            metrics = httpx.get(f"{url}/metrics", timeout=STEP_SECONDS_MAX).text
            assert total in metrics
            assert "bank360_database_connections_used 0.0" in metrics
    finally:
        # Killed, it would leave its workers behind.
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=STEP_SECONDS_MAX)
    assert server.returncode == 0
    assert "Traceback" not in errors


def signed_in(key: TokenKey) -> dict[str, str]:
    return {"authorization": f"Bearer {key.issue(Role.COMPLIANCE, new_id())}"}


def ask(url: str, headers: dict[str, str]) -> httpx.Response:
    """Ask over a connection of its own, so that either worker may answer."""
    query = {"query": "{ branches { id } }"}
    return httpx.post(f"{url}/graphql", json=query, headers=headers, timeout=STEP_SECONDS_MAX)


def seconds_left(answer: httpx.Response) -> int:
    assert answer.status_code == 200
    return int(answer.headers["ratelimit"].rpartition("t=")[2])
