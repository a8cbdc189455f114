"""The short form of ``bench/torture_writes.py``: writers go on while their server is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_support import STEP_SECONDS_MAX

from app.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[1]


@pytest.mark.usefixtures("database_url")  # Migrating one database makes the server's roles.
def test_no_write_is_lost_or_doubled_when_the_server_is_killed(server: EmbeddedPostgres) -> None:
    done = subprocess.run(
        [sys.executable, "bench/torture_writes.py", "--kills", "2", "--dsn", server.dsn],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=10 * STEP_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing missing, nothing doubled" in done.stdout
