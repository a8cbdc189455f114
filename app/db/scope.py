"""Which rows a viewer may come to, as SQL.

Customers come to themselves, to accounts that they hold, and never to internal comments; posts
without customer data come to nobody. The finer scopes of the other posts are not drawn yet: they
see every customer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db import tables

_WITHOUT_CUSTOMERS: Final = frozenset({Role.ADMIN, Role.EXECUTIVE})
_WITHOUT_REPORTS: Final = frozenset({Role.ADMIN, Role.CUSTOMER})
_VIEWER: Final = "viewer_customer_id"
# Tables whose rows a holder of the account may see, with their column of the account's id.
_OF_ACCOUNTS: Final = {"account": "id", "posting": "account_id", "standing_order": "account_id"}


@dataclass(frozen=True)
class RowScope:
    """A viewer's scope."""

    viewer: Viewer

    @property
    def shape(self) -> Role:
        """The conditions' text differs by role."""
        return self.viewer.role

    @property
    def values(self) -> Mapping[str, Any]:
        """The conditions name the viewer."""
        return {_VIEWER: self.viewer.customer_id}

    def condition(
        self, name: str, table: FromClause, owner: ColumnElement[Any], *, entry: bool
    ) -> ColumnElement[bool] | None:
        """Give the condition on rows of the table ``name``, or None where there is none.

        ``owner`` is the customer they belong to. A relation was entered through a row that the
        viewer may see, so only what leads to other customers is narrowed again.
        """
        leads_to_customers = entry or name == "customer"
        if self.viewer.role in _WITHOUT_CUSTOMERS:
            return sa.false() if leads_to_customers else None
        if self.viewer.role is not Role.CUSTOMER:
            return None
        viewer = sa.bindparam(_VIEWER, None, type_=sa.Uuid())
        conditions = [owner == viewer] if leads_to_customers else []
        if entry and name in _OF_ACCOUNTS:
            held = cast("Any", tables.HeldAccount).__table__
            holds = sa.select(held.c.owner_id, held.c.account_id).where(
                held.c.customer_id == viewer
            )
            account = sa.tuple_(owner, table.c[_OF_ACCOUNTS[name]])
            conditions = [sa.or_(owner == viewer, account.in_(holds))]
        if name == "ticket_comment":
            conditions.append(sa.not_(table.c.internal))
        return sa.and_(*conditions) if conditions else None

    def reported(self, customer: FromClause) -> ColumnElement[bool]:
        """Give the condition on customers that the viewer's reports of the whole bank cover."""
        del customer
        return sa.false() if self.viewer.role in _WITHOUT_REPORTS else sa.true()
