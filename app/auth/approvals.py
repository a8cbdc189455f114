"""What nobody does alone, and which posts approve it: the whole table on one screen.

Whoever asked never approves, in whatever post, and neither does the customer concerned. Approving
takes APPROVAL_DECIDE and strong authentication (app.auth.permissions); it does not take the
permission of the command itself: who may not make can still check.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.auth.permissions import Role


@dataclass(frozen=True)
class FourEyes:
    """Which posts approve a command, and for how long a request waits for them."""

    checkers: frozenset[Role]
    lasts: timedelta

    @property
    def sentence(self) -> str:
        """Say it to front-end developers, as the schema does."""
        posts = " or ".join(sorted(self.checkers))
        return (
            f" Four eyes: answers `PendingApproval` where a second person is needed; {posts} "
            f"approves within {self.lasts.days} days."
        )


_SHORT: Final = {
    "BM": Role.BRANCH_MANAGER,
    "RO": Role.RISK_OFFICER,
    "CO": Role.COMPLIANCE,
}


def _by(short: str, *, days: int) -> FourEyes:
    return FourEyes(frozenset(_SHORT[name] for name in short.split()), timedelta(days=days))


# fmt: off
FOUR_EYES: Final[Mapping[str, FourEyes]] = {
    "assignRelationshipManager": _by("BM CO", days=7),
    "eraseCustomer":             _by("CO RO", days=14),
}
# fmt: on
