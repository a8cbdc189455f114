"""The bank in numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select

from app.db import summary
from app.db.reach import Reach
from app.db.scope import RowScope
from app.db.summary import Dimension
from app.planner.prepared import prepared
from app.resolvers.context import Context

Record = Mapping[str, Any]


async def _rows(context: Context, name: str, *dimension: Dimension) -> Sequence[Record]:
    """Run one statement over the customers that the viewer's reports cover."""
    scope = context.reader.scope
    assert isinstance(scope, RowScope)
    reports = scope.for_reports()
    build: Any = _STATEMENTS[name]

    def statement() -> Select[Any]:
        made: Select[Any] = build(*dimension, lambda owner: reports.covers(owner, Reach.LISTED))
        return made

    found = prepared(("summary", name, dimension, reports.shape), statement)
    return await context.reader.fetch(found, reports.values, reports)


async def counts(context: Context) -> Record:
    """Give the business date and how many customers, accounts, loans and open tickets there are."""
    (record,) = await _rows(context, "counts")
    return record


async def customers_by(context: Context, dimension: Dimension) -> Mapping[Any, int]:
    """Give the number of customers of each member of a dimension that has any."""
    found = await _rows(context, "customers", dimension)
    return {record["member"]: record["customer_count"] for record in found}


async def totals_by(context: Context, dimension: Dimension) -> Mapping[Any, list[Record]]:
    """Give the totals by currency of each member of a dimension that has any."""
    totals: dict[Any, list[Record]] = {}
    for record in await _rows(context, "totals", dimension):
        totals.setdefault(record["member"], []).append(record)
    return totals


async def products(context: Context) -> Sequence[Record]:
    """Give the products that are held, by code, with holders, units, cost and value."""
    return await _rows(context, "products")


_STATEMENTS: Final = {
    "counts": summary.counts,
    "customers": summary.customers_by,
    "totals": summary.totals_by,
    "products": summary.products,
}
