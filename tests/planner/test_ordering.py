"""Keysets: the condition "after this row" against the order itself, in PostgreSQL."""

from itertools import product

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from app.planner.ordering import Term, beyond, order_by

ROWS = list(product([1, 2, 3], ["a", "b"], [10, 20]))
TABLE = sa.table(
    "things", sa.column("x", sa.Integer), sa.column("y", sa.Text), sa.column("z", sa.Integer)
)
COLUMNS = dict(TABLE.c.items())
ORDERS = [
    tuple(Term(column, descending) for column, descending in zip("xyz", directions, strict=True))
    for directions in product([False, True], repeat=3)
]


@pytest.fixture
async def things(owner: asyncpg.Connection) -> asyncpg.Connection:
    await owner.execute("create temporary table things (x integer, y text, z integer)")
    await owner.copy_records_to_table("things", records=ROWS)
    return owner


async def run(
    connection: asyncpg.Connection, query: sa.Select[tuple[int, str, int]]
) -> list[tuple[int, str, int]]:
    dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
    compiled = query.compile(dialect=dialect)
    values = [compiled.params[name] for name in compiled.positiontup or ()]
    return [tuple(row) for row in await connection.fetch(compiled.string, *values)]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("backwards", [False, True])
async def test_what_lies_beyond_each_row_is_the_rest_of_the_list(
    things: asyncpg.Connection, order: tuple[Term, ...], *, backwards: bool
) -> None:
    listed = sa.select(TABLE).order_by(*order_by(COLUMNS, order, backwards=backwards))
    whole = await run(things, listed)
    assert sorted(whole) == sorted(ROWS)
    for position, reached in enumerate(whole):
        row = dict(zip("xyz", reached, strict=True))
        places = [sa.literal(row[term.column], TABLE.c[term.column].type) for term in order]
        rest = await run(things, listed.where(beyond(COLUMNS, order, places, backwards=backwards)))
        assert rest == whole[position + 1 :]
