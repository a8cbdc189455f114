"""Which rows a viewer may come to, as SQL: the first of two fences.

Statements name the rows of the scope wherever they begin or lead to other customers: under
row-level security, the second fence (app.db.policies), only such conditions reach an index. Their
parameters are the viewer's own, not read from the connection, so neither fence rests on the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Self, cast
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select
from sqlmodel import SQLModel

from app.auth.permissions import Role
from app.auth.scopes import DAYS_AFTER_CLOSING, REPORT_SCOPES, ROW_SCOPES, ScopeKind
from app.auth.viewer import Viewer
from app.db import tables
from app.db.bank_itself import BANK_ID
from app.db.reach import Reach
from app.db.views import AUDIT_ENTRY, business_date
from app.domain.service import TicketStatus

_CUSTOMER: Final = "viewer_customer_id"
_STAFF: Final = "viewer_staff_id"
_SETTINGS_MAX: Final = 10_000
_ROLE: Final = "viewer_role"
# Tables whose rows a holder of the account may see, with their column of the account's id.
_OF_ACCOUNTS: Final = {
    "account": "id",
    "account_hold": "account_id",
    "posting": "account_id",
    "standing_order": "account_id",
}
# Some of their rows are for staff only.
_INTERNAL: Final = frozenset({"ticket_comment", "ticket_event"})
# Of these tables, people of one post who see the same customer may not see the same rows.
NARROWED: Final = frozenset({"account_holder", "approval", "audit_entry", "begun_service"})
_RUNNING: Final = [status.value for status in TicketStatus if status is not TicketStatus.CLOSED]


def _alias(model: type[SQLModel]) -> Any:
    # Under a name of its own, or it would be taken for the statement's own table.
    return cast("Any", model).__table__.alias()


@dataclass(frozen=True)
class RowScope:
    """The customers whose rows a viewer may come to: for ``reports``, in counts and totals."""

    viewer: Viewer
    reports: bool = False

    def for_reports(self) -> Self:
        """Give the scope of the viewer's reports of the whole bank."""
        return replace(self, reports=True)

    @property
    def shape(self) -> ScopeKind:
        """The conditions' text differs by kind of scope."""
        return (REPORT_SCOPES if self.reports else ROW_SCOPES)[self.viewer.role]

    @property
    def values(self) -> Mapping[str, Any]:
        """The conditions name the viewer."""
        return {
            _CUSTOMER: self.viewer.customer_id,
            _STAFF: self.viewer.staff_id,
            _ROLE: self.viewer.role.value,
        }

    @property
    def setting(self) -> str:
        """Who is asking, as row-level security reads it (app.db.policies): JSON."""
        viewer = self.viewer
        return _setting(self.shape, viewer.role, viewer.customer_id, viewer.staff_id)

    def condition(
        self, name: str, table: FromClause, owner: ColumnElement[Any] | None, reach: Reach
    ) -> ColumnElement[bool] | None:
        """Give the condition on rows of the table ``name``, or None where there is none.

        ``owner`` is the customer they belong to; None when they belong to nobody. Rows of a
        customer whom the viewer sees are narrowed no further; but an account may be seen without
        its owner, so what leads to a customer always is.
        """
        if name == AUDIT_ENTRY:
            # Whom an entry names does not matter: its readers come to all of them, or to none.
            return _parameter(_ROLE, sa.Text()) == Role.COMPLIANCE.value
        if owner is None:
            return self._colleagues(table) if name == "staff" else None
        conditions = []
        if reach is not Reach.INSIDE or name in {"customer", "account_holder"}:
            conditions.append(self._visible(name, table, owner, reach))
        if name in _INTERNAL and self.shape is ScopeKind.SELF:
            conditions.append(sa.not_(table.c.internal))
        if name == "approval":
            conditions.append(_concerns_viewer(table))
        return sa.and_(*conditions) if conditions else None

    def covers(self, owner: ColumnElement[Any], reach: Reach) -> ColumnElement[bool]:
        """Give the condition that the customer ``owner`` is in scope."""
        kind = self.shape
        if kind is ScopeKind.NONE:
            return sa.false()
        if kind is ScopeKind.ALL:
            return owner != BANK_ID
        if kind is ScopeKind.SELF:
            return owner == _parameter(_CUSTOMER, sa.Uuid())
        served = (_served(kind), _begun())
        if reach is Reach.LISTED:
            found = sa.union_all(*served).scalar_subquery()
            return owner == sa.any_(sa.func.array(found))
        return sa.or_(*(_contains(query, owner) for query in served))

    def _visible(
        self, name: str, table: FromClause, owner: ColumnElement[Any], reach: Reach
    ) -> ColumnElement[bool]:
        if self.shape in {ScopeKind.ALL, ScopeKind.NONE}:
            return self.covers(owner, reach)
        if name == "customer" and self.shape is ScopeKind.BRANCH:
            # What _served says, in the form in which the branch's index gives a page in order.
            of_branch = table.c.branch_id == _branch()
            # Whoever is served for a while is found by id or look-up; a list is the branch's.
            return (
                of_branch
                if reach is Reach.LISTED
                else sa.or_(of_branch, _contains(_begun(), owner))
            )
        if name == "account_holder":
            return sa.or_(
                self.covers(owner, Reach.KEYED), self.covers(table.c.holder_id, Reach.KEYED)
            )
        if name not in _OF_ACCOUNTS:
            return self.covers(owner, reach)
        link = _alias(tables.AccountHolder)
        held = (
            sa.select(link.c.holder_id)
            .where(
                link.c.customer_id == owner,
                link.c.account_id == table.c[_OF_ACCOUNTS[name]],
                self.covers(link.c.holder_id, Reach.KEYED),
            )
            .correlate(table)
            .exists()
        )
        return sa.or_(self.covers(owner, Reach.KEYED), held)

    def _colleagues(self, staff: FromClause) -> ColumnElement[bool] | None:
        """Staff see each other; customers see who is responsible for them."""
        if self.shape is not ScopeKind.SELF:
            return None
        assigned = _alias(tables.Assignment)
        managers = sa.select(assigned.c.staff_id).where(
            assigned.c.customer_id == _parameter(_CUSTOMER, sa.Uuid()),
            assigned.c.role == Role.RELATIONSHIP_MANAGER.value,
        )
        return staff.c.id == sa.any_(sa.func.array(managers.scalar_subquery()))


