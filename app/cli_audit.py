"""Commands on the audit trail."""

from typing import Annotated

import typer

from app.cli_context import (
    DataDir,
    load_keys,
    migrate_or_refuse,
    one_line_for,
    open_bank,
    progress_bars,
    read_settings,
    run,
)

audit = typer.Typer(no_args_is_help=True, help="The audit trail.\n\nExample: bank360 audit verify")


@audit.callback()
def _group() -> None:
    """Keep the command's name, also while there is only one."""


@audit.command()
def verify(
    first: Annotated[
        int | None,
        typer.Option("--from", min=1, metavar="POSITION", help="Check no position before this one"),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--to", min=1, metavar="POSITION", help="Check no position after this one"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Check every audit record, the chain and its signed heads; name the first broken row.

    Example: bank360 audit verify --from 100000
    """
    from app.db import audit_verify
    from app.db.head_file import HeadFile

    settings = read_settings(data_dir)
    with open_bank(settings) as bank:
        migrate_or_refuse(bank)
        keys = load_keys(settings, bank).audit
        file = HeadFile.of(bank.data_dir, keys)
        kinds = audit_verify.BrokenError, audit_verify.RangeError
        with progress_bars() as progress, one_line_for(*kinds):
            verified = run(
                audit_verify.verify(bank.dsn, keys, file, progress, first=first, last=last)
            )
    typer.echo(str(verified))
