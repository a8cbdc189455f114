"""The order of an account's transactions: the one in which the file's balances follow.

The file gives the day of a transaction and the balance after it, but not the order inside the
day. The order of the whole account is chosen at once, because the last balance of one day is
what the next day begins with: dynamic programming over the days (Viterbi), with one state for
each transaction that may end a day, and inside a day over the subsets already placed (Held and
Karp). It minimises first the differences above 0.20, then the number of differences, then their
sum; of orders that are equally good it takes the one nearest to the file's own.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Final, Generic, Protocol, TypeVar

# Up to this many transactions of one account and day every order is weighed (10 · 10 · 2^10
# steps); beyond it each next one is the one that begins nearest to the balance reached.
EXACT_DAY_MAX: Final = 10
# The copy of the file is rounded to 0.1: up to 0.20 a difference is rounding.
ROUNDING_MAX: Final = Decimal("0.20")

# Differences above ROUNDING_MAX, all differences, their sum, pairs that the file has the other way.
Cost = tuple[int, int, Decimal, int]
_NONE: Final[Cost] = (0, 0, Decimal(0), 0)


class Movement(Protocol):
    """A transaction: its signed amount, and the account's balance after it."""

    @property
    def amount(self) -> Decimal:
        """Positive into the account, negative out of it."""

    @property
    def balance(self) -> Decimal:
        """What the file says the balance is afterwards."""


M = TypeVar("M", bound=Movement)


class _Way(Generic[M]):
    """One way to order the transactions so far; ways share their beginnings."""

    __slots__ = ("balance", "before", "cost", "movement")

    def __init__(
        self, cost: Cost, balance: Decimal, before: "_Way[M] | None", movement: M | None
    ) -> None:
        self.cost = cost
        self.balance = balance
        self.before = before
        self.movement = movement


def difference(before: Decimal, movement: Movement) -> Decimal:
    """Give what the file's balance has too much after ``before`` and the transaction."""
    return movement.balance - before - movement.amount


def _cost(cost: Cost, gap: Decimal, swaps: int) -> Cost:
    if not gap and not swaps:
        return cost
    large, gaps, total, swapped = cost
    size = abs(gap)
    return large + (size > ROUNDING_MAX), gaps + (size > 0), total + size, swapped + swaps


def _step(ways: Iterable[_Way[M]], movement: M, swaps: int = 0) -> _Way[M]:
    """Give the cheapest way that ends with ``movement``."""
    costs = ((_cost(way.cost, difference(way.balance, movement), swaps), way) for way in ways)
    cost, before = min(costs, key=itemgetter(0))
    return _Way(cost, movement.balance, before, movement)


def _exact_day(ways: list[_Way[M]], day: Sequence[M]) -> list[_Way[M]]:
    reached: dict[int, dict[int, _Way[M]]] = {
        1 << index: {index: _step(ways, movement)} for index, movement in enumerate(day)
    }
    for _ in range(len(day) - 1):
        longer: dict[int, dict[int, _Way[M]]] = {}
        for placed, ends in reached.items():
            for index, movement in enumerate(day):
                if not placed >> index & 1:
                    with_it = longer.setdefault(placed | 1 << index, {})
                    swaps = (placed >> index).bit_count()
                    with_it[index] = _step(ends.values(), movement, swaps)
        reached = longer
    return [reached[(1 << len(day)) - 1][index] for index in range(len(day))]


def _greedy_day(ways: list[_Way[M]], day: Sequence[M]) -> list[_Way[M]]:
    way = min(ways, key=attrgetter("cost"))
    left = list(day)
    while left:
        gaps = [abs(difference(way.balance, movement)) for movement in left]
        way = _step([way], left.pop(gaps.index(min(gaps))))
    return [way]


def in_chain_order(days: Iterable[Sequence[M]], opening: Decimal = Decimal(0)) -> list[M]:
    """Order an account's transactions so that their balances follow one another best.

    ``days`` are the account's days in order, each with its transactions in the file's order.
    """
    ways: list[_Way[M]] = [_Way(_NONE, opening, None, None)]
    for day in days:
        if len(day) == 1:
            ways = [_step(ways, day[0])]
        elif len(day) <= EXACT_DAY_MAX:
            ways = _exact_day(ways, day)
        else:
            ways = _greedy_day(ways, day)
    way: _Way[M] | None = min(ways, key=attrgetter("cost"))
    ordered: list[M] = []
    while way is not None and way.movement is not None:
        ordered.append(way.movement)
        way = way.before
    ordered.reverse()
    return ordered
