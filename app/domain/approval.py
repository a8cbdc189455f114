"""Requests for a second person: the states of one, and why somebody else has to look at it."""

from app.domain.closed_set import ClosedSet
from app.domain.problem import Problem, ProblemCode

_REASON_LENGTH_MIN = 10


class ApprovalState(ClosedSet):
    """Where a request stands; PENDING is the only state that another follows."""

    PENDING = "PENDING", "It waits for a second person."
    APPROVED = "APPROVED", "Somebody else approved it, and it was carried out at that moment."
    REJECTED = "REJECTED", "Somebody else refused it."
    WITHDRAWN = "WITHDRAWN", "Who asked took it back."
    EXPIRED = "EXPIRED", "Nobody decided in time."
    STALE = "STALE", "What it would change has changed since it was asked."


class ApprovalReason(ClosedSet):
    """Why a second person is needed."""

    ALWAYS = "ALWAYS", "Nobody does this alone, in whatever post."
    ABOVE_LIMIT = "ABOVE_LIMIT", "It is more than the post may do alone."


def check_reason(text: str) -> None:
    """Refuse a reason that can hardly tell the maker what is wrong."""
    if len(text) < _REASON_LENGTH_MIN:
        raise Problem(ProblemCode.REASON_TOO_SHORT, "reason")
