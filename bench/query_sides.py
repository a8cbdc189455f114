"""The servers that queries are measured on, each a process of its own on loopback.

``python bench/query_sides.py NAME DSN FOLDER CONNECTIONS FILE-DESCRIPTOR`` serves one of them on a
socket that the bench has opened; FOLDER has the bank's keys.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

import query_limit
import query_profile
import query_strawberry
import uvicorn
from starlette.applications import Starlette

from app.auth.tokens import TokenKey
from app.cli_serve import uvicorn_options
from app.db.keys import Keys
from app.db.reads import Reads
from app.main import create_app
from app.planner.collecting import Reason, UnplannedError
from app.planner.planning import Planner
from app.settings import Settings

# Operations with these endings of their names are answered otherwise, by the bench's server alone.
REFERENCE: Final = "ByReference"
UNRECORDED: Final = "Unrecorded"
_POSTGRAPHILE: Final = Path(__file__).parent / "postgraphile"
_STOP_SECONDS_MAX: Final = 30


def _ours(dsn: str, folder: Path, connections: int) -> tuple[Starlette, dict[str, Any]]:
    """Make the application as the command line does, but without limits on rates."""
    settings = Settings(
        rate_per_viewer=0, rate_per_address=0, rate_of_look_ups=0, database_pool_size=connections
    )
    plan, record = Planner.execute, Reads.record

    async def planned_unless_asked(self: Planner, plans: Any, operation: Any, *rest: Any) -> Any:
        if operation.name is not None and operation.name.value.endswith(REFERENCE):
            raise UnplannedError(Reason.FIELD, "asked for the reference executor")
        return await plan(self, plans, operation, *rest)

    async def record_unless_asked(
        self: Reads, viewer: Any, exposed: Any, operation: str | None, request_id: str
    ) -> None:
        if operation is None or not operation.endswith(UNRECORDED):
            await record(self, viewer, exposed, operation, request_id)

    mock.patch.object(Planner, "execute", planned_unless_asked).start()
    mock.patch.object(Reads, "record", record_unless_asked).start()
    app = create_app(
        settings,
        database_url=dsn,
        keys=Keys.load(folder, None, None),
        token_key=TokenKey.load(folder),
        data_dir=folder,
    )
    return app, uvicorn_options(settings)


def _plain() -> dict[str, Any]:
    return {"log_level": "warning", "access_log": False, "server_header": False}


def serve(name: str, dsn: str, folder: Path, connections: int, descriptor: int) -> None:
    """Serve one side until SIGTERM."""
    if name in {"ours", "profiled"}:
        app, options = _ours(dsn, folder, connections)
    elif name == "strawberry":
        app, options = query_strawberry.application(dsn, connections), _plain()
    else:
        app, options = query_limit.application(dsn, connections), _plain()
    server = uvicorn.Server(uvicorn.Config(app, **options))
    listener = socket.socket(fileno=descriptor)
    if name == "profiled":
        with query_profile.sampling():
            server.run(sockets=[listener])
    else:
        server.run(sockets=[listener])


@contextmanager
def served(
    name: str, dsn: str, folder: Path, connections: int, log: Path
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a side in a process; gives its port and process. A request waits until it answers."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.set_inheritable(True)
    descriptor = listener.fileno()
    arguments = [name, dsn, str(folder), str(connections), str(descriptor)]
    with log.open("wb") as errors, listener:
        process = subprocess.Popen(
            [sys.executable, __file__, *arguments],
            pass_fds=[descriptor],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        port: int = listener.getsockname()[1]
    with stopping(process):
        yield port, process


def node() -> Path | str:
    """Give a Node.js that PostGraphile runs on, or why there is none."""
    if not (_POSTGRAPHILE / "node_modules" / "postgraphile").is_dir():
        return "not installed: run `npm ci` in bench/postgraphile"
    own = sorted(_POSTGRAPHILE.glob("node_modules/node-*/bin/node"))
    on_path = shutil.which("node")
    for program in [*own, *([Path(on_path)] if on_path else [])]:
        told = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)
        version = told.stdout.strip().removeprefix("v").split(".")[0]
        if told.returncode == 0 and version.isdigit() and int(version) >= 22:  # noqa: PLR2004
            return program
    return "there is no Node.js 22 or newer"


@contextmanager
def postgraphile(
    program: Path, dsn: str, connections: int, log: Path
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start PostGraphile; gives its port and process."""
    production = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [program, "server.mjs", dsn, str(connections)],
            cwd=_POSTGRAPHILE,
            env={**os.environ, **production},
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    with stopping(process):
        assert process.stdout is not None
        told = process.stdout.readline().strip()
        if not told:
            sys.exit(f"PostGraphile did not start:\n{log.read_text()}")
        yield int(told), process


@contextmanager
def stopping(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process at the end."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    _name, _dsn, _folder, _connections, _descriptor = sys.argv[1:]
    serve(_name, _dsn, Path(_folder), int(_connections), int(_descriptor))
