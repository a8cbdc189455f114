"""The cluster of the embedded PostgreSQL: made once, configured at every start."""

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.embedded_account import EmbeddedError, spawn_options
from app.embedded_place import Place, client_bin, write_file

OWNER = "bank360"
DATABASE = "bank360"
PORT = 5432

LOG_SECONDS_KEPT = 6 * 24 * 3600
LOG_TAIL_LINES = 12

# Errors of statements reach the client that sent them. In the server's log they would repeat
# personal data, so the log keeps to the server's own life, in one file per weekday.
CONFIGURATION = {
    "cluster_name": "bank360",
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_warning": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


def make_cluster_when_missing(place: Place, notice: Callable[[str], None]) -> None:
    """Make the cluster and its password, whole or not at all; check the version of an old one."""
    for abandoned in place.home.glob("new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    if place.cluster.exists():
        _check_version(place)
        return
    notice(f"making a PostgreSQL cluster in {place.cluster}")
    if not place.password_file.exists():
        write_file(place.password_file, secrets.token_urlsafe(24) + "\n")
    unfinished = Path(tempfile.mkdtemp(prefix="new-", dir=place.home))
    try:
        _initialise(place, unfinished)
        (unfinished / "cluster").rename(place.cluster)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_password(place: Place) -> str:
    """Read the password of the database's owner from the data folder."""
    try:
        return place.password_file.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        message = (
            f"the database password {place.password_file} is missing, and {place.cluster} cannot"
            " be opened without it: put the file back"
        )
        raise EmbeddedError(message) from error


def write_configuration(place: Place, socket_folder: Path) -> Path:
    """Write the server's configuration and return its path.

    It is written anew at each start, so that a new release brings its own; what the owner sets
    with ALTER SYSTEM still comes after it.
    """
    # The folder is an element of a list, which has quotes of its own inside those of the file.
    folder = str(socket_folder).replace('"', '""')
    values = CONFIGURATION | {"unix_socket_directories": f'"{folder}"'}
    lines = [
        f"{name} = '{value.replace(chr(92), chr(92) * 2).replace(chr(39), chr(39) * 2)}'\n"
        for name, value in values.items()
    ]
    path = place.home / "postgresql.conf"
    # It holds no secret, and the server's account has to read it whatever the umask.
    write_file(path, "# Written at every start.\n" + "".join(lines), mode=0o644)
    return path


def remove_old_logs(place: Place) -> None:
    """Remove last week's logs: the server empties a weekday's file only while it keeps running."""
    for path in (place.cluster / "log").glob("postgresql-*.log"):
        if path.lstat().st_mtime < time.time() - LOG_SECONDS_KEPT:
            path.unlink()


def log_tail(place: Place) -> str:
    """Return the last lines that the server wrote since it was started, on one line."""
    early = place.home / "startup.log"
    if not early.is_file():
        return ""
    started = early.stat().st_mtime
    logs = [
        path for path in (place.cluster / "log").glob("*.log") if path.stat().st_mtime > started
    ]
    lines = [
        line
        for path in [early, *logs]
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return _joined(lines)


def _initialise(place: Place, unfinished: Path) -> None:
    cluster, password = unfinished / "cluster", unfinished / "password"
    cluster.mkdir(mode=0o700)
    write_file(password, place.password_file.read_text(encoding="utf-8"))
    for path in (unfinished, cluster, password):
        place.give_to_server(path)
    done = subprocess.run(
        [
            str(place.server_bin / "initdb"),
            f"--pgdata={cluster}",
            f"--username={OWNER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **spawn_options(place.account),
    )
    if done.returncode != 0:
        output = done.stdout.decode(errors="replace").strip().splitlines()
        message = f"cannot make a PostgreSQL cluster in {place.home}: {_joined(output)}"
        raise EmbeddedError(message)


def _check_version(place: Place) -> None:
    found = (place.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    asked = subprocess.run(
        [client_bin() / "postgres", "--version"], check=True, capture_output=True, text=True
    )
    ours = asked.stdout.split()[-1].partition(".")[0]
    if found != ours:
        message = (
            f"{place.cluster} was made by PostgreSQL {found}, and this bank360 brings {ours}: run"
            " `bank360 backup` with the earlier release and `bank360 restore` with this one, in"
            " another --data-dir"
        )
        raise EmbeddedError(message)


def _joined(lines: list[str]) -> str:
    return " | ".join(line.strip() for line in lines[-LOG_TAIL_LINES:] if line.strip())
