"""Commands that serve: demo and serve."""

import os
import socket
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli_bank import fill_from_retail_bank, fill_with_seed
from app.cli_context import (
    Bank,
    CommandError,
    DataDir,
    Terminated,
    has_customers,
    is_unfinished,
    load_keys,
    migrate_or_refuse,
    one_line_for,
    open_bank,
    read_settings,
    run,
    say,
)
from app.cli_output import print_table

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from app.settings import Settings

DEMO_CUSTOMERS = 2000
IMPORT_SOURCE = "retail-bank"
BACKLOG = 2048
WORKER_START_SECONDS_MAX = 60

Port = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        metavar="NUMBER",
        help="TCP port; 0 takes a free one",
        show_default="BANK360_PORT, or 8000",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Address to listen on", show_default="BANK360_HOST, or 127.0.0.1"
    ),
]


def demo(
    port: Port = None,
    host: Host = None,
    data_dir: DataDir = None,
    customers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Fill an empty bank with so many invented customers",
            show_default=str(DEMO_CUSTOMERS),
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--import",
            metavar="retail-bank:PATH",
            help="Fill an empty bank from these files instead",
            show_default="BANK360_RETAIL_BANK, else none",
        ),
    ] = None,
) -> None:
    """Run everything on this machine: database, migrations, a filled bank, the API.

    Ctrl-C stops it; the bank stays in the data folder.

    Example: bank360 demo --port 8080 --customers 500
    """
    settings = read_settings(data_dir, port=port, host=host)
    path = _source(source, customers, settings)
    with _listen(settings) as listener, open_bank(settings, owns=True) as bank:
        _migrate(bank)
        _fill(bank, settings, path, customers, is_wished=source is not None)
        application = _application(settings, bank, listener, works=True)
        _print_welcome(bank, settings, listener)
        serve_application(application, settings, listener)


def serve(
    port: Port = None,
    host: Host = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1, metavar="NUMBER", help="Processes that answer; above 1 needs REDIS_URL"
        ),
    ] = 1,
    data_dir: DataDir = None,
) -> None:
    """Serve the API on DATABASE_URL and REDIS_URL, or on the embedded servers.

    Example: DATABASE_URL=postgresql://… REDIS_URL=redis://… bank360 serve --workers 4
    """
    settings = read_settings(data_dir, port=port, host=host)
    if workers > 1 and settings.redis_url is None:
        message = (
            "more than one worker needs REDIS_URL: without it Redis lives inside one process, and"
            " events of one worker would not reach the subscribers of another"
        )
        raise CommandError(message)
    with _listen(settings) as listener, open_bank(settings, owns=True) as bank:
        migrate_or_refuse(bank)
        say(f"serving on {url_of(listener)}")
        if workers == 1:
            serve_application(_application(settings, bank, listener), settings, listener)
        else:
            load_keys(settings, bank)
            _serve_with_workers(settings, bank, listener, workers)


def _fill(
    bank: Bank, settings: "Settings", path: Path | None, customers: int | None, *, is_wished: bool
) -> None:
    """Fill an empty bank, or finish one whose filling was cut off."""
    is_empty = not has_customers(bank)
    if is_empty and path is not None:
        say(f"filling the empty bank from {path}")
        fill_from_retail_bank(bank, settings, path)
    elif is_empty or is_unfinished(bank):
        say("filling the empty bank" if is_empty else "filling the bank was cut off: going on")
        fill_with_seed(bank, settings, customers or DEMO_CUSTOMERS)
    elif customers is not None or is_wished:
        say("the bank is filled already: --customers and --import are not used")


def _source(given: str | None, customers: int | None, settings: "Settings") -> Path | None:
    """Give the folder to import; what is given as an option comes before the environment."""
    if given is not None and customers is not None:
        message = "--customers and --import fill the bank in two ways: give one of them"
        raise CommandError(message)
    if given is not None:
        kind, _, path = given.partition(":")
        if kind != IMPORT_SOURCE or not path:
            message = f"--import {given}: expected {IMPORT_SOURCE}:PATH"
            raise CommandError(message)
        if not Path(path).is_dir():
            message = f"--import {given}: {path} is not a folder"
            raise CommandError(message)
        return Path(path)
    if settings.retail_bank is not None and customers is None:
        if not settings.retail_bank.is_dir():
            message = f"BANK360_RETAIL_BANK: {settings.retail_bank} is not a folder"
            raise CommandError(message)
        return settings.retail_bank
    return None


def take_port(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started: it is what fails most often."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        # The errors of name look-up have numbers below zero and texts of their own.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        message = (
            f"cannot listen on {host}, port {port}: {reason}; choose another with --host or --port"
        )
        raise CommandError(message) from error
    listener.set_inheritable(True)
    return listener


