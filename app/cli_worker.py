"""Commands of the bank's time: worker and clock."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli_context import (
    Bank,
    CommandError,
    DataDir,
    load_keys,
    migrate_or_refuse,
    open_bank,
    read_settings,
    run,
    say,
)
from app.cli_serve import serve_application, take_port, url_of

if TYPE_CHECKING:
    from app.domain.business_day import Clock
    from app.settings import Settings

DAYS_MAX = 3_660


def worker(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="NUMBER",
            help="TCP port of /healthz and /metrics; 0 takes a free one",
            show_default="BANK360_WORKER_PORT, or 0",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Close business days as they end: interest, maturities, standing orders, balances.

    Any number may run: one works at a time, and another takes over when it is gone. Days that
    ended while none ran are closed one after the other. `bank360 demo` does the same by itself.

    Example: DATABASE_URL=postgresql://… bank360 worker --port 9100
    """
    from app.worker import create_worker_app

    settings = read_settings(data_dir, worker_port=port)
    with take_port(settings.host, settings.worker_port) as listener, open_bank(settings) as bank:
        migrate_or_refuse(bank)
        keys = load_keys(settings, bank)
        say(f"working; {url_of(listener)}/metrics tells how it goes")
        serve_application(
            create_worker_app(settings, database_url=bank.dsn, keys=keys), settings, listener
        )


def clock(
    to: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Move the business date to this day, in the embedded bank or a test's",
            show_default="show where it stands",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Show the business date, or move it day by day as the worker would.

    Every day on the way is closed: interest, maturities, standing orders. A bank with real money
    follows the calendar, and its date is not moved by hand.

    Example: bank360 clock --to 2027-01-21
    """
    settings = read_settings(data_dir)
    with open_bank(settings) as bank:
        migrate_or_refuse(bank)
        if to is not None:
            _move(bank, settings, to.date())
        typer.echo(_told(run(_read(bank, settings)), settings))


def _move(bank: Bank, settings: "Settings", target: date) -> None:
    from app import logs
    from app.metrics import Metrics
    from app.worker import create_day_end

    if not (settings.test_clock or bank.is_embedded):
        message = (
            "the business date of a bank behind DATABASE_URL follows the calendar; set"
            " BANK360_TEST_CLOCK=true where it is a test's"
        )
        raise CommandError(message)
    stands_on = run(_read(bank, settings)).current_on
    if target <= stands_on:
        message = f"the business date is {stands_on} already, and does not go back to {target}"
        raise CommandError(message)
    if (days := (target - stands_on).days) > DAYS_MAX:
        message = f"{target} is {days:,} days away; at most {DAYS_MAX:,} are run at once"
        raise CommandError(message)
    logs.configure("WARNING")
    keys = load_keys(settings, bank)
    day_end = create_day_end(settings, bank.dsn, keys, Metrics())
    run(day_end.move_to(target))
    run(day_end.run(closed=lambda day: say(f"closed {day}")))


async def _read(bank: Bank, settings: "Settings") -> "Clock":
    from app.db import business_day
    from app.jobs.day_end import calendar_day

    today = calendar_day(settings.business_time_zone)
    async with business_day.connected(bank.dsn) as connection:
        return await business_day.read_clock(connection, today)


def _told(clock: "Clock", settings: "Settings") -> str:
    moves = f"follows the calendar of {settings.business_time_zone}"
    if not clock.follows_calendar:
        moves = "stands still until it is moved"
    return f"business date {clock.current_on}, {moves}"
