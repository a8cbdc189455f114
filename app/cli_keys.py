"""Commands on the bank's keys."""

from typing import Annotated

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

keys = typer.Typer(no_args_is_help=True, help="The bank's keys.\n\nExample: bank360 keys rotate")


@keys.callback()
def group() -> None:
    """Keep `rotate` a command of its own while it is the only one."""


@keys.command()
def rotate(
    print_new: Annotated[
        bool,
        typer.Option(
            "--print-new", help="Only print the master key with a new key in it, for every server"
        ),
    ] = False,
    print_final: Annotated[
        bool,
        typer.Option(
            "--print-final", help="Only print the master key without the keys that nothing is under"
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Replace the master key while servers run; run again, it goes on where it was cut off.

    Where the master key is in BANK360_MASTER_KEY, or in files on several machines, every server
    is given the output of --print-new first and that of --print-final at the end.

    Example: bank360 keys rotate --data-dir bank
    """
    if print_new and print_final:
        message = "--print-new and --print-final belong before and after a rotation: give one"
        raise CommandError(message)

    from app.db import rotation

    settings = read_settings(data_dir)
    with open_bank(settings) as bank, one_line_for(rotation.RotationError):
        migrate_or_refuse(bank)
        loaded = load_keys(settings, bank)
        if print_new:
            typer.echo(run(rotation.next_set(bank.dsn, loaded)).base64)
            return
        if print_final:
            typer.echo(run(rotation.final_set(bank.dsn, loaded)).base64)
            return
        with progress_bars() as progress:
            done = run(rotation.rotate(bank.dsn, loaded, progress))
    begun = "finished the rotation that was begun" if done.resumed else "rotated the master key"
    say(f"{begun}: re-wrapped {done.rewrapped:,} customers' keys")
    if done.retired is None:
        say(
            "nothing is under the old key any more: give every server the output of"
            " `bank360 keys rotate --print-final`, and keep the old key for earlier backups"
        )
    else:
        say(
            f"the old key is kept in {done.retired} for backups that were made before; delete it"
            " with the last of them"
        )
