"""The `bank360` command as its users and their scripts see it."""

import asyncio
import base64
import signal
import stat
import urllib.request
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from embedded_support import STEP_SECONDS_MAX, ask, clean, cluster_of, make_open_folder
from shell import Shell

from app.embedded import EmbeddedPostgres
from app.embedded_server import find_processes

COMMANDS = [
    [],
    ["demo"],
    ["serve"],
    ["worker"],
    ["clock"],
    ["migrate"],
    ["import"],
    ["import", "retail-bank"],
    ["seed"],
    ["token"],
    ["revoke"],
    ["schema"],
    ["schema", "print"],
    ["schema", "check"],
    ["keys"],
    ["keys", "rotate"],
    ["settings"],
    ["backup"],
    ["restore"],
    ["psql"],
]
ROLES = ("CUSTOMER", "TELLER", "BRANCH_MANAGER")


@pytest.fixture(scope="module")
def module_shell() -> Iterator[Shell]:
    folder = make_open_folder()
    yield Shell(folder)
    clean(folder)


@pytest.fixture
def shell(module_shell: Shell) -> Iterator[Shell]:
    yield module_shell
    module_shell.end()
    for cluster in module_shell.folder.rglob("postgres/cluster"):
        assert find_processes(cluster) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(shell: Shell, command: list[str]) -> None:
    output, _ = shell.run(*command, "--help")
    assert "Example:" in output
    assert " ".join(["bank360", *command]) in output


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nonsense"], "No such command 'nonsense' (--help explains)"),
        (["token"], "Missing option '--role' (--help explains)"),
        (["backup"], "Missing argument 'FILE' (--help explains)"),
        (["demo", "--port", "x"], "Invalid value for '--port': "),
        (["seed"], "Missing option '--customers' (--help explains)"),
        (["seed", "--customers", "0"], "Invalid value for '--customers': Input should be"),
    ],
)
def test_wrong_usage_is_one_line(shell: Shell, arguments: list[str], line: str) -> None:
    assert shell.refusal(*arguments, status=2).startswith(line)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["token", "--role", "BOSS"], "BOSS is not a role; the roles are CUSTOMER, TELLER,"),
        (["serve", "--workers", "2"], "more than one worker needs REDIS_URL: without it Redis"),
        (["demo", "--import", "other:x"], "--import other:x: expected retail-bank:PATH"),
        (["demo", "--import", "retail-bank:x"], "--import retail-bank:x: x is not a folder"),
        (
            ["demo", "--import", "retail-bank:x", "--customers", "9"],
            "--customers and --import fill the bank in two ways: give one of them",
        ),
        (["schema", "check", "--file", "none"], "cannot read none: No such file or directory"),
    ],
)
def test_what_a_command_cannot_do_is_one_line(
    shell: Shell, arguments: list[str], line: str
) -> None:
    assert shell.refusal(*arguments).startswith(line)


def test_wrong_settings_are_a_line_each(shell: Shell) -> None:
    output, errors = shell.run(
        "settings", status=1, BANK360_PORT="x", DATABASE_URL="mysql://u:canary@h/d"
    )
    assert output == ""
    first, second = errors.splitlines()
    assert first == "bank360: DATABASE_URL must begin with postgresql://"
    assert second.startswith("bank360: BANK360_PORT 'x': input should be a valid integer")


def test_settings_show_values_and_hide_secrets(shell: Shell) -> None:
    canary = base64.b64encode(b"canary-canary-canary-canary-cana").decode()
    output, errors = shell.run(
        "settings", BANK360_PORT="8123", BANK360_INDEX_KEY=canary, BANK360_PROT="1"
    )
    lines = {line.split()[0]: line.split() for line in output.splitlines() if line.strip()}
    assert lines["BANK360_PORT"][1:3] == ["8123", "8000"]
    assert lines["BANK360_INDEX_KEY"][1] == "set"
    assert lines["DATABASE_URL"][1:3] == ["not", "set"]
    assert canary not in output
    assert errors == "bank360: BANK360_PROT is not a setting; did you mean BANK360_PORT?\n"


