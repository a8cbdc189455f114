"""A server that a bench kills, and starts anew."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import IO, Final, NoReturn

import httpx

SECONDS_MAX: Final = 60
POLL_SECONDS: Final = 0.02
ROOT: Final = Path(__file__).parents[1]


def fail(what: str) -> NoReturn:
    """End with what is wrong."""
    raise SystemExit(what)


class Server:
    """The server process: killed, started anew on the same port."""

    def __init__(self, bank: str, folder: Path) -> None:
        """Take the database and the folder with the keys."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self._variables = os.environ | {
            "DATABASE_URL": bank,
            "BANK360_DATA_DIR": str(folder),
            "BANK360_RATE_PER_VIEWER": "0",
            "BANK360_RATE_PER_ADDRESS": "0",
            "BANK360_LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(ROOT),
        }
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
        async with httpx.AsyncClient() as http:
            deadline = monotonic() + SECONDS_MAX
            while True:
                try:
                    if (await http.get(f"{self.url}/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass  # It does not listen yet.
                if self._process.poll() is not None or monotonic() > deadline:
                    fail(f"the server does not start: {self._log.read_text()}")
                await asyncio.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End it as a failing machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
