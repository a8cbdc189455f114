"""Segments: named groups of customers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.permissions import Permission
from app.db import tables
from app.planner.declare import Node, aggregate, column, count, projection, through
from app.planner.pages import Connection
from app.planner.projection import Order

if TYPE_CHECKING:
    from app.schema.customer import Customer


@projection(
    tables.Segment,
    prefix="seg",
    owner=None,
    requires=Permission.SEGMENT_READ,
    description="A named group of customers.",
    orders={
        "CODE": Order(("code",), "By code, ascending."),
        "NAME": Order(("name",), "By name, ascending."),
    },
)
class Segment(Node):
    """A named group of customers."""

    code: str = column(description="Segment code.", filterable=True)
    name: str = column(description="Segment name.", filterable=True)
    definition: str = column(description="Who belongs to it, in words.")
    computed_at: datetime | None = column(
        description="When membership was last computed (UTC); null when never."
    )
    size: int | None = aggregate("members", count, description="Number of members.")
    members: Connection[Annotated["Customer", strawberry.lazy("app.schema.customer")]] | None = (
        through(
            tables.SegmentMembership,
            parent=(("segment_id", "id"),),
            child=(("customer_id", "id"), ("customer_since", "customer_since")),
            paged=True,
            description="Customers that belong to it.",
        )
    )
