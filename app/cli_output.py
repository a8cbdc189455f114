"""Tables on standard output."""

from collections.abc import Sequence

# Where no terminal gives a width, rows stay on one line for whoever reads them with a program.
PIPE_COLUMNS = 240


def print_table(lines: Sequence[Sequence[str]]) -> None:
    """Print rows under a heading, which is the first of the lines."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_COLUMNS)
    heading, *rows = lines
    table = Table(*heading, box=box.SIMPLE)
    for row in rows:
        # Square brackets in a cell are text, not the markup that rich would make of them.
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
