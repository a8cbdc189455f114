"""What a query with parameters is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select


@dataclass(frozen=True)
class Given:
    """What a query with parameters is given: the parent's columns and arguments."""

    values: Mapping[str, ColumnElement[Any]]

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        """Give a parameter as SQL."""
        return self.values[name]

    def tied(self, statement: Select[Any]) -> Select[Any]:
        """Let a SELECT that names parameters stand at any depth below the parent's row."""
        tables = {getattr(value, "table", None) for value in self.values.values()} - {None}
        return statement.correlate(*tables) if tables else statement
