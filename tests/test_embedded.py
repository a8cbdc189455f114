"""The embedded PostgreSQL: the real server, in real processes that are really killed."""

import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import asyncpg
import pytest
from embedded_support import (
    ROOT,
    STEP_SECONDS_MAX,
    App,
    ask,
    closed_folder,
    cluster_of,
    modes,
    open_folder,
    postmaster_pid,
    refused,
)

from app import embedded
from app.embedded_server import find_postmaster, find_processes

__all__ = ["closed_folder", "open_folder"]  # Fixtures are found by their names.


def test_a_first_start_makes_a_bank_that_only_its_password_opens(open_folder: Path) -> None:
    data_dir = open_folder / "bank"
    app = App(data_dir)
    assert any("making a PostgreSQL cluster" in line for line in app.notices)
    assert ask(app.dsn, "select current_user || ' ' || current_database()") == ("bank360 bank360")
    settings = {
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "unix_socket_permissions": "0700",
    }
    for name, value in settings.items():
        assert ask(app.dsn, f"select current_setting('{name}')") == value

    password = data_dir / "postgres" / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text().strip() in app.dsn
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(app.dsn.replace(password.read_text().strip(), "guess"), "select 1")

    assert app.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert find_processes(cluster_of(data_dir)) == []


def test_a_bank_under_a_closed_folder_outlives_killed_app_and_postmaster(
    closed_folder: Path,
) -> None:
    data_dir = closed_folder / "bank"
    before = modes(closed_folder)
    app = App(data_dir)
    ask(app.dsn, "create table kept as select 42 as answer")
    if ROOT:
        assert any(
            line.startswith("the PostgreSQL cluster is in /var/lib/bank360/")
            for line in app.notices
        )
    cluster = cluster_of(data_dir)
    os.kill(app.process.pid, signal.SIGKILL)
    os.kill(postmaster_pid(data_dir), signal.SIGKILL)
    app.wait()

    again = App(data_dir)
    assert ask(again.dsn, "select answer from kept") == 42
    again.end(signal.SIGTERM)
    assert modes(closed_folder) == before
    assert find_processes(cluster) == []
    assert not (cluster / "postmaster.pid").exists()


def test_the_server_of_a_killed_app_is_taken_over_and_stopped_at_the_end(
    open_folder: Path,
) -> None:
    data_dir = open_folder / "bank"
    app = App(data_dir)
    pid = postmaster_pid(data_dir)
    app.end(signal.SIGKILL)
    assert find_postmaster(cluster_of(data_dir)) is not None

    again = App(data_dir)
    assert postmaster_pid(data_dir) == pid
    assert again.notices == [
        "took over the PostgreSQL of a killed bank360, which was still running"
    ]
    assert ask(again.dsn, "select 1") == 1
    again.end(signal.SIGTERM)
    assert find_processes(cluster_of(data_dir)) == []


def test_a_server_whose_socket_was_removed_is_replaced(open_folder: Path) -> None:
    data_dir = open_folder / "bank"
    app = App(data_dir)
    pid = postmaster_pid(data_dir)
    app.end(signal.SIGKILL)
    shutil.rmtree(data_dir / "postgres" / "socket")

    again = App(data_dir)
    assert postmaster_pid(data_dir) != pid
    assert ask(again.dsn, "select 1") == 1
    again.end(signal.SIGTERM)
    assert find_processes(cluster_of(data_dir)) == []


