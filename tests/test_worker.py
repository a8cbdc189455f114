"""The worker as processes of its own, killed and started as often as one likes; the clock."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import httpx
import pytest
from business_days import DayBank, open_day_bank
from embedded_support import STEP_SECONDS_MAX, clean, make_open_folder
from factories import Made
from shell import Shell

from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.main import create_app
from app.settings import Settings

ACCOUNTS = 24
HELD_UP = 360
# A customer whose bookings wait for as long as a test wants.
HOLD_UP = f"""
create function hold_up() returns trigger language plpgsql as $$
begin
    if new.customer_id = '{{customer}}' then
        perform pg_advisory_xact_lock({HELD_UP});
    end if;
    return new;
end $$;
create trigger hold_up before insert on journal_entry for each row execute function hold_up();
"""
WAITING = f"""
select count(*) from pg_locks where locktype = 'advisory' and objid = {HELD_UP} and not granted
"""


@pytest.fixture
async def bank(migrated_database: Callable[[str], str], tmp_path: Path) -> AsyncIterator[DayBank]:
    async with open_day_bank(migrated_database, Keys.load(tmp_path, None, None)) as made:
        yield made


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.end()


async def until_so(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until what an asynchronous question answers is true; processes start meanwhile."""
    async with asyncio.timeout(STEP_SECONDS_MAX):
        while not await is_so():  # noqa: ASYNC110  # What is waited for is not told by an event.
            await asyncio.sleep(0.02)


def start_worker(shell: Shell, bank: DayBank) -> "subprocess.Popen[str]":
    """Start a worker whose batches are single accounts."""
    return shell.start(
        "worker",
        DATABASE_URL=bank.url,
        BANK360_DATA_DIR=str(shell.folder),
        BANK360_WORKER_BATCH="1",
        BANK360_WORKER_HEARTBEAT_SECONDS="1",
    )


