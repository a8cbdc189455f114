"""A real redis-server, which tests may also lose."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_STEP_SECONDS_MAX = 20.0


class RedisServer:
    """A server of its own for one test."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._port = taken.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._folder = folder
        self._program = program
        self.start()

    def start(self) -> None:
        """Start it, empty, and wait until it listens."""
        address = ["--port", str(self._port), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            [self._program, *address, "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _STEP_SECONDS_MAX
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
        self.stop()
        pytest.fail("redis-server does not listen")

    def hang(self) -> None:
        """Let it keep its connections, and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again, also what it was asked meanwhile."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        self.go_on()
        self._process.terminate()
        self._process.wait(_STEP_SECONDS_MAX)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(program, tmp_path)
    yield server
    server.stop()
