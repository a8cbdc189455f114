"""Who sees which rows, said once more in plain SQL, for the tests to compare with."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.bank_itself import BANK_ID
from app.db.scope import RowScope

SHARED: Final = frozenset(
    {
        "account_product",
        "branch",
        "business_date",
        "product",
        "product_price",
        "segment",
        "service_calendar",
        "service_hours",
        "service_queue",
        "service_target",
        "special_day",
    }
)
OF_STAFF: Final = frozenset(
    {"service_agent", "staff_queue", "staff_role", "staff_shift", "staff_skill"}
)
# Nobody but the owner of the tables.
CLOSED: Final = frozenset({"key_check"})
# What the worker alone has to do with.
OF_WORKER: Final = frozenset({"business_day", "business_day_step", "internal_balance"})
# What writers and the sequencer keep for themselves, and what COMPLIANCE alone reads.
UNREAD: Final = frozenset({"audit_pending", "idempotency_key", "transfer_promise"}) | OF_WORKER
OF_AUDIT: Final = frozenset({"audit_head", "audit_link", "audit_read", "audit_record"})

_ASSIGNED: Final = "select customer_id from assignment where staff_id = '{id}' and role = '{role}'"
_BRANCH: Final = (
    "select customer.id from customer join staff using (branch_id) where staff.id = '{id}'"
)
_QUEUE: Final = """
    select ticket.customer_id from ticket, staff_queue, business_date
    where staff_id = '{id}' and staff_queue.queue = ticket.queue
        and (status <> 'CLOSED' or closed_at at time zone 'UTC' >= current_on - 7)
"""
_EVERYBODY: Final = "select id from customer where type <> 'BANK'"
CUSTOMERS: Final = {
    Role.CUSTOMER: "select '{id}'::uuid",
    Role.TELLER: _ASSIGNED,
    Role.RELATIONSHIP_MANAGER: _ASSIGNED,
    Role.WEALTH_ADVISOR: _ASSIGNED,
    Role.SERVICE_AGENT: _QUEUE,
    Role.LOAN_OFFICER: _BRANCH,
    Role.BRANCH_MANAGER: _BRANCH,
    Role.RISK_OFFICER: _EVERYBODY,
    Role.MARKETER: _EVERYBODY,
    Role.ANALYST: _EVERYBODY,
    Role.COMPLIANCE: _EVERYBODY,
    Role.EXECUTIVE: "select id from customer where false",
    Role.ADMIN: "select id from customer where false",
}
_SERVES: Final = {
    Role.TELLER,
    Role.RELATIONSHIP_MANAGER,
    Role.WEALTH_ADVISOR,
    Role.SERVICE_AGENT,
    Role.LOAN_OFFICER,
    Role.BRANCH_MANAGER,
}
_BEGUN: Final = (
    "select customer_id from begun_service"
    " where staff_id = '{id}' and role = '{role}' and ends_at > now()"
)
_HELD: Final = "select owner_id, account_id from held_account where customer_id in ({customers})"


@dataclass(frozen=True)
class Person:
    """Somebody acting in a role."""

    role: Role
    id: UUID

    @property
    def setting(self) -> str:
        """What their connection is told."""
        of_customer = self.role is Role.CUSTOMER
        return RowScope(
            Viewer(
                self.role,
                (self.role,),
                customer_id=self.id if of_customer else None,
                staff_id=None if of_customer else self.id,
            )
        ).setting

    @property
    def customers(self) -> str:
        """The customers in scope, as a query of the owner."""
        found = CUSTOMERS[self.role].format(id=self.id, role=self.role)
        if self.role in _SERVES:
            found += " union " + _BEGUN.format(id=self.id, role=self.role)
        return found

    def expected(self, table: str) -> str:
        """The condition on the rows of a table that this person may see."""
        if table in SHARED:
            return "true"
        if table in OF_AUDIT:
            return "true" if self.role is Role.COMPLIANCE else "false"
        if table in OF_STAFF or table == "staff":
            if self.role is not Role.CUSTOMER:
                return "true"
            return f"id in ({self._managers})" if table == "staff" else "false"
        owner = "id" if table == "customer" else "customer_id"
        mine = f"{owner} in ({self.customers})"
        held = _HELD.format(customers=self.customers)
        if table in {"ticket_comment", "ticket_event"} and self.role is Role.CUSTOMER:
            mine += " and not internal"
        seen = {
            "account": f"{mine} or (customer_id, id) in ({held})",
            "approval": (
                f"{mine} and (maker_id = '{self.id}' or '{self.role}' = any (required_roles))"
            ),
            "account_hold": f"{mine} or (customer_id, account_id) in ({held})",
            "account_holder": f"{mine} or holder_id in ({self.customers})",
            "account_number_index": f"{mine} or (customer_id, account_id) in ({held})",
            "customer_key": f"{mine} or customer_id in (select owner_id from ({held}) held)",
            "posting": f"{mine} or (customer_id, account_id) in ({held})",
            "standing_order": f"{mine} or (customer_id, account_id) in ({held})",
        }
        return f"({seen.get(table, mine)}) and {owner} <> '{BANK_ID}'"

    @property
    def _managers(self) -> str:
        return (
            f"select staff_id from assignment where customer_id = '{self.id}'"
            " and role = 'RELATIONSHIP_MANAGER'"
        )
