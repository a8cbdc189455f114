"""Inventing loans in every state, with schedules and the payments made so far."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from app.db.loading import midnight
from app.db.seed import ledger
from app.db.seed.ledger import DAY_SECONDS, Account
from app.db.seed.people import Member, Person, choose
from app.db.seed.plan import Plan, money
from app.db.seed.rows import Chunk
from app.domain.account import OrderFrequency, OrderPurpose, OrderStatus
from app.domain.customer import DataSource
from app.domain.dates import add_months
from app.domain.loan import (
    Instalment,
    LoanPurpose,
    LoanStatus,
    RepaymentMethod,
    annuity_payment,
    instalments_due,
    schedule,
)

_BORROWERS: Final = 0.24
_STATUSES: Final = (
    (0.56, LoanStatus.ACTIVE),
    (0.70, LoanStatus.IN_ARREARS),
    (0.84, LoanStatus.PAID_OFF),
    (0.88, LoanStatus.DEFAULTED),
    (0.91, LoanStatus.WRITTEN_OFF),
    (0.95, LoanStatus.APPLIED),
    (0.98, LoanStatus.APPROVED),
    (1.00, LoanStatus.REJECTED),
)
_NOT_PAID_OUT: Final = frozenset({LoanStatus.APPLIED, LoanStatus.APPROVED, LoanStatus.REJECTED})
_OVER: Final = frozenset({LoanStatus.PAID_OFF, LoanStatus.DEFAULTED})
# Months behind of loans in arrears, so that every grade of the classification occurs.
_BEHIND: Final = ((0.55, (1, 3)), (0.75, (5, 9)), (0.87, (10, 11)), (1.0, (13, 20)))
_GIVEN_UP: Final = (14, 24)
_PAYMENT_HOUR: Final = 6 * 3_600
_PAID_OUT_HOUR: Final = 9 * 3_600
_NOTHING: Final = Decimal("0.00")
_LOAN_TO_VALUE: Final = Decimal("0.7")
_BASIS_POINTS: Final = -4


@dataclass(frozen=True, slots=True)
class _Offer:
    """What loans for one purpose are like: terms in months, rate in hundredths of a percent."""

    purpose: LoanPurpose
    terms: tuple[int, ...]
    rates: tuple[int, int]


_HOME: Final = _Offer(LoanPurpose.HOME, (120, 180, 240, 300), (310, 590))
_SHORT: Final = (
    _Offer(LoanPurpose.CAR, (24, 36, 48, 60), (390, 720)),
    _Offer(LoanPurpose.CONSUMPTION, (12, 24, 36), (480, 1_180)),
    _Offer(LoanPurpose.HOME_IMPROVEMENT, (24, 36, 60), (420, 780)),
    _Offer(LoanPurpose.DEBT_CONSOLIDATION, (24, 36, 48), (590, 1_290)),
)
_BUSINESS: Final = _Offer(LoanPurpose.BUSINESS, (12, 24, 36, 60), (360, 780))
_HOME_LOANS: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Loan:
    id: UUID
    number: str
    offer: _Offer
    status: LoanStatus
    principal: Decimal
    payment: Decimal
    rate: Decimal
    term_months: int
    granted_on: date
    lines: list[Instalment]
    paid: int

    @property
    def outstanding(self) -> Decimal:
        if self.status in _NOT_PAID_OUT:
            return _NOTHING
        return self.principal - sum((line.principal for line in self.lines[: self.paid]), _NOTHING)


def add_loan(chunk: Chunk, member: Member, account: Account) -> None:
    """Give some customers a loan on their first account, and plan its events there."""
    plan, person, rng = chunk.plan, member.person, member.rng
    draws = rng.random(), rng.random(), rng.random()
    if draws[0] >= _BORROWERS or not person.does_business or person.retired:
        return
    loan = _invent(plan, person, rng, draws)
    _add_rows(chunk, person, account, loan)
    _add_events(plan, loan, account)


def _invent(plan: Plan, person: Person, rng: Random, draws: tuple[float, float, float]) -> _Loan:
    offer = _BUSINESS
    if person.is_individual:
        is_home = draws[1] < _HOME_LOANS
        offer = _HOME if is_home else _SHORT[int(rng.random() * len(_SHORT))]
    status = choose(_STATUSES, draws[2])
    if status in _OVER and offer is _HOME:
        offer = _SHORT[0]
    term = offer.terms[int(rng.random() * len(offer.terms))]
    low, high = offer.rates
    rate = Decimal(low + int(rng.random() * (high - low))).scaleb(_BASIS_POINTS)
    status, granted_on, unpaid = _history(plan, person, rng, status, term)
    share = 0.1 + 0.2 * rng.random()
    # Some four fifths of what is paid back in all is principal.
    whole = int(person.income * share * term * 0.8) // 100_000
    principal = money(max(whole, 1) * 100_000)
    currency = person.currency
    lines = []
    if status not in _NOT_PAID_OUT:
        lines = list(schedule(principal, rate, term, granted_on, currency))
    due = instalments_due(granted_on, term, plan.business_date - timedelta(days=1))
    number = f"L{person.n:08d}"
    return _Loan(
        plan.id(midnight(granted_on), "loan", number),
        number,
        offer,
        status,
        principal,
        annuity_payment(principal, rate, term, currency),
        rate,
        term,
        granted_on,
        lines,
        max(due - unpaid, 0),
    )


def _history(
    plan: Plan, person: Person, rng: Random, status: LoanStatus, term: int
) -> tuple[LoanStatus, date, int]:
    """Give the state, the day of granting (or asking), and how many instalments are overdue.

    Somebody who has not been a customer for long enough has a loan that is repaid as agreed.
    """
    known = max((plan.business_date - person.since).days // 31 - 1, 0)
    days = 1 + int(rng.random() * 27)
    if status in _NOT_PAID_OUT:
        asked_on = plan.business_date - timedelta(days=days)
        return status, max(asked_on, person.since), 0
    behind = 0
    if status is LoanStatus.IN_ARREARS:
        low, high = choose(_BEHIND, rng.random())
        behind = low + int(rng.random() * (high - low + 1))
    elif status is LoanStatus.WRITTEN_OFF:
        low, high = _GIVEN_UP
        behind = low + int(rng.random() * (high - low + 1))
    elif status is LoanStatus.DEFAULTED:
        behind = 1 + int(rng.random() * 8)
    if status in _OVER:
        elapsed, latest = term + int(rng.random() * 24), known
    else:
        latest = min(known, term - 1)
        elapsed = behind + 1 + int(rng.random() * max(latest - behind - 1, 0))
    if elapsed > latest:
        status, behind = LoanStatus.ACTIVE, 0
        elapsed = int(rng.random() * min(known, term - 1))
    granted_on = add_months(plan.business_date, -elapsed) - timedelta(days=days)
    return status, max(granted_on, person.since), behind


def _add_rows(chunk: Chunk, person: Person, account: Account, loan: _Loan) -> None:
    plan = chunk.plan
    currency, source = person.currency, DataSource.SEED
    is_home = loan.offer is _HOME
    collateral = (loan.principal / _LOAN_TO_VALUE).quantize(loan.payment) if is_home else None
    chunk.add(
        "loan", person.id, loan.id, loan.number, account.id, loan.offer.purpose, currency,
        loan.principal, loan.outstanding, loan.payment, loan.rate, loan.term_months,
        RepaymentMethod.EQUAL_INSTALMENT, loan.status, loan.granted_on,
        add_months(loan.granted_on, loan.term_months), collateral, source,
    )  # fmt: skip
    at = midnight(loan.granted_on)
    for line in loan.lines:
        is_paid = line.number <= loan.paid
        total = line.principal + line.interest
        chunk.add(
            "instalment", person.id, plan.id(at, "instalment", loan.number, str(line.number)),
            loan.id, line.number, line.due_on, line.principal, line.interest,
            total if is_paid else _NOTHING, line.due_on if is_paid else None,
        )  # fmt: skip
    if loan.status is LoanStatus.ACTIVE:
        due_on = next((line.due_on for line in loan.lines[loan.paid :]), None)
        chunk.add(
            "standing_order", person.id, plan.id(at, "standing order", loan.number), account.id,
            OrderPurpose.LOAN, loan.payment, currency, OrderFrequency.MONTHLY,
            OrderStatus.ACTIVE, due_on, None, None, source, loan.lines[0].due_on,
        )  # fmt: skip


def _add_events(plan: Plan, loan: _Loan, account: Account) -> None:
    if not loan.lines:
        return
    if loan.granted_on >= plan.begins_on:
        second = (loan.granted_on - plan.begins_on).days * DAY_SECONDS + _PAID_OUT_HOUR
        cents = int(loan.principal.scaleb(2))
        account.event(second, ledger.LOAN_PAID_OUT, cents)
        # What it was borrowed for is paid for the same day.
        account.event(second + 1_800, ledger.LOAN_SPENT, -cents)
    for line in loan.lines[: loan.paid]:
        days = (line.due_on - plan.begins_on).days
        if days >= 0:
            cents = int((line.principal + line.interest).scaleb(2))
            account.event(days * DAY_SECONDS + _PAYMENT_HOUR, ledger.LOAN_REPAID, -cents)
