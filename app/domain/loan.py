"""Loans: states, repayment schedules, and the five-grade classification."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from app.domain.closed_set import ClosedSet
from app.domain.dates import add_months
from app.domain.money import Currency, rounded


class LoanStatus(ClosedSet):
    """How far a loan has come."""

    APPLIED = "APPLIED", "Asked for, not decided."
    APPROVED = "APPROVED", "Granted, not paid out."
    REJECTED = "REJECTED", "Refused."
    ACTIVE = "ACTIVE", "Paid out, repaid as agreed so far."
    IN_ARREARS = "IN_ARREARS", "Running, with instalments past due."
    PAID_OFF = "PAID_OFF", "Repaid in full."
    DEFAULTED = "DEFAULTED", "The term is over and it is not repaid."
    WRITTEN_OFF = "WRITTEN_OFF", "Given up as a loss."


class LoanPurpose(ClosedSet):
    """What a loan is for."""

    HOME = "HOME", "Buying a home."
    HOME_IMPROVEMENT = "HOME_IMPROVEMENT", "Building on or repairing a home."
    CAR = "CAR", "Buying a car."
    DEBT_CONSOLIDATION = "DEBT_CONSOLIDATION", "Replacing other debts."
    INVESTMENT_PROPERTY = "INVESTMENT_PROPERTY", "Buying property to let."
    COMMERCIAL_PROPERTY = "COMMERCIAL_PROPERTY", "Buying business premises."
    BOAT = "BOAT", "Buying a boat."
    PLANE = "PLANE", "Buying an aircraft."
    CONSUMPTION = "CONSUMPTION", "Anything a consumer buys."
    BUSINESS = "BUSINESS", "Running a business."


class RepaymentMethod(ClosedSet):
    """How a loan is repaid month by month."""

    EQUAL_INSTALMENT = "EQUAL_INSTALMENT", "The same total each month (annuity)."
    EQUAL_PRINCIPAL = "EQUAL_PRINCIPAL", "The same principal each month, interest on the rest."


class Classification(ClosedSet):
    """The five grades of loan risk classification, best first."""

    NORMAL = "NORMAL", "Repaid as agreed."
    SPECIAL_MENTION = "SPECIAL_MENTION", "Past due, at most 90 days."
    SUBSTANDARD = "SUBSTANDARD", "More than 90 days past due."
    DOUBTFUL = "DOUBTFUL", "More than 270 days past due."
    LOSS = "LOSS", "More than 360 days past due."


# Days past due above which a grade begins: "Measures for the Risk Classification of Financial
# Assets of Commercial Banks" (CBIRC and PBoC, Order 2023 No. 1), articles 9 to 13.
CLASSIFICATION_BEGINS_ABOVE_DAYS = (
    (360, Classification.LOSS),
    (270, Classification.DOUBTFUL),
    (90, Classification.SUBSTANDARD),
    (0, Classification.SPECIAL_MENTION),
)


def classify(days_past_due: int) -> Classification:
    """Grade a loan by the days its oldest unpaid instalment is past due."""
    for days, grade in CLASSIFICATION_BEGINS_ABOVE_DAYS:
        if days_past_due > days:
            return grade
    return Classification.NORMAL


@dataclass(frozen=True, slots=True)
class Instalment:
    """One line of a repayment schedule; amounts in the loan's currency."""

    number: int
    due_on: date
    principal: Decimal
    interest: Decimal


def annuity_payment(
    principal: Decimal, annual_rate: Decimal, months: int, currency: Currency
) -> Decimal:
    """Give the monthly payment of an annuity loan, rounded to the minor unit.

    ``A = P · r / (1 - (1 + r)^-n)`` with the monthly rate ``r = annual_rate / 12`` (present
    value of an ordinary annuity; Brealey, Myers and Allen, "Principles of Corporate Finance").
    ``annual_rate`` is a fraction (0.03359 is 3.359 % a year).
    """
    if not annual_rate:
        return rounded(principal / months, currency)
    with localcontext() as context:
        context.prec = 34
        rate = annual_rate / 12
        payment = principal * rate / (1 - (1 + rate) ** -months)
    return rounded(payment, currency)


def schedule(
    principal: Decimal, annual_rate: Decimal, months: int, granted_on: date, currency: Currency
) -> Iterator[Instalment]:
    """Give the equal-instalment schedule of a loan, one line a month.

    The first line is due one month after ``granted_on``. Interest of a month is the outstanding
    principal times ``annual_rate / 12``, rounded; the last line takes what is left, so the
    principal parts sum to ``principal`` exactly.
    """
    if months < 1:
        message = f"a loan runs for at least one month, not {months}"
        raise ValueError(message)
    payment = annuity_payment(principal, annual_rate, months, currency)
    outstanding = principal
    for number in range(1, months + 1):
        interest = rounded(outstanding * annual_rate / 12, currency)
        part = outstanding if number == months else min(payment - interest, outstanding)
        outstanding -= part
        yield Instalment(number, add_months(granted_on, number), part, interest)


def instalments_due(granted_on: date, term_months: int, by: date) -> int:
    """Count the instalments of a loan that are due on or before a day."""
    months = (by.year - granted_on.year) * 12 + by.month - granted_on.month
    due = months + 1
    while due > 0 and add_months(granted_on, due) > by:
        due -= 1
    return min(max(due, 0), term_months)
