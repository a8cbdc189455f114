from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.retail_bank.chain import EXACT_DAY_MAX, ROUNDING_MAX, difference, in_chain_order


@dataclass(frozen=True)
class Move:
    name: str
    amount: Decimal
    balance: Decimal


def move(name: str, amount: str, balance: str) -> Move:
    return Move(name, Decimal(amount), Decimal(balance))


def names(days: Sequence[Sequence[Move]]) -> str:
    return "".join(one.name for one in in_chain_order(days))


def cost(order: Sequence[Move]) -> tuple[int, int, Decimal]:
    balance, gaps = Decimal(0), []
    for one in order:
        gaps.append(abs(difference(balance, one)))
        balance = one.balance
    return sum(gap > ROUNDING_MAX for gap in gaps), sum(map(bool, gaps)), sum(gaps, Decimal(0))


def test_a_day_is_put_in_the_order_in_which_its_balances_follow() -> None:
    day = [move("c", "-30", "120"), move("a", "100", "100"), move("b", "50", "150")]
    assert names([day]) == "abc"


def test_what_cannot_be_told_apart_stays_in_the_order_of_the_file() -> None:
    first = [move("a", "10", "10")]
    same = [move("b", "5", "15"), move("c", "-5", "10"), move("d", "5", "15")]
    assert names([first, same]) == "abcd"


def test_the_end_of_a_day_is_chosen_for_the_next_day_to_follow() -> None:
    # Alone, the second day chains in two orders, for its transactions cancel out; only one of
    # them ends with the balance that the third day begins with.
    days = [
        [move("a", "100", "100")],
        [move("b", "-40", "60"), move("c", "40", "100")],
        [move("d", "-1", "59")],
    ]
    assert cost(in_chain_order(days)) == (1, 1, Decimal(40))
    swapped = [
        [move("a", "100", "100")],
        [move("b", "-40", "100"), move("c", "40", "140")],
        [move("d", "-1", "99")],
    ]
    assert names(swapped) == "acbd"


def test_rounding_is_preferred_to_a_gap_that_nothing_explains() -> None:
    # File order needs one difference of 20.00; the other order two of 0.10.
    days = [[move("a", "10.0", "10.0")], [move("c", "5.0", "35.1"), move("b", "20.0", "30.1")]]
    assert names(days) == "abc"
    assert cost(in_chain_order(days)) == (0, 1, Decimal("0.1"))


def test_a_day_too_long_to_weigh_every_order_still_chains() -> None:
    count = EXACT_DAY_MAX + 4
    day = [move(chr(97 + n), str(n + 1), str((n + 1) * (n + 2) // 2)) for n in range(count)]
    assert names([list(reversed(day))]) == "".join(one.name for one in day)


amounts = st.integers(-30, 30).map(lambda tenths: Decimal(tenths) / 10)
days_of_an_account = st.lists(
    st.lists(st.builds(Move, st.just("x"), amounts, amounts), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(days_of_an_account)
def test_no_other_order_of_the_account_costs_less(days: list[list[Move]]) -> None:
    orders: list[list[Move]] = [[]]
    for day in days:
        orders = [[*order, *rest] for order in orders for rest in permutations(day)]
    found = in_chain_order(days)
    assert cost(found) == min(map(cost, orders))
    assert sorted(map(id, found)) == sorted(id(one) for day in days for one in day)
