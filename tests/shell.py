"""The `bank360` command, run as its users run it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from embedded_support import STEP_SECONDS_MAX

BANK360 = Path(sys.executable).with_name("bank360")


class Shell:
    """Runs `bank360` in a folder of its own, with its own data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BANK360_", "DATABASE_URL", "REDIS_URL", "PG"))
        }
        process = subprocess.Popen(
            [BANK360, *arguments],
            cwd=self.folder,
            env=environment | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            if process.returncode is None:
                process.kill()
                process.communicate()

    def run(
        self, *arguments: str, stdin: str = "", status: int = 0, **variables: str
    ) -> tuple[str, str]:
        process = self.start(*arguments, **variables)
        output, errors = process.communicate(stdin, timeout=STEP_SECONDS_MAX)
        assert process.returncode == status, (output, errors)
        assert "Traceback" not in errors
        return output, errors

    def refusal(self, *arguments: str, status: int = 1, **variables: str) -> str:
        """What a command that fails says: one line, and nothing on standard output."""
        output, errors = self.run(*arguments, status=status, **variables)
        assert output == ""
        (line,) = errors.splitlines()
        assert line.startswith("bank360: ")
        return line.removeprefix("bank360: ")

    def start_demo(self, *options: str, **variables: str) -> "tuple[subprocess.Popen[str], str]":
        """Start a demo; gives it and its address once it has filled the bank."""
        demo = self.start("demo", "--port", "0", *options, **variables)
        return demo, _after(demo.stdout, "bank360 ")

    def start_server(self, *options: str, **variables: str) -> "tuple[subprocess.Popen[str], str]":
        """Start `bank360 serve`; gives it and its address."""
        server = self.start("serve", "--port", "0", *options, **variables)
        return server, _after(server.stderr, "bank360: serving on ")


def _after(stream: IO[str] | None, beginning: str) -> str:
    """Give the next word after what a line begins with."""
    assert stream is not None
    read = []
    for line in iter(stream.readline, ""):
        if line.startswith(beginning):
            return line.removeprefix(beginning).split()[0]
        read.append(line)
    raise AssertionError(read)
