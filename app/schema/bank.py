"""Branches and staff."""

from typing import Annotated

import strawberry

from app.auth.permissions import Permission, Role
from app.db import tables
from app.planner.declare import Node, column, projection, relation
from app.planner.enums import graphql_enum
from app.planner.projection import Order

graphql_enum(Role)


@projection(
    tables.Branch,
    prefix="bra",
    owner=None,
    requires=Permission.REFERENCE_READ,
    description="A branch and the area it serves.",
    orders={"CODE": Order(("code",), "By code, ascending.")},
)
class Branch(Node):
    """A branch."""

    code: str = column(description="Short code, such as `D01`.")
    name: str = column(description="Name of the branch.")
    city: str = column(description="Town or city.")
    state: str | None = column(description="State or province, when known.")
    region: str | None = column(description="Region of the country, when known.")
    division: str | None = column(description="Division of the region, when known.")


@projection(
    tables.Staff,
    prefix="sta",
    owner=None,
    requires=Permission.STAFF_READ,
    description="A person who works for the bank.",
    orders={"NUMBER": Order(("number",), "By staff number, ascending.")},
)
class Staff(Node):
    """A person who works for the bank."""

    number: str = column(description="Staff number.")
    name: str = column(description="Name.")
    active: bool = column(description="Works for the bank now.")
    branch: Annotated["Branch", strawberry.lazy("app.schema.bank")] | None = relation(
        ("branch_id", "id"), description="The branch; null at the head office."
    )
