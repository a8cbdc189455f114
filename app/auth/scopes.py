"""Which customers each post may come to: the whole table on one screen."""

from collections.abc import Mapping
from typing import Final

from app.auth.permissions import Role
from app.domain.closed_set import ClosedSet

# So long after its closing a ticket keeps its customer within the scope of its queue: customers
# come back about it.
DAYS_AFTER_CLOSING: Final = 7


class ScopeKind(ClosedSet):
    """Which customers somebody may come to, with all that is theirs."""

    SELF = "SELF", "Oneself; and accounts of others that one holds."
    ASSIGNED = "ASSIGNED", "Those whom the person is responsible for in the acting role."
    QUEUE = (
        "QUEUE",
        f"Those with a ticket in one's queues that is open, or was {DAYS_AFTER_CLOSING} days ago.",
    )
    BRANCH = "BRANCH", "Those of the person's branch."
    ALL = "ALL", "Everybody."
    NONE = "NONE", "Nobody."


ROW_SCOPES: Final[Mapping[Role, ScopeKind]] = {
    Role.CUSTOMER: ScopeKind.SELF,
    Role.TELLER: ScopeKind.ASSIGNED,
    Role.RELATIONSHIP_MANAGER: ScopeKind.ASSIGNED,
    Role.WEALTH_ADVISOR: ScopeKind.ASSIGNED,
    Role.SERVICE_AGENT: ScopeKind.QUEUE,
    Role.LOAN_OFFICER: ScopeKind.BRANCH,
    Role.BRANCH_MANAGER: ScopeKind.BRANCH,
    Role.RISK_OFFICER: ScopeKind.ALL,
    Role.MARKETER: ScopeKind.ALL,
    Role.ANALYST: ScopeKind.ALL,
    Role.EXECUTIVE: ScopeKind.NONE,
    Role.COMPLIANCE: ScopeKind.ALL,
    Role.ADMIN: ScopeKind.NONE,
}

# Counts and totals tell nothing of anybody, so management reads those of all customers.
REPORT_SCOPES: Final[Mapping[Role, ScopeKind]] = dict.fromkeys(Role, ScopeKind.NONE) | {
    Role.EXECUTIVE: ScopeKind.ALL,
    Role.ANALYST: ScopeKind.ALL,
    Role.RISK_OFFICER: ScopeKind.ALL,
    Role.MARKETER: ScopeKind.ALL,
    Role.BRANCH_MANAGER: ScopeKind.BRANCH,
}