@lru_cache(_SETTINGS_MAX)
def _setting(shape: ScopeKind, role: Role, customer: UUID | None, staff: UUID | None) -> str:
    known = {"scope": shape.value, "role": role.value}
    if customer is not None:
        known["customer"] = str(customer)
    if staff is not None:
        known["staff"] = str(staff)
    return orjson.dumps(known).decode()


def _parameter(name: str, type_: Any) -> sa.BindParameter[Any]:
    return sa.bindparam(name, None, type_=type_)


def _branch() -> ColumnElement[Any]:
    staff = _alias(tables.Staff)
    return (
        sa.select(staff.c.branch_id)
        .where(staff.c.id == _parameter(_STAFF, sa.Uuid()))
        .scalar_subquery()
    )


def _contains(customers: Select[Any], owner: ColumnElement[Any]) -> ColumnElement[bool]:
    (customer_id,) = customers.selected_columns
    return customers.where(customer_id == owner).correlate(cast("Any", owner).table).exists()


def is_of_viewer(approval: FromClause) -> ColumnElement[bool]:
    """Give the condition on requests that the viewer made, in whatever post."""
    person = sa.func.coalesce(_parameter(_STAFF, sa.Uuid()), _parameter(_CUSTOMER, sa.Uuid()))
    return approval.c.maker_id == person


def is_for_post_of_viewer(approval: FromClause) -> ColumnElement[bool]:
    """Give the condition on requests that the acting role may decide, if they are not one's own."""
    return _parameter(_ROLE, sa.Text()) == sa.any_(approval.c.required_roles)


def _concerns_viewer(approval: FromClause) -> ColumnElement[bool]:
    return sa.or_(is_of_viewer(approval), is_for_post_of_viewer(approval))


def runs_for_viewer(service: FromClause) -> ColumnElement[bool]:
    """Give the condition on services that the viewer began in the acting role and that run."""
    return sa.and_(
        service.c.staff_id == _parameter(_STAFF, sa.Uuid()),
        service.c.role == _parameter(_ROLE, sa.Text()),
        service.c.ends_at > sa.func.now(),
    )


def _begun() -> Select[Any]:
    """Give the customers whom a member of staff began to serve a while ago, one column."""
    service = _alias(tables.BegunService)
    return sa.select(service.c.customer_id).where(runs_for_viewer(service))


def _served(kind: ScopeKind) -> Select[Any]:
    """Give the customers whom a member of staff serves, one column.

    With ``_begun`` the one place where the first fence says so; ``viewer_serves`` in
    app.db.policies is the second's. What else brings a customer to a post belongs into both.
    """
    if kind is ScopeKind.BRANCH:
        customer = _alias(tables.Customer)
        return sa.select(customer.c.id).where(customer.c.branch_id == _branch())
    if kind is ScopeKind.ASSIGNED:
        assigned = _alias(tables.Assignment)
        return sa.select(assigned.c.customer_id).where(
            assigned.c.staff_id == _parameter(_STAFF, sa.Uuid()),
            assigned.c.role == _parameter(_ROLE, sa.Text()),
        )
    ticket, works_on = _alias(tables.Ticket), _alias(tables.StaffQueue)
    queues = sa.select(works_on.c.queue).where(works_on.c.staff_id == _parameter(_STAFF, sa.Uuid()))
    # Computed apart: beside the column it would keep the comparison from being leakproof, and
    # every ticket that is out of the queue would first be shown to the policy.
    closed_of_late = sa.select(
        sa.func.timezone("UTC", sa.cast(business_date() - DAYS_AFTER_CLOSING, sa.DateTime))
    ).scalar_subquery()
    return sa.select(ticket.c.customer_id).where(
        ticket.c.queue == sa.any_(sa.func.array(queues.scalar_subquery())),
        sa.or_(ticket.c.status.in_(_RUNNING), ticket.c.closed_at >= closed_of_late),
    )
