"""The short forms of ``bench/torture_*.py``: commands go on while what serves them is killed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_support import STEP_SECONDS_MAX

from app.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[1]


def torture(bench: str, *options: str) -> str:
    """Run a bench; gives what it said."""
    done = subprocess.run(
        [sys.executable, f"bench/{bench}", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=10 * STEP_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.usefixtures("database_url")  # Migrating one database makes the server's roles.
def test_no_write_is_lost_or_doubled_when_the_server_is_killed(server: EmbeddedPostgres) -> None:
    said = torture("torture_writes.py", "--kills=2", f"--dsn={server.dsn}")
    assert "nothing missing, nothing doubled" in said


@pytest.mark.usefixtures("unmeasured")
def test_not_a_cent_is_lost_or_made_when_server_and_database_are_killed() -> None:
    said = torture("torture_money.py", "--orders=300", "--kills=2")
    assert "not a cent made or lost" in said


@pytest.mark.usefixtures("unmeasured")
def test_every_event_is_told_once_and_in_order_whatever_is_killed() -> None:
    missing = [program for program in ("node", "redis-server") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    if not (ROOT / "bench/node_subscriptions/node_modules/graphql-ws").is_dir():
        pytest.skip("run `npm ci` in bench/node_subscriptions: its packages are not installed")
    said = torture("torture_streams.py", "--runs=1", "--events=150", "--breaks=5")
    told = re.search(r"^([\d,]+) events told once and in order", said, re.MULTILINE)
    assert told is not None
    assert int(told[1].replace(",", "")) >= 150