def test_psql_passes_everything_through(shell: Shell) -> None:
    output, _ = shell.run("psql", "--", "-XAt", stdin="select current_user;\n", PGPORT="1")
    assert output == "bank360\n"
    _, errors = shell.run("psql", "--", "-Xc", "select nonsense", status=1)
    assert 'column "nonsense" does not exist' in errors
    shell.run("psql", "--", "-Xc", "\\q", "-c", "select 1")
    shell.run("psql", "--", "-X", "--set=ON_ERROR_STOP=1", stdin="nonsense;", status=3)


def test_an_unreachable_database_is_named_without_its_password(shell: Shell) -> None:
    url = "postgresql://owner:canary@127.0.0.1:1/bank"
    for command in (["psql"], ["migrate"], ["backup", "x.dump"], ["serve", "--port", "0"]):
        line = shell.refusal(*command, DATABASE_URL=url)
        assert line.startswith("cannot use the database 127.0.0.1:1/bank: ")
        assert "canary" not in line


def test_a_wrong_password_is_named(shell: Shell, server: EmbeddedPostgres) -> None:
    url = server.dsn.replace(":", ":wrong", 2).replace(":wrong//", "://")
    line = shell.refusal("migrate", DATABASE_URL=url)
    assert 'password authentication failed for user "bank360"' in line


@pytest.fixture(scope="module")
def bank(module_shell: Shell) -> Shell:
    """A migrated bank with a branch, in the data folder that commands use by default."""
    module_shell.run("migrate")
    module_shell.run("psql", "--", "-Xqc", "create table kept as select 42 as answer")
    return module_shell


def content(shell: Shell, data_dir: str) -> str:
    output, _ = shell.run("psql", "--data-dir", data_dir, "--", "-XAtc", "table kept", "-c", "\\d")
    return output


def test_migrating_again_changes_nothing(bank: Shell) -> None:
    bank.run("migrate")


@pytest.mark.parametrize("options", [[], ["--plain"]], ids=["custom", "plain"])
def test_a_backup_restores_to_the_same_bank(bank: Shell, options: list[str]) -> None:
    name = "plain" if options else "custom"
    _, told = bank.run("backup", *options, f"{name}.dump")
    assert f"wrote {name}.dump" in told
    assert "keep the keys" in told
    assert stat.S_IMODE((bank.folder / f"{name}.dump").stat().st_mode) == 0o600

    bank.run("restore", f"{name}.dump", "--data-dir", name)
    assert content(bank, name) == content(bank, ".bank360")
    grants = "select count(*) from information_schema.role_table_grants where grantee = 'app_read'"
    restored, _ = bank.run("psql", "--data-dir", name, "--", "-XAtc", grants)
    assert int(restored) > 0
    line = bank.refusal("restore", f"{name}.dump", "--data-dir", name)
    assert line.startswith("the database already holds a bank (")
    assert content(bank, name) == content(bank, ".bank360")


