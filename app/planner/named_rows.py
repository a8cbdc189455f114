"""Reading rows of one projection by many ids in a plan's one statement."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from graphql import FieldNode, GraphQLObjectType
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.planner.answering import Reading, Run
from app.planner.loaders import by_identity
from app.planner.projection import ID, OWNER, Projection
from app.planner.rows import Window

if TYPE_CHECKING:
    from app.planner.compiling import Compiler
    from app.planner.shelf import Keys, Shelf

Identity = tuple[UUID, UUID]


def row_shelf(
    compiler: "Compiler", projection: Projection, nodes: Sequence[FieldNode]
) -> tuple["Shelf", Reading]:
    """Make the shelf of one row that is found by its identity, and what reads its array."""
    shelf = compiler.shelf(projection, by_identity(projection), Window())
    shelf.size = 1
    type_ = compiler.collector.schema.type_map[projection.type_name]
    assert isinstance(type_, GraphQLObjectType)
    reading = compiler.objects(shelf, type_, nodes)
    if not shelf.entries:
        # Whether there is such a row is read all the same.
        shelf.place(ID)
    return shelf, reading


def identity_keys(alias: str, owner: str, own: str) -> "Keys":
    """Give the columns of other rows that name a row."""
    return {
        label: sa.literal_column(f'{alias}."{column}"', sa.Uuid())
        for label, column in ((OWNER, owner), (ID, own))
    }


@dataclass(frozen=True)
class RowsById:
    """What reads one row's array, and where the arrays of all rows stand in the root's."""

    reading: Reading
    place: int

    @classmethod
    def compiled(
        cls,
        compiler: "Compiler",
        projection: Projection,
        nodes: Sequence[FieldNode],
        identities: Callable[[Run], Iterable[Identity]],
    ) -> "RowsById":
        """Compile what nodes select of the rows that each run names, in their order."""
        shelf, reading = row_shelf(compiler, projection, nodes)
        alias = compiler.alias()
        arrays = [
            sa.bindparam(f"{alias}_{name}", None, type_=sa.ARRAY(sa.Uuid))
            for name in ("owners", "ids")
        ]
        named = (
            sa.func.unnest(*arrays)
            .table_valued(
                sa.column("owner", sa.Uuid), sa.column("id", sa.Uuid), with_ordinality="place"
            )
            .render_derived(name=alias)
        )
        rows = shelf.rows(identity_keys(alias, "owner", "id"))
        query = sa.select(sa.func.json_agg(aggregate_order_by(rows, named.c.place)))
        place = compiler.root.below(query.select_from(named).scalar_subquery())

        def values(run: Run) -> Mapping[str, Any]:
            found = list(identities(run))
            return {
                f"{alias}_owners": [owner for owner, _ in found],
                f"{alias}_ids": [own for _, own in found],
            }

        compiler.parameters.append(values)
        return cls(reading, place)

    def read(self, rows: Any, run: Run) -> Any:
        """Read the array that one identity gave, null where there is no such row."""
        return self.reading.read(rows[0], run) if rows else None
