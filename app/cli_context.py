"""What the commands share: settings, the database in use, messages, progress, clear failures."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

import typer

from app import embedded
from app.settings import Settings

if TYPE_CHECKING:
    from app.db.keys import Keys

T = TypeVar("T")

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        help="Folder of the embedded PostgreSQL and of the keys",
        show_default="BANK360_DATA_DIR, or .bank360",
    ),
]

TERMINATED_STATUS = 128 + signal.SIGTERM


class CommandError(Exception):
    """A command failed; the message is the one line that its user gets."""


class Terminated(SystemExit):
    """SIGTERM came: the command unwinds, so that what it started is stopped."""


@dataclass(frozen=True, slots=True)
class Bank:
    """The database that a command works on. `bin_dir` has PostgreSQL's client programs."""

    dsn: str
    bin_dir: Path
    data_dir: Path
    is_embedded: bool


def say(line: str) -> None:
    """Tell the user something beside a command's output."""
    typer.echo(f"bank360: {line}", err=True)


def say_on_terminal(line: str) -> None:
    """Tell a person what a script would not want to read."""
    if sys.stderr.isatty():
        say(line)


def read_settings(data_dir: Path | None, **options: object) -> Settings:
    """Read the settings; options that were given (are not None) come before the environment."""
    given = {name: value for name, value in options.items() if value is not None}
    if data_dir is not None:
        given["data_dir"] = data_dir
    return Settings.read(**given)


@contextmanager
def open_bank(settings: Settings, *, owns: bool = False) -> Iterator[Bank]:
    """Reach the server of DATABASE_URL, or else the embedded one, brought up when needed.

    `owns` is for the commands that serve: one at a time has the embedded server of a folder.
    """
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        _check_reachable(dsn)
        folder = settings.data_dir.expanduser().absolute()
        yield Bank(dsn, embedded.client_bin(), folder, is_embedded=False)
    elif owns:
        with embedded.start(settings.data_dir, notice=say) as server:
            yield Bank(server.dsn, server.bin_dir, server.data_dir, is_embedded=True)
    else:
        with embedded.attach_or_start(settings.data_dir, notice=say_on_terminal) as server:
            yield Bank(server.dsn, server.bin_dir, server.data_dir, is_embedded=True)


def migrate_or_refuse(bank: Bank) -> None:
    """Bring the embedded database to the newest revision; refuse to touch a server's unasked."""
    from app.db import migrate

    if run(migrate.is_current(bank.dsn)):
        return
    if not bank.is_embedded:
        message = "the database is not at this release's revision: run `bank360 migrate` first"
        raise CommandError(message)
    say_on_terminal("migrating the database")
    run(migrate.upgrade(bank.dsn))


def has_customers(bank: Bank) -> bool:
    """Say whether the bank holds anybody yet."""
    from app.auth.permissions import Role
    from app.db import people

    return run(people.demo_person(bank.dsn, Role.CUSTOMER)) is not None


def is_unfinished(bank: Bank) -> bool:
    """Say whether inventing the bank's customers was cut off."""
    from app.db.seed import load

    return run(load.is_unfinished(bank.dsn))


def load_keys(settings: Settings, bank: Bank) -> "Keys":
    """Load the bank's keys, or make those of a new bank.

    A bank with customers whose keys are missing is refused: new keys would not read it.
    """
    from app.db.key_check import check_keys
    from app.db.keys import INDEX_FILE, MASTER_FILE, Keys, KeysError

    master, index = settings.master_key, settings.index_key
    folder = bank.data_dir / "keys"
    needed = {MASTER_FILE: master, INDEX_FILE: index}
    is_missing = any(
        given is None and not (folder / name).exists() for name, given in needed.items()
    )
    if is_missing and has_customers(bank):
        message = (
            f"the keys of this bank are missing in {folder}: put them back, or set"
            " BANK360_MASTER_KEY and BANK360_INDEX_KEY"
        )
        raise CommandError(message)
    with one_line_for(KeysError):
        keys = Keys.load(
            bank.data_dir,
            None if master is None else master.get_secret_value(),
            None if index is None else index.get_secret_value(),
        )
        run(check_keys(bank.dsn, keys))
    if keys.created:
        say(
            f"made the keys of the bank in {folder}; its personal data cannot be read without"
            " them: keep a copy apart from its backups"
        )
    return keys


def run(work: Coroutine[object, object, T]) -> T:
    """Run work on the database; what the server refuses or its loss becomes one clear line."""
    was_terminated = False

    async def cancelled_by_termination() -> T:
        nonlocal was_terminated
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def cancel(_number: int, _frame: FrameType | None) -> None:
            nonlocal was_terminated
            was_terminated = True
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)

        # An exception out of a signal handler would tear whatever the event loop is doing, and
        # leave it waiting for an answer of the server that it has already read.
        earlier = signal.signal(signal.SIGTERM, cancel)
        try:
            return await work
        finally:
            signal.signal(signal.SIGTERM, earlier)

    try:
        result = asyncio.run(cancelled_by_termination())
    except asyncio.CancelledError:
        if was_terminated:
            raise Terminated(TERMINATED_STATUS) from None
        raise
    except Exception as error:
        if was_terminated:
            raise Terminated(TERMINATED_STATUS) from error
        reason = _database_reason(error)
        if reason is None:
            raise
        message = f"the database refused: {reason}"
        raise CommandError(message) from error
    if was_terminated:
        # The signal came too late to cancel anything; what follows the work must not begin.
        raise Terminated(TERMINATED_STATUS)
    return result


@contextmanager
def one_line_for(*kinds: type[Exception]) -> Iterator[None]:
    """Turn the failures of these kinds, whose text is for the user, into a CommandError."""
    try:
        yield
    except kinds as error:
        raise CommandError(str(error)) from error


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar per step on a terminal; in a pipe stay quiet."""
    if not sys.stderr.isatty():
        yield lambda _step, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step)
            bars.update(tasks[step], completed=done, total=total)

        yield show


def unwind_on_termination() -> None:
    """Let SIGTERM, and the end of the terminal, unwind the program as Ctrl-C does."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise Terminated(TERMINATED_STATUS)

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        # Whoever ends the program on SIGTERM, the server of a serving command too, ends it now.
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, terminate)
    # Under nohup the signal is ignored, and stays so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, hang_up)


def _check_reachable(dsn: str) -> None:
    import asyncpg

    async def ask() -> None:
        connection = await asyncpg.connect(dsn, timeout=10)
        await connection.close()

    try:
        asyncio.run(ask())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        reason = str(error).partition("\n")[0] or "no answer within 10 s"
        parts = urlsplit(dsn)
        place = parts.netloc.rpartition("@")[2] + parts.path
        message = f"cannot use the database {place or 'of DATABASE_URL'}: {reason}"
        raise CommandError(message) from error


def _database_reason(error: BaseException) -> str | None:
    """Return the server's words for a failure that is not a fault of ours."""
    import asyncpg

    theirs = (
        ConnectionError,
        asyncpg.PostgresConnectionError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.InsufficientResourcesError,
        asyncpg.OperatorInterventionError,
        asyncpg.ReadOnlySQLTransactionError,
    )
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, theirs):
            return str(cause).partition("\n")[0]
        cause = cause.__cause__
    return None