def test_a_broken_backup_changes_nothing(bank: Shell) -> None:
    for name, options in (("whole.dump", []), ("whole.sql", ["--plain"])):
        bank.run("backup", *options, name)
        whole = (bank.folder / name).read_bytes()
        (bank.folder / f"cut-{name}").write_bytes(whole[: len(whole) // 2])
    damaged = (bank.folder / "whole.sql").read_text().replace("CREATE INDEX", "CREATE NONSENSE")
    (bank.folder / "damaged.sql").write_text(damaged)
    (bank.folder / "letter").write_text("Dear bank,\n")
    refusals = {
        "cut-whole.dump": "pg_restore failed: could not read from input file: end of file",
        "cut-whole.sql": "cut-whole.sql is cut off: its last lines are missing",
        "damaged.sql": "psql failed: ",
        "letter": "letter is not a backup of a bank",
        "none": "cannot read none: No such file or directory",
    }
    for name, expected in refusals.items():
        assert bank.refusal("restore", name, "--data-dir", "broken").startswith(expected)
    tables = "select count(*) from pg_tables where schemaname = 'public'"
    output, _ = bank.run("psql", "--data-dir", "broken", "--", "-XAtc", tables)
    assert output == "0\n"


def test_a_backup_that_fails_leaves_no_file(
    bank: Shell, new_database: Callable[[str], str]
) -> None:
    before = sorted(bank.folder.iterdir())
    assert bank.refusal("backup", "none/x.dump").startswith("cannot write to none: No such file")
    assert bank.refusal("backup", ".") == ". is a folder, not a file"

    url = new_database("closed_to_backup")
    sql = (
        "create table secret (); create role reader login password 'pw'"
        " nosuperuser; revoke all on secret from public"
    )
    asyncio.run(_execute(url, sql))
    reader = "postgresql://reader:pw@" + url.partition("@")[2]
    line = bank.refusal("backup", "x.dump", DATABASE_URL=reader)
    assert line.startswith("pg_dump failed: query failed: ERROR:  permission denied")
    assert sorted(bank.folder.iterdir()) == before


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_that_waits_for_the_database(
    shell: Shell, new_database: Callable[[str], str], number: signal.Signals, status: int
) -> None:
    url = new_database(f"waits_{status}")
    shell.run("migrate", DATABASE_URL=url)
    blocker = shell.start("psql", "--", "-XAtq", DATABASE_URL=url)
    assert blocker.stdin is not None
    assert blocker.stdout is not None
    blocker.stdin.write("begin; lock table alembic_version; select 'locked';\n")
    blocker.stdin.flush()
    assert blocker.stdout.readline() == "locked\n"

    waiting = shell.start("token", "--role", "TELLER", DATABASE_URL=url)
    while not ask(url, "select count(*) from pg_locks where not granted"):
        assert waiting.poll() is None
    waiting.send_signal(number)
    output, errors = waiting.communicate(timeout=STEP_SECONDS_MAX)
    assert (waiting.returncode, output, errors) == (status, "", "")
    blocker.communicate("rollback;\n", timeout=STEP_SECONDS_MAX)


def test_with_database_url_the_same_commands_use_that_server(
    shell: Shell, new_database: Callable[[str], str]
) -> None:
    url = new_database("by_url")
    line = shell.refusal("serve", "--port", "0", DATABASE_URL=url)
    assert line == "the database is not at this release's revision: run `bank360 migrate` first"
    shell.run("migrate", DATABASE_URL=url)
    output, _ = shell.run("psql", "--", "-XAtc", "select current_database()", DATABASE_URL=url)
    assert output == "by_url\n"
    shell.run("backup", "by-url.dump", DATABASE_URL=url)
    other = new_database("by_url_restored")
    shell.run("restore", "by-url.dump", DATABASE_URL=other)
    assert shell.refusal("restore", "by-url.dump", DATABASE_URL=url).startswith("the database al")


def test_the_printed_schema_is_the_contract_that_check_accepts(shell: Shell) -> None:
    output, _ = shell.run("schema", "print")
    (shell.folder / "schema.graphql").write_text(output)
    assert shell.run("schema", "check") == ("", "")
    (shell.folder / "other.graphql").write_text(output + "type Stranger { id: ID! }\n")
    diff, errors = shell.run("schema", "check", "--file", "other.graphql", status=1)
    assert "-type Stranger { id: ID! }" in diff.splitlines()
    assert errors == (
        "bank360: other.graphql differs from the code: run `bank360 schema print > other.graphql`\n"
    )


def test_a_taken_port_is_named_before_anything_starts(shell: Shell) -> None:
    line = shell.refusal("demo", "--host", "192.0.2.1", "--data-dir", "untouched")
    assert line.startswith("cannot listen on 192.0.2.1, port 8000: ")
    assert not (shell.folder / "untouched").exists()


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_a_server_that_others_can_reach_needs_an_issuer(shell: Shell, command: str) -> None:
    line = shell.refusal(command, "--host", "0.0.0.0", "--port", "0", "--data-dir", "untouched")
    assert line.startswith("listening on 0.0.0.0, which others can reach, needs BANK360_ISSUER")
    assert not (shell.folder / "untouched").exists()


def test_where_an_issuer_is_set_there_are_no_demo_tokens(shell: Shell) -> None:
    issuer = "https://login.bank.example"
    line = shell.refusal("token", "--role", "TELLER", BANK360_ISSUER=issuer)
    assert line == f"BANK360_ISSUER is set: only the tokens of {issuer} are accepted"


def test_a_revocation_needs_a_redis_that_outlives_the_command(shell: Shell) -> None:
    line = shell.refusal("revoke", "some-token-id")
    assert line.startswith("revoking a token needs REDIS_URL")
    line = shell.refusal("revoke", "some-token-id", REDIS_URL="redis://127.0.0.1:1/0")
    assert line.startswith("Redis did not take the revocation")


def test_seeding_again_goes_on_and_another_bank_is_refused(shell: Shell) -> None:
    output, _ = shell.run("seed", "--customers", "9", "--data-dir", "seeded")
    assert "9 customers with seed 1 (0 were there already)" in output
    assert "Ledger in CNY: balanced" in output
    output, _ = shell.run("seed", "--customers", "9", "--data-dir", "seeded")
    assert "9 customers with seed 1 (9 were there already)" in output
    line = shell.refusal("seed", "--customers", "9", "--seed", "2", "--data-dir", "seeded")
    assert line.startswith("the bank holds invented customers already, made with another --seed")
    line = shell.refusal("seed", "--customers", "2000000", "--data-dir", "seeded")
    assert line == "the number of customers is between 1 and 1,000,000, not 2,000,000"


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_empty_demo_is_filled_and_serves_until_it_is_stopped(
    shell: Shell, number: signal.Signals
) -> None:
    folder = f"demo_{number}"
    demo, url = shell.start_demo("--data-dir", folder, "--customers", "9")
    with urllib.request.urlopen(f"{url}/healthz", timeout=STEP_SECONDS_MAX) as answer:
        assert answer.status == 200
    line = shell.refusal("demo", "--port", "0", "--data-dir", folder)
    assert f"is already served by process {demo.pid} (bank360 demo)" in line
    output, _ = shell.run("psql", "--data-dir", folder, "--", "-XAtc", "select 1")
    assert output == "1\n"
    for role in ROLES:
        output, _ = shell.run("token", "--role", role, "--data-dir", folder)
        assert output.count(".") == 2

    demo.send_signal(number)
    _, errors = demo.communicate(timeout=STEP_SECONDS_MAX)
    assert demo.returncode == 0
    assert "filling the empty bank" in errors
    assert "Traceback" not in errors
    assert find_processes(cluster_of(shell.folder / folder)) == []


def test_a_demo_finishes_what_was_cut_off_and_fills_nothing_twice(shell: Shell) -> None:
    shell.run("seed", "--customers", "9", "--data-dir", "seeded")
    unfinish = "delete from segment_membership; update segment set computed_at = null"
    members = "select count(*) > 0 from segment_membership"
    shell.run("psql", "--data-dir", "seeded", "--", "-Xc", unfinish)
    for told in ("filling the bank was cut off: going on", "the bank is filled already"):
        demo, address = shell.start_demo("--data-dir", "seeded", "--customers", "9")
        with urllib.request.urlopen(f"{address}/healthz", timeout=STEP_SECONDS_MAX) as answer:
            assert answer.status == 200
        demo.send_signal(signal.SIGTERM)
        _, errors = demo.communicate(timeout=STEP_SECONDS_MAX)
        assert told in errors
        output, _ = shell.run("psql", "--data-dir", "seeded", "--", "-XAtc", members)
        assert output == "t\n"
