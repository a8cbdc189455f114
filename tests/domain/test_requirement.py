"""What transfers are asked for: every tier, payee and amount; and what is out of the ordinary."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.limits import CUSTOMER_LIMITS, EASE, customer_limit, ease
from app.domain.customer import Tier
from app.domain.money import Currency
from app.domain.problem import Language
from app.domain.requirement import (
    COOLING_OFF,
    Past,
    Payment,
    RequirementReason,
    TransferStep,
    required,
)

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=90)
CODE, WAIT = TransferStep.CONFIRMATION_CODE, TransferStep.COOLING_OFF
PLAIN = Payment(NOW, Decimal(1), LONG_AGO, 9, Decimal(0), Past(), strongly_authenticated=False)
# Whom: when added, how often paid.
PAYEES = {
    "often": (LONG_AGO, 3),
    "seldom": (LONG_AGO, 2),
    "kept": (LONG_AGO, 0),
    "new": (NOW - timedelta(hours=23), 0),
    "unkept": (None, 0),
}
# In yuan, by tier: the amounts around its three thresholds.
AMOUNTS = {
    Tier.NORMAL: ("1000", "1000.01", "10000", "10000.01"),
    Tier.SILVER: ("2000", "2000.01", "50000", "50000.01"),
    Tier.GOLD: ("5000", "5000.01", "200000", "200000.01"),
    Tier.PLATINUM: ("10000", "10000.01", "500000", "500000.01"),
}
# What is asked for each of the four amounts: nothing, a code, or to wait as well.
ASKED = {
    "often": ("", "", "", "code"),
    "seldom": ("", "code", "code", "code"),
    "kept": ("", "code", "code", "code"),
    "new": ("", "code", "code", "code wait"),
    "unkept": ("", "code", "code", "code wait"),
}
WORDS = {"code": CODE, "wait": WAIT}


def cases() -> list[tuple[Tier, str, str, str]]:
    return [
        (tier, whom, amount, asked)
        for tier, amounts in AMOUNTS.items()
        for whom, answers in ASKED.items()
        for amount, asked in zip(amounts, answers, strict=True)
    ]


@pytest.mark.parametrize(("tier", "whom", "amount", "asked"), cases())
def test_tier_payee_and_amount_decide(tier: Tier, whom: str, amount: str, asked: str) -> None:
    added_at, times_paid = PAYEES[whom]
    payment = replace(PLAIN, amount=Decimal(amount), added_at=added_at, times_paid=times_paid)
    found = required(payment, ease(tier, Currency.CNY))
    assert found.steps == {WORDS[word] for word in asked.split()}
    assert {reason.step for reason in found.reasons} - {None} == found.steps
    # Whoever signed in with a second factor a moment ago needs no code, but waits all the same.
    strong = required(replace(payment, strongly_authenticated=True), ease(tier, Currency.CNY))
    assert strong.steps == found.steps - {CODE}
    assert strong.cooling_off_until == found.cooling_off_until


def test_every_tier_has_thresholds_below_its_limits() -> None:
    for tier in Tier:
        assert EASE[tier].small < EASE[tier].often <= EASE[tier].new <= CUSTOMER_LIMITS[tier].order
    assert ease(Tier.NORMAL, Currency.USD).small == Decimal(140)
    assert customer_limit(Tier.NORMAL, Currency.USD).order == Decimal(7000)


@pytest.mark.parametrize(
    ("added_at", "until", "code"),
    [
        (
            NOW - timedelta(hours=5),
            NOW + timedelta(hours=19),
            RequirementReason.PAYEE_ADDED_LATELY,
        ),
        (None, NOW + COOLING_OFF, RequirementReason.PAYEE_NOT_KEPT),
        (NOW - COOLING_OFF, None, None),
    ],
)
def test_new_payees_wait_until_a_day_after_they_were_added(
    added_at: datetime | None, until: datetime | None, code: RequirementReason | None
) -> None:
    payment = replace(PLAIN, amount=Decimal(10_001), added_at=added_at, times_paid=0)
    found = required(payment, EASE[Tier.NORMAL])
    assert found.cooling_off_until == until
    waits = [(reason.code, reason.limit) for reason in found.reasons if reason.step is WAIT]
    assert waits == ([(code, Decimal(10_000))] if code else [])


def test_what_new_payees_got_today_counts_together() -> None:
    payment = replace(PLAIN, amount=Decimal(500), added_at=None, to_new=Decimal("9500.01"))
    assert required(payment, EASE[Tier.NORMAL]).steps == {WAIT}
    assert not required(replace(payment, to_new=Decimal(9500)), EASE[Tier.NORMAL]).steps
    assert not required(replace(payment, added_at=LONG_AGO), EASE[Tier.NORMAL]).steps


USUAL = Past(transfers=30, usual=Decimal(400), timed=30, at_this_hour=12)


@pytest.mark.parametrize(
    ("amount", "past", "code"),
    [
        ("1200.01", USUAL, RequirementReason.UNUSUAL_AMOUNT),
        ("1200", USUAL, None),
        # Too little is known of what is usual.
        ("1200.01", replace(USUAL, transfers=4), None),
        ("1001", replace(USUAL, at_this_hour=0), RequirementReason.UNUSUAL_HOUR),
        ("1001", replace(USUAL, at_this_hour=1), None),
        ("1001", replace(USUAL, at_this_hour=0, timed=19), None),
        # Small amounts are watched for their pace alone.
        ("1000", replace(USUAL, usual=Decimal(1), at_this_hour=0), None),
        ("1", replace(USUAL, last_hour=5), RequirementReason.UNUSUAL_PACE),
        ("1", replace(USUAL, last_hour=4), None),
        # A shop that pays two hundred a week.
        ("1", replace(USUAL, transfers=5_000, last_hour=40), None),
    ],
)
def test_the_account_s_own_past_tells_what_is_out_of_the_ordinary(
    amount: str, past: Past, code: RequirementReason | None
) -> None:
    payment = replace(PLAIN, amount=Decimal(amount), past=past)
    found = required(payment, EASE[Tier.NORMAL])
    unusual = [each.code for each in found.reasons if each.code.startswith("UNUSUAL")]
    assert unusual == ([code] if code else [])
    assert found.steps == ({CODE} if code else set())
    strong = required(replace(payment, strongly_authenticated=True), EASE[Tier.NORMAL])
    # Only a code names the amount to whoever reads it.
    insists = code is RequirementReason.UNUSUAL_AMOUNT
    assert strong.steps == ({CODE} if insists else set())


def test_every_reason_speaks_both_languages() -> None:
    for reason in RequirementReason:
        assert reason.message_in(Language.EN).endswith(".")
        assert reason.message_in(Language.ZH).endswith("。")


@given(
    amount=st.decimals(Decimal("0.01"), Decimal(10**6), places=2),
    more=st.decimals(Decimal(0), Decimal(10**6), places=2),
    times_paid=st.integers(0, 5),
    hours=st.none() | st.integers(0, 100),
    to_new=st.decimals(Decimal(0), Decimal(10**6), places=2),
    strong=st.booleans(),
)
def test_more_trust_never_asks_for_more(
    *,
    amount: Decimal,
    more: Decimal,
    times_paid: int,
    hours: int | None,
    to_new: Decimal,
    strong: bool,
) -> None:
    added_at = None if hours is None else NOW - timedelta(hours=hours)
    payment = replace(
        PLAIN,
        amount=amount,
        added_at=added_at,
        times_paid=times_paid,
        to_new=to_new,
        strongly_authenticated=strong,
    )
    ranked = [required(payment, EASE[tier]).steps for tier in AMOUNTS]
    assert all(better <= worse for worse, better in pairwise(ranked))
    found = required(payment, EASE[Tier.GOLD]).steps
    for easier in (
        replace(payment, times_paid=times_paid + 1),
        replace(payment, added_at=LONG_AGO),
        replace(payment, strongly_authenticated=True),
        replace(payment, to_new=Decimal(0)),
    ):
        assert required(easier, EASE[Tier.GOLD]).steps <= found
    harder = required(replace(payment, amount=amount + more), EASE[Tier.GOLD]).steps
    assert found <= harder
