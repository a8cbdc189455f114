"""Real processes that serve a bank from the embedded PostgreSQL, and folders for them."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import asyncpg
import pytest

from app import embedded
from app.embedded_server import PidFile, find_processes

ROOT = os.geteuid() == 0
ORDINARY_USER = "nobody"
STEP_SECONDS_MAX = 90.0

# Each app is a process of its own, as bank360 is; it says when it serves, then waits for its end.
APP = """
import os, pwd, signal, sys
from pathlib import Path
import app.embedded
from app.cli_context import unwind_on_termination
unwind_on_termination()
if len(sys.argv) > 2:
    entry = pwd.getpwnam(sys.argv[2])
    os.setgroups([]); os.setgid(entry.pw_gid); os.setuid(entry.pw_uid)
try:
    server = app.embedded.start(Path(sys.argv[1]), notice=lambda line: print(line, flush=True))
except app.embedded.EmbeddedError as error:
    sys.exit(str(error))
with server:
    print("ready " + server.dsn, flush=True)
    signal.pause()
"""


class App:
    """A process that serves the bank of a folder."""

    def __init__(self, data_dir: Path, *user: str) -> None:
        environment = dict(os.environ)
        if user:
            # Another user may not write where the coverage of this one is measured.
            environment = {k: v for k, v in environment.items() if not k.startswith("COV")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", APP, str(data_dir), *user],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.notices: list[str] = []
        self.dsn = ""
        for line in _stream(self.process.stdout):
            if line.startswith("ready "):
                self.dsn = line.split()[1]
                return
            self.notices.append(line.strip())

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        _, self.errors = self.process.communicate(timeout=STEP_SECONDS_MAX)
        return self.process.returncode


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def make_open_folder() -> Path:
    """A folder that every user may enter; pytest's own are closed to all but their owner."""
    folder = Path(tempfile.mkdtemp(prefix="bank360-test-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = make_open_folder()
    yield folder
    clean(folder)


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    yield folder
    clean(folder)


def clean(folder: Path) -> None:
    for location in folder.rglob("postgres/location"):
        home = Path(location.read_text().strip())
        _end_servers(home / "cluster")
        shutil.rmtree(home)
    for cluster in folder.rglob("postgres/cluster"):
        _end_servers(cluster)
    shutil.rmtree(folder)


def _end_servers(cluster: Path) -> None:
    for process in find_processes(cluster):
        process.kill()


def cluster_of(data_dir: Path) -> Path:
    location = data_dir / "postgres" / "location"
    home = Path(location.read_text().strip()) if location.exists() else data_dir / "postgres"
    return home / "cluster"


def postmaster_pid(data_dir: Path) -> int:
    file = PidFile.read(cluster_of(data_dir))
    assert file is not None
    return file.pid


def modes(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of a folder and of every folder above it."""
    found = {}
    for path in [folder, *folder.parents]:
        status = path.stat()
        found[path] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    return found


def ask(dsn: str, sql: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def refused(data_dir: Path) -> str:
    with (
        pytest.raises(embedded.EmbeddedError) as caught,
        embedded.attach_or_start(data_dir, notice=lambda _line: None),
    ):
        pass
    assert find_processes(cluster_of(data_dir)) == []
    return str(caught.value)
