"""The posts that decide requests: they may, they see the rows, and there is always another."""

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import MATRIX, Permission
from app.auth.scopes import ROW_SCOPES, ScopeKind


def test_every_checker_may_decide_and_comes_to_the_rows() -> None:
    for rule in FOUR_EYES.values():
        assert rule.checkers <= MATRIX[Permission.APPROVAL_DECIDE].clear
        assert {ROW_SCOPES[role] for role in rule.checkers} <= {ScopeKind.ALL, ScopeKind.BRANCH}
        # Whoever holds one of the posts alone still finds somebody else to ask.
        assert len(rule.checkers) > 1
    decides = MATRIX[Permission.APPROVAL_DECIDE]
    assert decides.clear == decides.step_up <= MATRIX[Permission.APPROVAL_READ].clear