def test_a_second_start_names_the_process_that_has_the_bank(open_folder: Path) -> None:
    app = App(open_folder / "bank")
    second = App(open_folder / "bank")
    assert second.wait() == 1
    assert second.errors.strip() == (
        f"the bank in {open_folder / 'bank'} is already served by process {app.process.pid}"
        f" (-c {open_folder / 'bank'}): stop it first, or use another --data-dir"
    )
    app.end(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_app_and_server(open_folder: Path, number: signal.Signals) -> None:
    app = App(open_folder / "bank")
    assert app.end(number) != 0
    assert find_processes(cluster_of(open_folder / "bank")) == []
    assert not (cluster_of(open_folder / "bank") / "postmaster.pid").exists()


def test_a_second_signal_does_not_leave_the_server_behind(open_folder: Path) -> None:
    app = App(open_folder / "bank")
    for _ in range(3):
        app.process.send_signal(signal.SIGINT)
    app.wait()
    assert find_processes(cluster_of(open_folder / "bank")) == []


def test_the_last_user_of_the_server_stops_it(open_folder: Path) -> None:
    data_dir = open_folder / "bank"
    notices: list[str] = []
    app = App(data_dir)
    with embedded.attach_or_start(data_dir, notice=notices.append) as server:
        assert server.dsn == app.dsn
        app.end(signal.SIGTERM)
        assert ask(server.dsn, "select 1") == 1
        with embedded.attach_or_start(data_dir, notice=notices.append) as another:
            assert ask(another.dsn, "select 1") == 1
        assert ask(server.dsn, "select 1") == 1
    assert notices == []
    assert find_processes(cluster_of(data_dir)) == []


def test_a_pid_file_that_names_another_process_is_no_obstacle(open_folder: Path) -> None:
    data_dir = open_folder / "bank"
    app = App(data_dir)
    cluster = cluster_of(data_dir)
    owner = cluster.stat()
    os.kill(postmaster_pid(data_dir), signal.SIGKILL)
    app.end(signal.SIGKILL)
    stranger = subprocess.Popen(
        ["/bin/sleep", "600"],
        user=owner.st_uid if ROOT else None,
        group=owner.st_gid if ROOT else None,
        extra_groups=[] if ROOT else None,
    )
    try:
        for path in (cluster / "postmaster.pid", data_dir / "postgres/socket/.s.PGSQL.5432.lock"):
            _, *rest = path.read_text().splitlines()
            path.write_text("\n".join([str(stranger.pid), *rest]) + "\n")
        again = App(data_dir)
        assert ask(again.dsn, "select 1") == 1
        again.end(signal.SIGTERM)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_session_that_outlives_its_killed_server_is_ended(open_folder: Path) -> None:
    data_dir = open_folder / "bank"
    app = App(data_dir)
    busy = subprocess.Popen(
        [embedded.client_bin() / "psql", "-X", app.dsn, "-c", "do 'begin loop end loop; end'"],
        stderr=subprocess.DEVNULL,
    )
    cluster = cluster_of(data_dir)
    while not ask(app.dsn, "select count(*) from pg_stat_activity where query ~ '^do'"):
        assert busy.poll() is None
    os.kill(postmaster_pid(data_dir), signal.SIGKILL)
    app.end(signal.SIGKILL)
    assert find_processes(cluster) != []

    again = App(data_dir)
    assert ask(again.dsn, "select 1") == 1
    again.end(signal.SIGTERM)
    busy.wait(timeout=STEP_SECONDS_MAX)
    assert find_processes(cluster) == []


def test_what_is_missing_or_wrong_is_named(open_folder: Path) -> None:
    data_dir = open_folder / "bank"
    with embedded.attach_or_start(data_dir, notice=lambda _line: None):
        pass
    cluster, password = cluster_of(data_dir), data_dir / "postgres" / "password"
    right = password.read_text()

    password.write_text("wrong\n")
    assert "is not the one of" in refused(data_dir)
    password.unlink()
    assert "put the file back" in refused(data_dir)
    password.write_text(right)

    version = cluster / "PG_VERSION"
    made = version.read_text()
    version.write_text("17\n")
    assert "was made by PostgreSQL 17, and this bank360 brings 18" in refused(data_dir)
    version.write_text(made)

    control = cluster / "global" / "pg_control"
    control.rename(control.with_name("away"))
    refusal = refused(data_dir)
    assert "did not start; its log ends:" in refusal
    assert "pg_control" in refusal
    assert "\n" not in refusal
    control.with_name("away").rename(control)

    with embedded.attach_or_start(data_dir, notice=lambda _line: None) as server:
        assert server.dsn


def test_what_an_interrupted_first_start_left_is_removed(open_folder: Path) -> None:
    private = open_folder / "bank" / "postgres"
    abandoned = private / "new-interrupted" / "cluster"
    abandoned.mkdir(parents=True)
    (abandoned / "PG_VERSION").write_text("18\n")
    for folder in (open_folder / "bank", private):
        folder.chmod(0o711)
    app = App(open_folder / "bank")
    assert ask(app.dsn, "select 1") == 1
    app.end(signal.SIGTERM)
    assert not abandoned.parent.exists()
