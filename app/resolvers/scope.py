"""Which customers a viewer may come to.

Customers come to themselves only, and posts without customer data come to nobody. The finer
scopes of the other posts are not drawn yet: they see every customer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.planner.projection import Projection

_VIEWER: Final = "viewer_customer_id"

_WITHOUT_CUSTOMERS: Final = frozenset({Role.ADMIN, Role.EXECUTIVE})


@dataclass(frozen=True)
class RowScope:
    """A viewer's scope, for the statements that begin at a root field."""

    viewer: Viewer

    @property
    def shape(self) -> Role:
        """The conditions differ by role."""
        return self.viewer.role

    @property
    def values(self) -> Mapping[str, Any]:
        """The conditions name the viewer."""
        return {_VIEWER: self.viewer.customer_id}

    def condition(self, projection: Projection, table: FromClause) -> ColumnElement[bool] | None:
        """Give the condition on rows that belong to customers; others are open to everybody."""
        if projection.owner is None:
            return None
        if self.viewer.role is Role.CUSTOMER:
            viewer = sa.bindparam(_VIEWER, None, type_=sa.Uuid())
            return projection.owner_of(table) == viewer
        return sa.false() if self.viewer.role in _WITHOUT_CUSTOMERS else None
