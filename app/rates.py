"""How much each viewer and each address may ask for in a minute.

Operations are counted by cost (`app.limits.Size.cost`), look-ups by complete value one by one,
requests without a valid token one by one. Minutes begin at another second for every client, so
that those who wait do not all come back at once.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID
from zlib import crc32

from app.db.counters import WINDOW_SECONDS, Counters
from app.db.redis import NotAnsweringError
from app.planner.errors import RATE_LIMITED, RefusedError

# So many clients that are to wait are known without asking Redis.
_WAITING_MAX: Final = 10_000


class Policy(StrEnum):
    """What is counted."""

    VIEWER = "viewer"
    ADDRESS = "address"
    LOOK_UPS = "look-ups"
    UNAUTHENTICATED = "unauthenticated"


_SAYS: Final[Mapping[Policy, str]] = {
    Policy.VIEWER: "you asked for too much within a minute",
    Policy.ADDRESS: "too much was asked for from your address within a minute",
    Policy.LOOK_UPS: "you looked up too many customers and accounts within a minute",
    Policy.UNAUTHENTICATED: "too many requests without a valid token came from your address",
}


@dataclass(frozen=True)
class Charge:
    """An amount that counts for somebody under a policy."""

    policy: Policy
    whose: str
    amount: int


@dataclass(frozen=True)
class Spent:
    """What a charge came to: the headers of the response, and the refusal of what was too much.

    ``RateLimit`` and ``RateLimit-Policy`` are those of draft-ietf-httpapi-ratelimit-headers-11.
    ``balance`` is what the viewer has left, where that is limited.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    refusal: RefusedError | None = None
    balance: "Balance | None" = None


@dataclass
class Balance:
    """How much of a policy's quota is spent, and for how many seconds that counts."""

    policy: Policy
    quota: int
    count: int
    seconds_left: int

    @property
    def left(self) -> int:
        """What may still be spent."""
        return max(self.quota - self.count, 0)


@dataclass(frozen=True)
class Rates:
    """Charges operations; ``quotas`` has the most of each policy in a minute, 0 for no limit.

    Where Redis does not answer nothing is counted or refused: it guards against haste, and its
    loss must not stop the bank. Every such loss is logged and counted where Redis is asked.
    """

    counters: Counters
    quotas: Mapping[Policy, int]
    clock: Callable[[], float] = time.time
    _waiting: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def refusal(self, viewer: UUID, network: str) -> Spent | None:
        """Refuse at once whoever is known to have to wait; None for everybody else."""
        if not self._waiting:
            return None
        return self._known([Charge(Policy.VIEWER, str(viewer), 0), _of(network, 0)])

    async def spend(self, viewer: UUID, network: str, cost: int, look_ups: int) -> Spent:
        """Charge an operation to its viewer and network; an empty network is not charged."""
        return await self._spend(
            Charge(Policy.VIEWER, str(viewer), cost),
            Charge(Policy.LOOK_UPS, str(viewer), look_ups),
            _of(network, cost),
        )

    async def spend_unauthenticated(self, network: str) -> Spent:
        """Charge a request without a valid token to its network."""
        return await self._spend(Charge(Policy.UNAUTHENTICATED, network, 1))

    async def _spend(self, *charges: Charge) -> Spent:
        due = [each for each in charges if each.amount and each.whose and self.quotas[each.policy]]
        if not due:
            return Spent()
        known = self._known(due) if self._waiting else None
        if known is not None:
            return known
        windows = [self._window(each) for each in due]
        amounts = {key: each.amount for each, (key, _) in zip(due, windows, strict=True)}
        try:
            counts = await self.counters.add(amounts)
        except NotAnsweringError:
            return Spent()
        balances = []
        for charge, (key, left), count in zip(due, windows, counts, strict=True):
            balance = Balance(charge.policy, self.quotas[charge.policy], count, left)
            if count > balance.quota:
                self._wait(key, left)
                return _refused(balance)
            balances.append(balance)
        shown = [each for each in balances if each.policy is not Policy.ADDRESS]
        of_viewer = (each for each in shown if each.policy is Policy.VIEWER)
        return Spent(_headers(shown), balance=next(of_viewer, None))

    def _window(self, charge: Charge) -> tuple[str, int]:
        """Give the key of a charge's counter, and for how many seconds it still counts."""
        key = f"{charge.policy}:{charge.whose}"
        minute, second = divmod(self.clock() + crc32(key.encode()), WINDOW_SECONDS)
        return f"{key}:{minute:.0f}", WINDOW_SECONDS - int(second)

    def _known(self, charges: list[Charge]) -> Spent | None:
        for charge in charges:
            key, left = self._window(charge)
            if key in self._waiting:
                quota = self.quotas[charge.policy]
                return _refused(Balance(charge.policy, quota, quota, left))
        return None

    def _wait(self, key: str, seconds: int) -> None:
        now = self.clock()
        self._waiting[key] = now + seconds
        while len(self._waiting) > _WAITING_MAX or next(iter(self._waiting.values())) < now:
            self._waiting.popitem(last=False)


def _of(network: str, amount: int) -> Charge:
    return Charge(Policy.ADDRESS, network, amount)


def _headers(balances: list[Balance]) -> dict[str, str]:
    # What others behind the same address do is nobody's business, so it is shown only to those
    # whom it stops.
    if not balances:
        return {}
    policies = (f'"{each.policy}";q={each.quota};w={WINDOW_SECONDS}' for each in balances)
    limits = (f'"{each.policy}";r={each.left};t={each.seconds_left}' for each in balances)
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(limits)}


def _refused(balance: Balance) -> Spent:
    seconds = balance.seconds_left
    refusal = RefusedError(f"{_SAYS[balance.policy]}; try again in {seconds} seconds", RATE_LIMITED)
    assert refusal.extensions is not None
    refusal.extensions["retryAfterSeconds"] = seconds
    balance.count = max(balance.count, balance.quota)
    of_viewer = balance if balance.policy is Policy.VIEWER else None
    return Spent(_headers([balance]) | {"Retry-After": str(seconds)}, refusal, of_viewer)
