"""The process of the embedded PostgreSQL: brought up, adopted from a killed run, shut down."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from app.embedded_account import EmbeddedError, spawn_options
from app.embedded_cluster import (
    DATABASE,
    OWNER,
    PORT,
    log_tail,
    make_cluster_when_missing,
    read_password,
    remove_old_logs,
    write_configuration,
)
from app.embedded_place import (
    SOCKET_FILE,
    Place,
    client_bin,
    forget_temporary_socket_folder,
    socket_folder,
)

START_SECONDS_MAX = 60.0
QUERY_SECONDS_MAX = 10.0
POLL_SECONDS = 0.02

# Fast shutdown ends sessions and writes a checkpoint; immediate shutdown leaves recovery to the
# next start and gives the server's own children five seconds; then only the kernel is left.
SHUTDOWN_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))

REMAINS_STEPS = ((None, 1.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 10.0))

PID_FILE_LINES = 8

COUNT_DATABASE_SQL = "select count(*) from pg_catalog.pg_database where datname = 'bank360'"


@dataclass(frozen=True, slots=True)
class PidFile:
    """What `postmaster.pid` says: the process, whether it is ready, the folder of its socket."""

    pid: int
    ready: bool
    socket_folder: Path | None

    @staticmethod
    def read(cluster: Path) -> "PidFile | None":
        """Read the file of a cluster; None when it is absent or not yet written."""
        try:
            text = (cluster / "postmaster.pid").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        lines = [line.strip() for line in text.splitlines()]
        if not lines or not lines[0].isdigit():
            return None
        lines += [""] * (PID_FILE_LINES - len(lines))
        return PidFile(
            pid=int(lines[0]),
            ready=lines[7] == "ready",
            socket_folder=Path(lines[4]) if lines[4] else None,
        )


class Server:
    """The PostgreSQL of one place. Its callers take care that one process at a time acts."""

    def __init__(self, place: Place, notice: Callable[[str], None]) -> None:
        """Describe the server of a place; nothing is made or started yet."""
        self.password = ""
        self.socket_folder = place.home / "socket"
        self._place = place
        self._notice = notice
        self._started: subprocess.Popen[bytes] | None = None
        self._adopted: psutil.Process | None = None
        self._refusal = ""

    def ensure_running(self) -> None:
        """Bring the server up, or take over one that runs, and wait until it answers a query.

        Raises EmbeddedError, with the end of the server's log, when that fails.
        """
        make_cluster_when_missing(self._place, self._notice)
        self.password = read_password(self._place)
        try:
            self._wait_until_answering()
        except BaseException:
            if self._started is not None:
                self.shut_down()
            raise

    @property
    def adopted(self) -> bool:
        """Whether the server was running before this process came."""
        return self._adopted is not None

    def shut_down(self) -> None:
        """Stop the server: fast, then immediately, then by force, each with a bound.

        A signal that arrives meanwhile skips to the next, faster step.
        """
        with impatience() as impatient:
            for number, seconds in SHUTDOWN_STEPS:
                process = find_postmaster(self._place.cluster)
                if process is None:
                    break
                _send(process, number)
                _wait_until_gone([process], seconds, impatient)
            self._end_remains()
        if self._started is not None:
            self._started.wait()
            self._started = None
        self._adopted = None
        forget_temporary_socket_folder(self._place)

    def _wait_until_answering(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            process = find_postmaster(self._place.cluster)
            if process is None:
                self._spawn_or_fail()
            elif self._is_ready(process) and self._answers():
                return
            time.sleep(POLL_SECONDS)
        message = (
            f"PostgreSQL in {self._place.cluster} does not answer after"
            f" {START_SECONDS_MAX:.0f} s: {self._refusal or 'it is not ready'};"
            f" its log ends: {log_tail(self._place)}"
        )
        raise EmbeddedError(message)

    def _is_ready(self, process: psutil.Process) -> bool:
        file = PidFile.read(self._place.cluster)
        if file is None or not file.ready or file.socket_folder is None:
            return False
        if self._started is None and self._adopted is None:
            self.socket_folder = file.socket_folder
            if not (self.socket_folder / SOCKET_FILE).is_socket():
                # Its socket was removed under it, so that nobody can reach it any more.
                self.shut_down()
                return False
            self._adopted = process
        return True

    def _spawn_or_fail(self) -> None:
        if self._started is None:
            self._clear_remains()
            self._started = self._spawn()
        elif self._started.poll() is not None:
            self._started = None
            message = (
                f"PostgreSQL in {self._place.cluster} did not start; its log ends:"
                f" {log_tail(self._place)}"
            )
            raise EmbeddedError(message)

    def _spawn(self) -> subprocess.Popen[bytes]:
        place = self._place
        self.socket_folder = socket_folder(place)
        configuration = write_configuration(place, self.socket_folder)
        remove_old_logs(place)
        early_log = place.home / "startup.log"
        early_log.unlink(missing_ok=True)
        with early_log.open("xb") as log:
            # In a session of its own the server does not get the terminal's Ctrl-C: it has to
            # outlive the requests that are still being answered.
            return subprocess.Popen(
                [
                    str(place.server_bin / "postgres"),
                    "-D",
                    str(place.cluster),
                    "-c",
                    f"config_file={configuration}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **spawn_options(place.account),
            )

    def _answers(self) -> bool:
        known = self._query(COUNT_DATABASE_SQL)
        if known == "0":
            self._query(f"create database {DATABASE}")
            known = self._query(COUNT_DATABASE_SQL)
        if "password authentication failed" in self._refusal:
            message = (
                f"the password in {self._place.password_file} is not the one of"
                f" {self._place.cluster}: put the right file back"
            )
            raise EmbeddedError(message)
        return known == "1"

    def _query(self, sql: str) -> str:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PG")
        }
        environment |= {"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"}
        address = ["-h", str(self.socket_folder), "-p", str(PORT), "-U", OWNER, "-d", "postgres"]
        try:
            asked = subprocess.run(
                [str(client_bin() / "psql"), "-XAtqw", *address, "-c", sql],
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env=environment,
                timeout=QUERY_SECONDS_MAX,
            )
        except subprocess.TimeoutExpired:
            self._refusal = f"no answer to a query within {QUERY_SECONDS_MAX:.0f} s"
            return ""
        self._refusal = " ".join(asked.stderr.decode(errors="replace").split())
        return asked.stdout.decode(errors="replace").strip()

    def _clear_remains(self) -> None:
        # PostgreSQL does this itself, unless the number of the killed process meanwhile belongs
        # to another one, as it soon does in a container, or to a zombie.
        self._end_remains()
        (self._place.cluster / "postmaster.pid").unlink(missing_ok=True)
        for file in socket_folder(self._place).glob(".s.PGSQL.*"):
            file.unlink(missing_ok=True)

    def _end_remains(self) -> None:
        # The logger outlives a stopped server for a moment. Sessions of a killed one see its end
        # only when they next wait for something, and until then they hold the shared memory that
        # a new server would refuse to share.
        for number, seconds in REMAINS_STEPS:
            remains = find_processes(self._place.cluster)
            if number is not None:
                for process in remains:
                    _send(process, number)
            if _wait_until_gone(remains, seconds):
                return
        pids = ", ".join(str(process.pid) for process in remains)
        message = f"the processes {pids} of a killed PostgreSQL cannot be ended"
        raise EmbeddedError(message)


def find_postmaster(cluster: Path) -> psutil.Process | None:
    """Return the live server process of a cluster, also one of a killed run."""
    file = PidFile.read(cluster)
    if file is None:
        return None
    try:
        process = psutil.Process(file.pid)
    except psutil.NoSuchProcess:
        return None
    return process if _is_of(process, cluster) else None


def find_processes(cluster: Path) -> list[psutil.Process]:
    """Return every live PostgreSQL process of a cluster."""
    return [process for process in psutil.process_iter() if _is_of(process, cluster)]


def _is_of(process: psutil.Process, cluster: Path) -> bool:
    # Every PostgreSQL process works in its cluster's folder, wherever that was moved to. What
    # belongs to somebody else is not ours, and cannot be asked.
    try:
        return (
            process.name().startswith("postgres")
            and process.status() != psutil.STATUS_ZOMBIE
            and process.cwd() == str(cluster)
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _wait_until_gone(
    processes: list[psutil.Process], seconds: float, impatient: threading.Event | None = None
) -> bool:
    if impatient is not None:
        impatient.clear()
    deadline = time.monotonic() + seconds
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > deadline or (impatient is not None and impatient.is_set()):
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def impatience() -> Iterator[threading.Event]:
    """Turn the signals that end a program into an event, where this thread may do so."""
    impatient = threading.Event()

    def hurry(_number: int, _frame: FrameType | None) -> None:
        impatient.set()

    if threading.current_thread() is not threading.main_thread():
        yield impatient
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, hurry) for number in numbers}
    try:
        yield impatient
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
