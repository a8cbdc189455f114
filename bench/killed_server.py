"""A server and its database that a bench kills, and starts anew."""

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Final, NoReturn

import httpx
import psutil

from app import embedded
from app.embedded_cluster import OWNER
from app.embedded_server import find_postmaster

SECONDS_MAX: Final = 60
POLL_SECONDS: Final = 0.02
# How PostgreSQL names the processes that work for bank360.
_SESSION: Final = f"postgres: bank360: {OWNER} "
ROOT: Final = Path(__file__).parents[1]


def fail(what: str) -> NoReturn:
    """End with what is wrong."""
    raise SystemExit(what)


class Server:
    """The server process: killed, started anew on the same port."""

    def __init__(self, bank: str, folder: Path, **variables: str) -> None:
        """Take the database and the folder with the keys, and more variables."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self._variables = (
            os.environ
            | variables
            | {
                "DATABASE_URL": bank,
                "BANK360_DATA_DIR": str(folder),
                "BANK360_RATE_PER_VIEWER": "0",
                "BANK360_RATE_PER_ADDRESS": "0",
                "BANK360_LOG_LEVEL": "ERROR",
                "PYTHONPATH": str(ROOT),
            }
        )
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str, output: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
        """Run ``bank360`` on the bank."""
        command = [sys.executable, "-m", "app.cli", *arguments]
        return subprocess.Popen(command, env=self._variables, stdout=output, stderr=output)

    async def start(self) -> None:
        """Start the server and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = self.run("serve", "--port", str(self.port), output=log)
        await self.ready()

    async def ready(self) -> None:
        """Wait until it answers, and its database too."""
        assert self._process is not None
        async with httpx.AsyncClient() as http:
            deadline = monotonic() + SECONDS_MAX
            while True:
                try:
                    if (await http.get(f"{self.url}/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass  # It does not listen yet.
                if self._process.poll() is not None or monotonic() > deadline:
                    fail(f"the server does not answer: {self._log.read_text()}")
                await asyncio.sleep(POLL_SECONDS)

    async def restart(self) -> None:
        """Kill it, and start it anew."""
        self.kill()
        await self.start()

    def kill(self) -> None:
        """End it as a failing machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Postgres:
    """The embedded PostgreSQL of a folder: killed, and started anew on what it left there."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self._folder = folder
        self._running = embedded.start(folder, notice=_unheard)
        self.dsn = self._running.dsn

    def kill(self) -> None:
        """End its first process as a failing machine would; the others then end themselves."""
        self._postmaster().kill()

    def kill_session(self, chosen: random.Random) -> None:
        """End one session's process, as for want of memory, and wait for the end of the others.

        The first process ends them, and recovers.
        """
        deadline = monotonic() + SECONDS_MAX
        while not (sessions := self._sessions()):
            if monotonic() > deadline:
                fail("nobody uses the database")
            sleep(POLL_SECONDS)
        chosen.choice(sessions).kill()
        psutil.wait_procs(sessions, SECONDS_MAX)

    def start(self) -> None:
        """Start it after it was killed; it recovers what was committed."""
        self._running.stop()
        self._running = embedded.start(self._folder, notice=_unheard)
        if self._running.dsn != self.dsn:
            fail("PostgreSQL is started anew at another address")

    def stop(self) -> None:
        """Stop it, and remove its files, also those that lie outside the folder."""
        self._running.stop()
        shutil.rmtree(self._running.home, ignore_errors=True)

    def _sessions(self) -> list[psutil.Process]:
        found = self._postmaster().children()
        return [each for each in found if " ".join(each.cmdline()).startswith(_SESSION)]

    def _postmaster(self) -> psutil.Process:
        found = find_postmaster(self._running.home / "cluster")
        if found is None:
            fail("PostgreSQL has ended by itself")
        return found


def _unheard(_line: str) -> None:
    """Keep to ourselves what a start tells its user."""
