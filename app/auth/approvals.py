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
    """Which posts approve a command, and for how long a request waits for them.

    What is not needed ``always`` is needed above the limit of a post (app.auth.limits).
    """

    checkers: frozenset[Role]
    lasts: timedelta
    always: bool

    @property
    def sentence(self) -> str:
        """Say it to front-end developers, as the schema does."""
        posts = " or ".join(sorted(self.checkers))
        when = "always" if self.always else "above the limit of the post"
        days = "1 day" if self.lasts.days == 1 else f"{self.lasts.days} days"
        return f" Four eyes: answers `PendingApproval` {when}; {posts} approves within {days}."


_SHORT: Final = {
    "BM": Role.BRANCH_MANAGER,
    "RO": Role.RISK_OFFICER,
    "CO": Role.COMPLIANCE,
}


def _always(short: str, *, days: int) -> FourEyes:
    return FourEyes(_posts(short), timedelta(days=days), always=True)


def _above_limit(short: str, *, days: int) -> FourEyes:
    return FourEyes(_posts(short), timedelta(days=days), always=False)


def _posts(short: str) -> frozenset[Role]:
    return frozenset(_SHORT[name] for name in short.split())


# Above a limit, the maker's post decides which of these it is: SECOND_PERSONS in app.auth.limits.
# fmt: off
FOUR_EYES: Final[Mapping[str, FourEyes]] = {
    "assignRelationshipManager": _always("BM CO", days=7),
    "closeAccount":              _above_limit("BM RO", days=2),
    "createStandingOrder":       _above_limit("BM RO", days=2),
    "eraseCustomer":             _always("CO RO", days=14),
    "freezeAccount":             _always("BM RO CO", days=1),
    "openTimeDeposit":           _above_limit("BM RO", days=2),
    "reverseTransaction":        _always("BM RO", days=2),
    "transfer":                  _above_limit("BM RO", days=2),
    "unfreezeAccount":           _always("BM RO CO", days=7),
    "withdraw":                  _above_limit("BM RO", days=2),
    "withdrawTimeDeposit":       _above_limit("BM RO", days=2),
}
# fmt: on
