"""Fields that name another row by its global id, without reading it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause

from app.planner.errors import bad_input
from app.planner.fields import Selects, Valued
from app.planner.global_id import GlobalId
from app.planner.projection import Expression, Projection, Row, Scope, evaluate
from app.planner.reader import Reader

_PREFIX = "prefix"


@dataclass(frozen=True)
class Reference(Valued):
    """The global id of a row that owns itself, such as a customer or a member of staff.

    ``column`` holds the row's id; ``expression`` gives it where not every id is shown.
    ``prefixes`` are the types that it may be of, ``prefix`` says in SQL of which it is; without
    that it is of the first.
    """

    column: str
    prefixes: tuple[str, ...]
    prefix: Expression | None = None
    expression: Expression | None = None

    def selects(
        self, name: str, projection: Projection, table: FromClause, scope: Scope
    ) -> Selects:
        """Need the id, and the prefix where it differs by row."""
        del projection, scope
        yield name, evaluate(self.expression or self.column, table)
        if self.prefix is not None:
            yield f"{name}:{_PREFIX}", evaluate(self.prefix, table)

    def value(self, name: str, row: Row, reader: Reader) -> str | None:
        """Write the id, as this viewer may know it."""
        row_id = row[name]
        if row_id is None:
            return None
        prefix = self.prefixes[0] if self.prefix is None else row[f"{name}:{_PREFIX}"]
        return reader.identities.write(prefix, row_id, row_id)

    def read(self, name: str, given: Any) -> Any:
        """Read an id that a filter names; refuses one of another type.

        Only posts that know plain ids may see such a field: what is sealed is not opened here.
        """
        wanted = GlobalId.parse(given)
        if wanted.prefix not in self.prefixes:
            expected = " or ".join(f"'{prefix}_'" for prefix in self.prefixes)
            message = f"filter.{name}: an id that begins with {expected} is needed here"
            raise bad_input(message)
        return wanted.id
