"""Rules of payments that need no bank."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.limits import customer_limit, needs_second, post_limit
from app.auth.permissions import Role
from app.domain import payment
from app.domain.account import AccountKind, AccountStatus
from app.domain.account_number import NUMBERS, account_number
from app.domain.customer import Tier
from app.domain.money import Currency, minor_unit
from app.domain.payment import AccountState, PayeeAccount
from app.domain.problem import Problem, ProblemCode

ACCOUNT = AccountState(
    AccountKind.DEMAND,
    AccountStatus.OPEN,
    Currency.USD,
    Decimal("100.00"),
    Decimal("30.00"),
    Decimal("5.00"),
)


@given(st.sampled_from(Currency), st.integers(1, 10**15))
def test_whole_minor_units_are_amounts(currency: Currency, units: int) -> None:
    amount = units * minor_unit(currency)
    if amount <= 10**15:
        assert payment.check_amount(amount, currency, "amount") == amount


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0", Currency.USD),
        ("-0.01", Currency.USD),
        ("0.005", Currency.USD),
        ("1.5", Currency.JPY),
        ("1E+16", Currency.USD),
    ],
)
def test_what_cannot_be_booked_is_no_amount(amount: str, currency: Currency) -> None:
    with pytest.raises(Problem) as refused:
        payment.check_amount(Decimal(amount), currency, "amount")
    assert (refused.value.code, refused.value.field) == (
        ProblemCode.INVALID_AMOUNT,
        "amount.amount",
    )


def test_an_amount_is_told_to_the_minor_unit() -> None:
    assert str(payment.check_amount(Decimal("1.5"), Currency.USD, "amount")) == "1.50"
    assert str(payment.check_amount(Decimal("150.00"), Currency.JPY, "amount")) == "150"


def test_what_is_available_is_the_balance_and_the_overdraft_less_what_is_held() -> None:
    assert ACCOUNT.available == Decimal("75.00")
    payment.check_leaving(ACCOUNT, Decimal("75.00"), "accountId", "amount.amount")
    for account, code in (
        (ACCOUNT, ProblemCode.INSUFFICIENT_FUNDS),
        (replace(ACCOUNT, status=AccountStatus.FROZEN), ProblemCode.ACCOUNT_FROZEN),
    ):
        with pytest.raises(Problem) as refused:
            payment.check_leaving(account, Decimal("75.01"), "accountId", "amount.amount")
        assert refused.value.code is code


def test_a_payee_is_kept_in_one_form() -> None:
    given_ = PayeeAccount("  Zoé\tLegrand ", "de89 3704-0044.0532 0130 00", "coba de ff")
    kept = PayeeAccount("Zoé Legrand", "DE89370400440532013000", "COBADEFF")
    assert payment.check_payee(given_, "to") == kept


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Emma Avaya Smith", "emma avaya-smith", True),
        ("王小芳", "王 小芳", True),
        ("Zoé", "Zoe\u0301", True),
        ("王小芳", "王小方", False),
        ("Emma", "Emma Smith", False),
        ("-", ".", False),
    ],
)
def test_names_are_compared_letter_by_letter(one: str, other: str, alike: bool) -> None:
    assert payment.same_name(one, other) is alike


def test_above_a_posts_limit_a_second_person_is_needed() -> None:
    limit = post_limit(Role.TELLER, Currency.CNY)
    assert limit == Decimal(50_000)
    assert needs_second(Role.TELLER, limit, Currency.CNY) == frozenset()
    assert needs_second(Role.TELLER, limit + 1, Currency.CNY) == {Role.BRANCH_MANAGER}
    assert post_limit(Role.CUSTOMER, Currency.CNY) is None
    assert needs_second(Role.CUSTOMER, Decimal(10**9), Currency.CNY) == frozenset()


@pytest.mark.parametrize("currency", list(Currency))
def test_limits_rise_with_the_tier_and_are_whole_amounts(currency: Currency) -> None:
    limits = [customer_limit(tier, currency) for tier in Tier]
    for limit in limits:
        assert limit.order <= limit.day
        assert limit.order % minor_unit(currency) == 0
    for lower, higher in pairwise(limits):
        assert lower.order < higher.order
        assert lower.day < higher.day


def test_account_numbers_are_fourteen_digits_and_differ() -> None:
    numbers = {account_number(place) for place in (0, 1, 2, NUMBERS - 1)}
    assert len(numbers) == 4
    assert {len(number) for number in numbers} == {14}
