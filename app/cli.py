"""The `bank360` command."""

import difflib
import sys
from pathlib import Path
from typing import Annotated

import typer

from app import cli_audit, cli_bank, cli_keys, cli_serve, cli_worker
from app.cli_context import CommandError, read_settings, say, unwind_on_termination
from app.cli_output import print_table
from app.embedded import EmbeddedError
from app.settings import SettingsError, describe, unknown_variables

FAILED = 1

app = typer.Typer(
    name="bank360",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A bank's customer-360 GraphQL API.\n\nExample: bank360 demo",
)
schema = typer.Typer(
    no_args_is_help=True, help="The GraphQL schema in SDL.\n\nExample: bank360 schema check"
)

app.command()(cli_serve.demo)
app.command()(cli_serve.serve)
app.command()(cli_worker.worker)
app.command()(cli_worker.clock)
app.command()(cli_bank.migrate)
app.add_typer(cli_bank.importing, name="import")
app.command()(cli_bank.seed)
app.command()(cli_bank.token)
app.command()(cli_bank.revoke)
app.add_typer(schema, name="schema")
app.add_typer(cli_audit.audit, name="audit")
app.add_typer(cli_keys.keys, name="keys")
app.command()(cli_bank.backup)
app.command()(cli_bank.restore)
app.command()(cli_bank.psql)


@schema.command("print")
def print_schema() -> None:
    """Print the schema that the code declares.

    Example: bank360 schema print > schema.graphql
    """
    from app.schema.root import print_sdl

    typer.echo(print_sdl().rstrip("\n"))


@schema.command("check")
def check_schema(
    file: Annotated[Path, typer.Option(metavar="FILE", help="The contract to compare with")] = Path(
        "schema.graphql"
    ),
) -> None:
    """Compare the contract in a file with what the code declares; show what differs.

    Example: bank360 schema check --file schema.graphql
    """
    from app.schema.root import print_sdl

    try:
        contract = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {file}: {getattr(error, 'strerror', None) or error}"
        raise CommandError(message) from error
    declared = print_sdl().rstrip("\n") + "\n"
    if contract == declared:
        return
    typer.echo(
        "".join(
            difflib.unified_diff(
                contract.splitlines(keepends=True),
                declared.splitlines(keepends=True),
                fromfile=str(file),
                tofile="declared in the code",
            )
        ),
        nl=False,
    )
    message = f"{file} differs from the code: run `bank360 schema print > {file}`"
    raise CommandError(message)


@app.command("settings")
def show_settings() -> None:
    """List every environment variable: the value in force, its default, unit and meaning.

    Example: BANK360_PORT=8080 bank360 settings
    """
    rows = [("Variable", "Value", "Default", "Unit", "Meaning")]
    rows += [
        (item.variable, item.value, item.default, item.unit, item.description)
        for item in describe(read_settings(None))
    ]
    print_table(rows)
    for line in unknown_variables():
        say(line)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed with one line, 2 wrong usage."""
    unwind_on_termination()
    sys.exit(_status())


def _status() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except SettingsError as error:
        for line in error.lines:
            say(line)
    except (CommandError, EmbeddedError) as error:
        say(str(error))
    except typer.TyperException as error:
        # A command that only has commands below it has printed its help, and has no message.
        if error.format_message():
            say(f"{error.format_message().rstrip('.')} (--help explains)")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return FAILED


if __name__ == "__main__":
    main()
