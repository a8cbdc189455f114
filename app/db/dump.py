"""Backup, restore and psql: PostgreSQL's own client programs, run as the database's owner."""

import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import unquote

import asyncpg

from app.db.roles import ensure_roles

_CUSTOM_MAGIC: Final = b"PGDMP"
_PLAIN_BEGIN: Final = b"-- PostgreSQL database dump"
_PLAIN_END: Final = b"-- PostgreSQL database dump complete"
_MARGIN_BYTES: Final = 4096
_SIGNALLED: Final = 128

_COUNT_RELATIONS = """
select count(*)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname not like 'pg_toast%' and n.nspname not like 'pg_temp%'
  and not exists (
    select from pg_depend d
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
"""


class DumpError(Exception):
    """A backup or restore did not happen; the message says why. Nothing is half done."""


def backup(dsn: str, bin_dir: Path, target: Path, *, plain: bool) -> int:
    """Write the whole bank to a file of mode 0600 and return its size in bytes.

    `plain` writes SQL, otherwise PostgreSQL's compressed custom format. The file appears at
    `target` when it is complete. Raises DumpError.
    """
    if target.is_dir():
        message = f"{target} is a folder, not a file"
        raise DumpError(message)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        message = f"cannot write to {target.parent}: {error.strerror}"
        raise DumpError(message) from error
    try:
        form = "plain" if plain else "custom"
        # Who owns the tables is not part of the bank: the next server has another owner.
        options = [f"--format={form}", "--no-owner", f"--file={draft}"]
        _run(dsn, bin_dir / "pg_dump", options)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


async def prepare_restore(dsn: str, source: Path) -> None:
    """Check that the file is a whole backup and the database empty, and add the roles.

    Raises DumpError.
    """
    _is_custom(source)
    await _refuse_unless_empty(dsn)
    await ensure_roles(dsn)


def restore(dsn: str, bin_dir: Path, source: Path) -> None:
    """Fill a prepared database from a backup of either format, in one transaction.

    Raises DumpError when the backup cannot be restored; the database then is as it was.
    """
    if _is_custom(source):
        program = bin_dir / "pg_restore"
        options = ["--no-owner", "--exit-on-error", "--single-transaction", str(source)]
    else:
        program = bin_dir / "psql"
        options = ["-X", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        options += [f"--output={os.devnull}", f"--file={source}"]
    _run(dsn, program, options)


async def analyze(dsn: str) -> None:
    """Gather statistics, which a backup does not hold and the first queries are planned by."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("analyze")
    finally:
        await connection.close()


def psql(dsn: str, bin_dir: Path, arguments: Sequence[str]) -> int:
    """Run psql on this terminal and return its exit status."""
    address, environment = _client(dsn)
    # Options come before the rest, so that they are known however the rest ends.
    command = [str(bin_dir / "psql"), f"--dbname={address}", *arguments]
    with _interrupts_left_to_the_child():
        status = subprocess.run(command, check=False, env=environment).returncode
    return status if status >= 0 else _SIGNALLED - status


@contextmanager
def _interrupts_left_to_the_child() -> Iterator[None]:
    # Ctrl-C cancels a statement in psql, which has the same terminal. A handler, unlike ignoring
    # the signal, is not inherited by the child.
    def leave(_number: int, _frame: FrameType | None) -> None:
        """Let the child decide."""

    earlier = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


def _client(dsn: str) -> tuple[str, dict[str, str]]:
    """Split an address into one without the password, and an environment that has it.

    Every user of the machine can read the arguments of a program, but not its environment.
    """
    scheme, mark, rest = dsn.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    login, at, place = authority.rpartition("@")
    user, _, password = login.partition(":")
    environment = dict(os.environ)
    if password:
        environment["PGPASSWORD"] = unquote(password)
    return f"{scheme}{mark}{user}{at}{place}{rest[len(authority) :]}", environment


def _run(dsn: str, program: Path, options: list[str]) -> None:
    address, environment = _client(dsn)
    done = subprocess.run(
        [str(program), "--no-password", f"--dbname={address}", *options],
        check=False,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        errors = [line for line in said if "error" in line.lower()] or said or ["no reason given"]
        message = f"{program.name} failed: {errors[0].partition('error: ')[2] or errors[0]}"
        raise DumpError(message)


async def _refuse_unless_empty(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        relations = await connection.fetchval(_COUNT_RELATIONS)
    finally:
        await connection.close()
    if relations:
        message = (
            f"the database already holds a bank ({relations} tables and sequences): restore into"
            " an empty database, for instance with a new --data-dir"
        )
        raise DumpError(message)


def _is_custom(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            begin = file.read(_MARGIN_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _MARGIN_BYTES))
            end = file.read()
    except OSError as error:
        message = f"cannot read {source}: {error.strerror}"
        raise DumpError(message) from error
    if begin.startswith(_CUSTOM_MAGIC):
        return True
    if _PLAIN_BEGIN not in begin:
        message = f"{source} is not a backup of a bank"
        raise DumpError(message)
    if _PLAIN_END not in end:
        # Without its end every statement before it could still be carried out without an error.
        message = f"{source} is cut off: its last lines are missing"
        raise DumpError(message)
    return False