def _listen(settings: "Settings") -> socket.socket:
    listener = take_port(settings.host, settings.port)
    if settings.issuer is None and not ip_address(listener.getsockname()[0]).is_loopback:
        listener.close()
        message = (
            f"listening on {settings.host}, which others can reach, needs BANK360_ISSUER: the"
            " demo's own sign-in asks for no password, so it is for this machine alone"
        )
        raise CommandError(message)
    return listener


def url_of(listener: socket.socket) -> str:
    """Give the address that clients on this machine use."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _migrate(bank: Bank) -> None:
    from app.db import migrate

    if not run(migrate.is_current(bank.dsn)):
        say("migrating the database")
        run(migrate.upgrade(bank.dsn))


def _application(
    settings: "Settings", bank: Bank, listener: socket.socket, *, works: bool = False
) -> "Starlette":
    from app.auth.tokens import TokenKey, TokenKeyError
    from app.main import create_app
    from app.trusted import ManifestError

    with one_line_for(TokenKeyError):
        token_key = TokenKey.load(bank.data_dir)
    keys = load_keys(settings, bank)
    # A name for this machine is as good as its address.
    here = settings.model_copy(update={"host": listener.getsockname()[0]})
    with one_line_for(ManifestError):
        return create_app(
            here,
            database_url=bank.dsn,
            keys=keys,
            token_key=token_key,
            data_dir=bank.data_dir,
            works=works,
        )


def _print_welcome(bank: Bank, settings: "Settings", listener: socket.socket) -> None:
    from app.auth.permissions import Role
    from app.db import people

    url = url_of(listener)
    typer.echo(f"bank360   {url}\nGraphQL   {url}/graphql\nGraphiQL  {url}/graphiql")
    if settings.issuer is not None:
        typer.echo(f"Sign in   {settings.issuer}\nCtrl-C stops it.")
        return
    folder = "" if settings.data_dir == Path(".bank360") else f" --data-dir {settings.data_dir}"
    rows = [("Role", "Person", "Number", "Sign in with the token of")]
    for role in Role:
        person = run(people.demo_person(bank.dsn, role))
        if person is not None:
            rows.append((role, person.name, person.number, f"bank360 token --role {role}{folder}"))
    if len(rows) > 1:
        print_table(rows)
    typer.echo("Ctrl-C stops it.")


def uvicorn_options(settings: "Settings") -> dict[str, Any]:
    """Give what every uvicorn that serves the API is told, beside the application and where."""
    from app.http_wire import HttpProtocol
    from app.websocket_wire import WebSocketProtocol

    return {
        "log_level": settings.log_level.lower(),
        "access_log": False,
        "server_header": False,
        # The libraries' log lines are written as ours are (app/logs.py).
        "log_config": None,
        "timeout_graceful_shutdown": settings.shutdown_seconds_max,
        "forwarded_allow_ips": [str(network) for network in settings.trusted_proxies],
        "http": HttpProtocol,
        "ws": WebSocketProtocol,
        "ws_max_size": settings.body_bytes_max,
        "ws_ping_interval": settings.websocket_ping_seconds,
        "ws_ping_timeout": settings.websocket_ping_seconds,
        # Each connection would keep two windows in memory, and secrets beside what others chose
        # would show in the sizes of compressed frames.
        "ws_per_message_deflate": False,
    }


def serve_application(
    application: "Starlette", settings: "Settings", listener: socket.socket
) -> None:
    """Serve an application in this process until it is told to stop."""
    import uvicorn

    from app.main import settle

    settle()
    config = uvicorn.Config(application, **uvicorn_options(settings))
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listener])
    except (KeyboardInterrupt, Terminated):
        # The server has answered what it was asked and closed: the stop that was wished for.
        if not server.started:
            raise
    if not server.started:
        message = "the server did not start: its log above says why"
        raise CommandError(message)


def _serve_with_workers(
    settings: "Settings", bank: Bank, listener: socket.socket, workers: int
) -> None:
    import uvicorn
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    from app import logs
    from app.metrics import FOLDER_VARIABLE

    # The workers are processes of their own, which read the environment again.
    os.environ["DATABASE_URL"] = bank.dsn
    os.environ["BANK360_DATA_DIR"] = str(bank.data_dir)
    logs.configure(settings.log_level)
    os.environ["BANK360_HOST"] = listener.getsockname()[0]
    config = uvicorn.Config(
        "app.main:create_from_environment",
        factory=True,
        workers=workers,
        # A worker answers the supervisor once it has imported the application, which takes more
        # than uvicorn's five seconds on a busy machine; it would be killed and begun anew for ever.
        timeout_worker_healthcheck=WORKER_START_SECONDS_MAX,
        **uvicorn_options(settings),
    )
    supervisor = Multiprocess(config, sockets=[listener])
    with TemporaryDirectory(prefix="bank360-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        supervisor.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
        message = "the workers did not start: their log above says why"
        raise CommandError(message)
