"""The short form of ``bench/torture_money.py``: server and database are killed under orders."""

import os
import subprocess
import sys
from pathlib import Path

from embedded_support import STEP_SECONDS_MAX

ROOT = Path(__file__).parents[1]


def test_not_a_cent_is_lost_or_made_when_server_and_database_are_killed() -> None:
    done = subprocess.run(
        [sys.executable, "bench/torture_money.py", "--orders=300", "--kills=2"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=10 * STEP_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not a cent made or lost" in done.stdout
