"""The server as ``bank360 serve --workers N`` runs it, on a Redis server of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from query_sides import stopping

_START_SECONDS_MAX: Final = 60.0
_SERVING: Final = b"serving on http://"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start a Redis server that keeps nothing; gives its address."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("several processes need redis-server, which is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([program, *address], stdout=subprocess.DEVNULL)
    with stopping(process):
        deadline = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        else:
            sys.exit("redis-server does not listen")
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def workers(
    number: int, dsn: str, folder: Path, *, connections: int, redis_url: str, log: Path
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start so many processes that answer as one server; gives the port and their parent.

    Together they have as many connections to the database as one process has alone.
    """
    variables = {
        "DATABASE_URL": dsn,
        "REDIS_URL": redis_url,
        "BANK360_DATA_DIR": str(folder),
        "BANK360_DATABASE_POOL_SIZE": str(max(1, connections // number)),
        "BANK360_RATE_PER_VIEWER": "0",
        "BANK360_RATE_PER_ADDRESS": "0",
        "BANK360_RATE_OF_LOOK_UPS": "0",
    }
    program = [sys.executable, "-c", "from app.cli import main; main()", "serve"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*program, "--workers", str(number), "--port", "0"],
            env={**os.environ, **variables},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    with stopping(process):
        deadline = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < deadline and process.poll() is None:
            told = log.read_bytes()
            if _SERVING in told and b"\n" in told.partition(_SERVING)[2]:
                address = told.partition(_SERVING)[2].split()[0]
                yield int(address.rpartition(b":")[2]), process
                return
            time.sleep(0.05)
        sys.exit(f"the workers did not start:\n{log.read_text()}")
