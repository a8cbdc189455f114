"""Stopping a server that works: what it has begun is finished, and nothing new is taken on."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest
from embedded_support import STEP_SECONDS_MAX, clean, make_open_folder
from shell import Shell

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id

WAITING = (
    "select count(*) from pg_stat_activity where application_name = 'bank360'"
    " and wait_event_type = 'Lock'"
)


@pytest.fixture(scope="module")
def module_shell() -> Iterator[Shell]:
    folder = make_open_folder()
    yield Shell(folder)
    clean(folder)


@pytest.fixture
def shell(module_shell: Shell) -> Iterator[Shell]:
    yield module_shell
    module_shell.end()


class Psql:
    """A session of `bank360 psql`."""

    def __init__(self, shell: Shell, **variables: str) -> None:
        self._process = shell.start("psql", "--", "-XAtq", **variables)

    def ask(self, sql: str) -> str:
        """Run SQL that gives one line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{sql};\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        """End the session, and with it its locks."""
        self._process.communicate(timeout=STEP_SECONDS_MAX)


def until(is_so: Callable[[], bool]) -> None:
    deadline = monotonic() + STEP_SECONDS_MAX
    while not is_so():
        assert monotonic() < deadline


def is_listening(url: str) -> bool:
    try:
        httpx.get(f"{url}/healthz", timeout=STEP_SECONDS_MAX)
    except httpx.ConnectError:
        return False
    return True


class Served:
    """A bank that a process serves: how its commands reach it, and where it listens."""

    def __init__(self, shell: Shell, process: "subprocess.Popen[str]", url: str) -> None:
        self.shell = shell
        self.process = process
        self.url = url
        self.variables: dict[str, str] = {}

    @contextmanager
    def one_operation_waits(self, data_dir: Path) -> Iterator[tuple[Future[httpx.Response], Psql]]:
        """Send an operation that waits for a locked table."""
        token = TokenKey.load(data_dir).issue(Role.COMPLIANCE, new_id(), strong=True)
        psql = Psql(self.shell, **self.variables)
        psql.ask("begin; lock table branch; select 'locked'")
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(
                httpx.post,
                f"{self.url}/graphql",
                json={"query": "{ branches { id } }"},
                headers={"authorization": f"Bearer {token}"},
                timeout=STEP_SECONDS_MAX,
            )
            until(lambda: self.waiting() == "1")
            try:
                yield answer, psql
            finally:
                psql.end()

    def waiting(self) -> str:
        """How many statements wait for the lock."""
        psql = Psql(self.shell, **self.variables)
        waiting = psql.ask(WAITING)
        psql.end()
        return waiting

    def end(self) -> str:
        """Wait for the end of the process; gives what it logged."""
        _, errors = self.process.communicate(timeout=STEP_SECONDS_MAX)
        assert self.process.returncode == 0, errors
        assert "Traceback" not in errors
        return errors


@pytest.fixture(scope="module")
def database(migrated_database: Callable[[str], str]) -> str:
    """A migrated database without customers."""
    return migrated_database("served")


def serve(shell: Shell, database: str, command: str, **variables: str) -> Served:
    given = {"BANK360_DATA_DIR": str(shell.folder / command), **variables}
    if command == "serve":
        given["DATABASE_URL"] = database
        process, url = shell.start_server(**given)
    else:
        process, url = shell.start_demo("--customers", "9", **given)
    served = Served(shell, process, url)
    served.variables = given
    until(lambda: is_listening(url))
    return served


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_what_runs_is_finished_and_nothing_new_begins(
    shell: Shell, database: str, command: str
) -> None:
    served = serve(shell, database, command)
    with served.one_operation_waits(shell.folder / command) as (answer, psql):
        served.process.send_signal(signal.SIGTERM)
        until(lambda: not is_listening(served.url))
        assert not answer.done()
        psql.end()
        response = answer.result(STEP_SECONDS_MAX)
    assert response.status_code == 200
    assert "errors" not in response.json()
    assert response.headers["connection"] == "close"
    served.end()


def test_what_takes_too_long_is_ended_with_its_sql(shell: Shell, database: str) -> None:
    served = serve(shell, database, "serve", BANK360_SHUTDOWN_SECONDS_MAX="1")
    with served.one_operation_waits(shell.folder / "serve") as (answer, _):
        served.process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.HTTPError):
            answer.result(STEP_SECONDS_MAX).raise_for_status()
        errors = served.end()
        assert served.waiting() == "0"
    assert "timeout graceful shutdown exceeded" in errors
