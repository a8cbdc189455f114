"""What invented customers allowed and forbade: asked when they came, changed by some since."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from app.auth.permissions import Role
from app.db.loading import midnight
from app.db.seed.people import Person
from app.db.seed.plan import happens
from app.db.seed.rows import Chunk
from app.domain.audit import ConsentPurpose
from app.domain.service import Channel

_OPENS_AT: Final = timedelta(hours=9)
_OPENED_SECONDS: Final = 8 * 60 * 60
_DAY_SECONDS: Final = 24 * 60 * 60


@dataclass(frozen=True)
class _Shares:
    """How many are asked, how many of them agree, and how many of those take it back."""

    asked: float
    granted: float
    withdrawn: float


_SHARES: Final = {
    ConsentPurpose.MARKETING_SMS: _Shares(0.8, 0.6, 0.2),
    ConsentPurpose.MARKETING_EMAIL: _Shares(0.8, 0.5, 0.1),
    ConsentPurpose.MARKETING_PHONE: _Shares(0.6, 0.25, 0.3),
    ConsentPurpose.PROFILING: _Shares(0.5, 0.55, 0.1),
    ConsentPurpose.AUTOMATED_DECISIONS: _Shares(0.25, 0.7, 0.05),
    ConsentPurpose.DATA_SHARING: _Shares(0.3, 0.2, 0.1),
}
_ONLINE: Final = (Channel.MOBILE, Channel.MOBILE, Channel.WEB)


def add_consents(chunk: Chunk, person: Person) -> None:
    """Add what a customer said of each purpose, with what was taken back later."""
    plan = chunk.plan
    # Of its own, so that the customer's other draws stay what they were.
    rng = plan.rng("consents", person.n)
    first = midnight(person.since) + _OPENS_AT
    first += timedelta(seconds=int(rng.random() * _OPENED_SECONDS))
    teller = plan.posts.holder(person.branch.id, Role.TELLER, person.number)
    for purpose, shares in _SHARES.items():
        if not happens(rng, shares.asked):
            continue
        granted = happens(rng, shares.granted)
        row_id = plan.id(first, "consent", person.number, purpose)
        chunk.add("consent", person.id, row_id, purpose, granted, Channel.BRANCH, teller, first)
        at = _later(rng, first, midnight(plan.business_date))
        if granted and at is not None and happens(rng, shares.withdrawn):
            row_id = plan.id(at, "consent", person.number, purpose)
            channel = _ONLINE[int(rng.random() * len(_ONLINE))]
            chunk.add("consent", person.id, row_id, purpose, False, channel, None, at)


def _later(rng: Random, first: datetime, end: datetime) -> datetime | None:
    """Give a moment at least a day after the first and before the end; None where none is left."""
    seconds = int((end - first).total_seconds()) - _DAY_SECONDS
    if seconds <= 0:
        return None
    return first + timedelta(seconds=_DAY_SECONDS + int(rng.random() * seconds))