def metrics_url(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("bank360: working; ")
    return line.removeprefix("bank360: working; ").split()[0]


async def until_serving(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:

        async def answers() -> bool:
            try:
                return (await http.get(url)).is_success
            except httpx.ConnectError:
                return False

        await until_so(answers)


async def is_closed(bank: DayBank, day: date) -> bool:
    sql = "select exists (select from business_day where day_on = $1 and finished_at is not null)"
    return bool(await bank.owner.fetchval(sql, day))


async def check_interest(bank: DayBank, accounts: list[Made]) -> None:
    for account in accounts:
        assert await bank.bookings(account, "INTEREST_CREDITED") == [
            (Decimal("0.35"), date(2026, 3, 21))
        ]
        assert (await bank.row(account))["interest_accrued"] == 0
        assert await bank.events(account) == ["interest.posted"]


@pytest.mark.usefixtures("unmeasured")
async def test_killed_in_the_middle_and_started_twice_it_posts_interest_once(
    bank: DayBank, shell: Shell
) -> None:
    await bank.stands_on(date(2026, 3, 20))
    accounts = [await bank.savings("36000.00") for _ in range(ACCOUNTS)]
    await bank.owner.execute(HOLD_UP.format(customer=accounts[ACCOUNTS // 2].owner))
    await bank.day_end().move_to(date(2026, 3, 21))
    holder = await asyncpg.connect(bank.url)
    await holder.execute(f"select pg_advisory_lock({HELD_UP})")
    first = start_worker(shell, bank)

    async def is_in_the_middle() -> bool:
        return bool(await bank.owner.fetchval(WAITING))

    await until_so(is_in_the_middle)
    first.kill()
    first.communicate(timeout=STEP_SECONDS_MAX)
    posted = "select count(*) from posting where kind = 'INTEREST_CREDITED' and amount > 0"
    assert await bank.owner.fetchval(posted) == ACCOUNTS // 2
    others = [start_worker(shell, bank) for _ in range(2)]
    await holder.close()

    async def is_done() -> bool:
        return await is_closed(bank, date(2026, 3, 20))

    await until_so(is_done)
    await check_interest(bank, accounts)
    assert await bank.today() == date(2026, 3, 21)
    for worker in others:
        # The one that had nothing to do may still be starting.
        await until_serving(metrics_url(worker))
        worker.terminate()
        _, errors = worker.communicate(timeout=STEP_SECONDS_MAX)
        assert worker.returncode == 0, errors


async def test_it_tells_how_it_goes(bank: DayBank, shell: Shell) -> None:
    await bank.stands_on(date(2026, 3, 20))
    await bank.savings("36000.00")
    await bank.day_end().move_to(date(2026, 3, 22))
    worker = start_worker(shell, bank)
    url = await asyncio.to_thread(metrics_url, worker)
    async with httpx.AsyncClient() as http:

        async def has_closed_both() -> bool:
            text = (await http.get(url)).text
            return "bank360_business_days_closed_total 2.0" in text

        await until_so(has_closed_both)
        text = (await http.get(url)).text
        alive = await http.get(url.replace("/metrics", "/healthz"))
    assert alive.json() == {"status": "alive"}
    assert "bank360_business_days_due 0.0" in text
    assert 'bank360_worker_rows_total{step="POSTING"} 1.0' in text
    assert "bank360_worker_failures_total 0.0" in text
    worker.terminate()
    _, log = worker.communicate(timeout=STEP_SECONDS_MAX)
    assert log.count('"event":"the business day is closed"') == 2
    assert worker.returncode == 0


async def test_it_comes_back_when_its_queue_does(
    bank: DayBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    await bank.stands_on(today - timedelta(days=1), follows_calendar=True)
    lost = 2

    async def refuse(dsn: str) -> "asyncpg.Pool[asyncpg.Record]":
        nonlocal lost
        if lost:
            lost -= 1
            raise ConnectionRefusedError
        return await asyncpg.create_pool(
            dsn, min_size=1, max_size=3, server_settings={"role": "jobs"}
        )

    monkeypatch.setattr("app.jobs.worker.open_queue_pool", refuse)
    app = create_app(
        Settings(), database_url=bank.url, keys=bank.keys, token_key=TokenKey.new(), works=True
    )
    async with app.router.lifespan_context(app):

        async def is_done() -> bool:
            return await is_closed(bank, today - timedelta(days=1))

        await until_so(is_done)
    assert await bank.today() == today


async def test_what_breaks_off_is_counted_and_left_for_the_next_time(bank: DayBank) -> None:
    today = datetime.now(UTC).date()
    await bank.stands_on(today - timedelta(days=1), follows_calendar=True)
    await bank.savings("36000.00")
    await bank.owner.execute("revoke update on account from jobs")
    app = create_app(
        Settings(), database_url=bank.url, keys=bank.keys, token_key=TokenKey.new(), works=True
    )
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:

            async def has_failed() -> bool:
                return "bank360_worker_failures_total 1.0" in (await http.get("/metrics")).text

            await until_so(has_failed)
    assert not await is_closed(bank, today - timedelta(days=1))
    await bank.owner.execute("grant update on account to jobs")
    await bank.day_end().run()
    assert await is_closed(bank, today - timedelta(days=1))


async def test_the_test_clock_moves_the_business_date(bank: DayBank, shell: Shell) -> None:
    await bank.stands_on(date(2026, 3, 20))
    account = await bank.savings("36000.00")
    variables = {"DATABASE_URL": bank.url, "BANK360_DATA_DIR": str(shell.folder)}
    test_clock = variables | {"BANK360_TEST_CLOCK": "true"}

    async def clock(*options: str) -> tuple[str, str]:
        return await asyncio.to_thread(lambda: shell.run("clock", *options, **test_clock))  # type: ignore[arg-type]  # Variables are texts.

    async def refused(to: str, variables: dict[str, str]) -> str:
        command = ("clock", "--to", to)
        return await asyncio.to_thread(lambda: shell.refusal(*command, **variables))  # type: ignore[arg-type]  # Variables are texts.

    output, _ = await clock()
    assert output == "business date 2026-03-20, stands still until it is moved\n"
    assert "BANK360_TEST_CLOCK=true" in await refused("2026-03-22", variables)
    output, errors = await clock("--to", "2026-03-22")
    assert output.startswith("business date 2026-03-22")
    assert errors.splitlines() == ["bank360: closed 2026-03-20", "bank360: closed 2026-03-21"]
    assert len(await bank.bookings(account, "INTEREST_CREDITED")) == 1
    for wrong, reason in (("2026-03-22", "does not go back"), ("2126-03-22", "days away")):
        assert reason in await refused(wrong, test_clock)


@pytest.mark.usefixtures("unmeasured")
def test_a_demo_closes_days_by_itself() -> None:
    folder = make_open_folder()
    shell = Shell(folder)
    try:
        shell.run("seed", "--customers", "20")
        shell.run("psql", "--", "-c", "update business_date set current_on = current_on - 1")
        demo, url = shell.start_demo()
        deadline = datetime.now(UTC) + timedelta(seconds=STEP_SECONDS_MAX)
        closed = ""
        while "bank360_business_days_closed_total 1.0" not in closed:
            assert datetime.now(UTC) < deadline, closed
            closed = httpx.get(f"{url}/metrics").text
        output, _ = shell.run("clock")
        assert output == f"business date {datetime.now(UTC).date()}, follows the calendar of UTC\n"
        output, _ = shell.run("clock", "--to", f"{datetime.now(UTC).date() + timedelta(days=1)}")
        assert output.startswith(f"business date {datetime.now(UTC).date() + timedelta(days=1)}")
        demo.terminate()
        demo.communicate(timeout=STEP_SECONDS_MAX)
    finally:
        shell.end()
        clean(folder)
