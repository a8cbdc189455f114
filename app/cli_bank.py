"""Commands on the bank's data: migrate, import, seed, token, revoke, backup, restore, psql."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli_context import (
    CommandError,
    DataDir,
    load_keys,
    migrate_or_refuse,
    one_line_for,
    open_bank,
    progress_bars,
    read_settings,
    run,
    say,
)
from app.cli_output import print_table

if TYPE_CHECKING:
    from app.auth.permissions import Role
    from app.cli_context import Bank
    from app.settings import Settings

DEFAULT_SEED = 1

importing = typer.Typer(
    no_args_is_help=True, help="Import a bank's files.\n\nExample: bank360 import retail-bank PATH"
)


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this release's tables.

    Example: DATABASE_URL=postgresql://owner@db.example/bank bank360 migrate
    """
    from app.db import migrate as migrations

    with open_bank(read_settings(data_dir)) as bank:
        run(migrations.upgrade(bank.dsn))
    say("the database is at this release's revision")


@importing.command("retail-bank")
def import_retail_bank(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder with the twelve files")],
    data_dir: DataDir = None,
) -> None:
    """Import the retail bank's files; importing them again doubles nothing.

    Lines that cannot be stored are reported by file and number, and the rest is kept.

    Example: bank360 import retail-bank ../shared/data/retail-bank
    """
    settings = read_settings(data_dir)
    with open_bank(settings) as bank:
        migrate_or_refuse(bank)
        fill_from_retail_bank(bank, settings, path)


def fill_from_retail_bank(bank: "Bank", settings: "Settings", path: Path) -> None:
    """Import the files of a folder and print the summary."""
    from app.db.retail_bank import load

    if not path.is_dir():
        message = f"{path} is not a folder"
        raise CommandError(message)
    keys = load_keys(settings, bank)
    with progress_bars() as progress, one_line_for(load.ImportRefused):
        summary = run(load.import_retail_bank(bank.dsn, keys, path, progress))
    for refusal in summary.refused:
        say(str(refusal))
    print_table(summary.lines())
    for line in summary.totals():
        typer.echo(line)


def seed(
    customers: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many customers to invent")
    ],
    number: Annotated[
        int, typer.Option("--seed", metavar="NUMBER", help="The same number, the same bank")
    ] = DEFAULT_SEED,
    data_dir: DataDir = None,
) -> None:
    """Fill the bank with invented customers, their accounts and a year of business.

    A run that was cut off goes on when it is given the same options again.

    Example: bank360 seed --customers 10000 --seed 1
    """
    settings = read_settings(data_dir)
    with open_bank(settings) as bank:
        migrate_or_refuse(bank)
        fill_with_seed(bank, settings, customers, number)


def fill_with_seed(
    bank: "Bank", settings: "Settings", customers: int, number: int = DEFAULT_SEED
) -> None:
    """Invent a bank's customers and print the summary."""
    from app.db.seed import load

    keys = load_keys(settings, bank)
    with progress_bars() as progress, one_line_for(load.SeedRefused):
        summary = run(load.seed_bank(bank.dsn, keys, customers, number, progress))
    print_table(summary.lines())
    for line in summary.totals():
        typer.echo(line)


def token(
    role: Annotated[str, typer.Option(metavar="ROLE", help="The role to act in, as TELLER")],
    user: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Id or number of the person",
            show_default="the first demo person of the role",
        ),
    ] = None,
    step_up: Annotated[
        bool, typer.Option("--step-up", help="Sign in with strong authentication")
    ] = False,
    ttl: Annotated[
        int, typer.Option(min=1, metavar="SECONDS", help="How long the token is good for")
    ] = 3600,
    data_dir: DataDir = None,
) -> None:
    """Print a signed demo token, and nothing else.

    Example: bank360 token --role TELLER --ttl 600
    """
    acting = _role(role)
    settings = read_settings(data_dir)
    if settings.issuer is not None:
        message = f"BANK360_ISSUER is set: only the tokens of {settings.issuer} are accepted"
        raise CommandError(message)

    from app.auth.tokens import TokenKey, TokenKeyError
    from app.db import people

    with open_bank(settings) as bank, one_line_for(TokenKeyError):
        migrate_or_refuse(bank)
        if user is None:
            person = run(people.demo_person(bank.dsn, acting))
            missing = f"nobody in this bank has the role {acting}: import or seed a bank first"
        else:
            person = run(people.find_person(bank.dsn, acting, user))
            missing = f"nobody with the id or number {user} has the role {acting}"
        if person is None:
            raise CommandError(missing)
        key = TokenKey.load(bank.data_dir)
    typer.echo(
        key.issue(
            acting,
            person.id,
            person.roles,
            strong=step_up,
            ttl_seconds=ttl,
            audience=settings.audience,
        )
    )


def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="The token's claim 'jti'")],
    seconds: Annotated[
        int,
        typer.Option(min=1, metavar="SECONDS", help="How long the token could still be used"),
    ] = 86_400,
) -> None:
    """Revoke a token before it expires: within five seconds no server accepts it any more.

    Example: REDIS_URL=redis://… bank360 revoke 0b1c6a1e-5f0e-4f57-9d6e-3f0e1f1c2a77
    """
    redis_url = read_settings(None).redis_url
    if redis_url is None:
        message = (
            "revoking a token needs REDIS_URL: without it Redis lives inside the serving process,"
            " which forgets every revocation when it ends"
        )
        raise CommandError(message)

    from app.db.revocations import RevocationError, revoke_at

    with one_line_for(RevocationError):
        run(revoke_at(redis_url.get_secret_value(), token_id, seconds))
    say(f"revoked {token_id}")


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Appears when it is complete")],
    plain: Annotated[
        bool, typer.Option("--plain", help="Write SQL text instead of the compressed format")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Back up the whole bank to a file; the keys are never in it.

    Example: bank360 backup bank.dump
    """
    from app.db import dump

    with open_bank(read_settings(data_dir)) as bank:
        with one_line_for(dump.DumpError):
            size = dump.backup(bank.dsn, bank.bin_dir, file, plain=plain)
        say(
            f"wrote {file} ({size:,} bytes); keep the keys ({bank.data_dir / 'keys'}, or those of"
            " the environment) apart from it: personal data cannot be read without them"
        )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `bank360 backup` wrote")],
    data_dir: DataDir = None,
) -> None:
    """Restore a backup, of either format, into an empty bank: all of it or nothing.

    Example: bank360 restore bank.dump --data-dir new-bank
    """
    from app.db import dump

    with open_bank(read_settings(data_dir)) as bank:
        with one_line_for(dump.DumpError):
            run(dump.prepare_restore(bank.dsn, file))
            dump.restore(bank.dsn, bank.bin_dir, file)
        run(dump.analyze(bank.dsn))
        say(
            f"restored {file}; to read its personal data put the keys of the bank it was made"
            f" from into {bank.data_dir / 'keys'} before anything else"
        )


def psql(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- ARGS", help="Arguments for psql")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Open psql as the owner of the database; its exit status becomes this command's.

    Example: bank360 psql -- -c 'select count(*) from customer'
    """
    from app.db import dump

    with open_bank(read_settings(data_dir)) as bank:
        status = dump.psql(bank.dsn, bank.bin_dir, arguments or [])
    raise typer.Exit(status)


def _role(name: str) -> "Role":
    from app.auth.permissions import Role

    try:
        return Role[name.upper()]
    except KeyError as error:
        message = f"{name} is not a role; the roles are {', '.join(Role)}"
        raise CommandError(message) from error
