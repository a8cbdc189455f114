"""The system account that the embedded PostgreSQL runs as when bank360 is run by root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

ACCOUNT_NAME = "bank360"


class SpawnOptions(TypedDict):
    """The options of `subprocess` that put a program into the server's account."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None
    cwd: str
    env: dict[str, str]


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; the message says why, in a line for the user."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that the server runs as when bank360 itself runs as root."""

    name: str
    uid: int
    gid: int


def spawn_options(account: Account | None) -> SpawnOptions:
    """Return what runs a program as the account (None: as the current user).

    The caller's environment stays outside: variables such as PGDATA or LC_ALL would change what
    the server does.
    """
    return SpawnOptions(
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        cwd="/",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
    )


def can_enter(account: Account, path: Path) -> bool:
    """Say whether the account may enter a folder or execute a file.

    The question is put to the kernel as that account, so that access lists and the like count.
    """
    try:
        asked = subprocess.run(
            ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
            check=False,
            **spawn_options(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = (
            f"PostgreSQL does not run as root, and root may not become {account.name} here"
            f" ({error}): run bank360 as an ordinary user, or set DATABASE_URL to a server"
        )
        raise EmbeddedError(message) from error
    return asked.returncode == 0


def account_of(cluster: Path, notice: Callable[[str], None]) -> Account:
    """Return the owner of a cluster or, before it is made, the account that will own it.

    Adds the system user `bank360` where it is missing and can be added, and says so.
    """
    if cluster.exists():
        uid = cluster.stat().st_uid
        try:
            entry = pwd.getpwuid(uid)
        except KeyError as error:
            message = f"{cluster} belongs to user id {uid}, which this system does not know"
            raise EmbeddedError(message) from error
        return _checked(entry)
    try:
        return _checked(pwd.getpwnam(ACCOUNT_NAME))
    except KeyError:
        return _checked(_add_account(notice))


def _checked(entry: pwd.struct_passwd) -> Account:
    if entry.pw_uid == 0:
        message = f"PostgreSQL does not run as root, and {entry.pw_name} is root"
        raise EmbeddedError(message)
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _add_account(notice: Callable[[str], None]) -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=f"/usr/sbin:/sbin:{os.environ.get('PATH', '')}")
    if useradd is not None:
        options = ["--system", "--no-create-home", "--home-dir=/nonexistent"]
        subprocess.run(
            [useradd, *options, "--shell=/usr/sbin/nologin", ACCOUNT_NAME],
            check=False,
            capture_output=True,
        )
    for name in (ACCOUNT_NAME, "postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        notice(f"PostgreSQL does not run as root: it runs as the system user {name}")
        return entry
    message = (
        "PostgreSQL does not run as root, and there is no system user for it: add one named"
        f" {ACCOUNT_NAME}, or run bank360 as an ordinary user"
    )
    raise EmbeddedError(message)


def first_closed(account: Account, path: Path) -> Path:
    """Return the topmost folder on the way to `path` that the account may not enter."""
    for folder in [*reversed(path.parents), path]:
        if not can_enter(account, folder):
            return folder
    return path
