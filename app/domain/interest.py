"""Interest on deposits: day counts, and interest on demand, for a term, and broken off early.

Annual rates are fractions (0.0035 is 0.35 % a year). Periods take their first day along and leave
their last one out. Results are exact to ``ACCRUAL_UNIT`` and are rounded to the minor unit once,
when they are posted (app.domain.money). Sources, worked examples, and where a bank's practice
differs: docs/interest.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from types import MappingProxyType
from typing import Final

from app.domain.closed_set import ClosedSet
from app.domain.dates import add_months, months_between
from app.domain.money import Currency, rounded

# What accrued interest is kept to between two postings.
ACCRUAL_UNIT: Final = Decimal("1E-10")
# Enough for any balance times any number of days, before the one division.
_PRECISION: Final = 50
_DAYS_OF_MONTH: Final = 30


class DayCount(ClosedSet):
    """How the days of a period and of a year are counted for interest."""

    ACT_360 = "ACT_360", "Actual days over 360."
    ACT_365 = "ACT_365", "Actual days over 365, also in leap years."
    THIRTY_360 = "THIRTY_360", "Months of 30 days over 360 (30E/360)."
    MONTHS_360 = "MONTHS_360", "Whole months of 30 days, days beyond them as they are, over 360."


class AutoRenewal(ClosedSet):
    """What happens to a time deposit on the day it matures."""

    NONE = "NONE", "Principal and interest are paid out."
    PRINCIPAL = "PRINCIPAL", "The principal begins a new term; interest is paid out."
    PRINCIPAL_AND_INTEREST = (
        "PRINCIPAL_AND_INTEREST",
        "Principal and interest together begin a new term.",
    )


def _actual(start: date, end: date) -> int:
    return (end - start).days


def _thirty(start: date, end: date) -> int:
    months = (end.year - start.year) * 12 + end.month - start.month
    return months * _DAYS_OF_MONTH + min(end.day, 30) - min(start.day, 30)


def _whole_months(start: date, end: date) -> int:
    months = months_between(start, end)
    return months * _DAYS_OF_MONTH + (end - add_months(start, months)).days


_DAYS: Final[Mapping[DayCount, Callable[[date, date], int]]] = MappingProxyType(
    {
        DayCount.ACT_360: _actual,
        DayCount.ACT_365: _actual,
        DayCount.THIRTY_360: _thirty,
        DayCount.MONTHS_360: _whole_months,
    }
)
_YEAR: Final[Mapping[DayCount, int]] = MappingProxyType(
    dict.fromkeys(DayCount, 360) | {DayCount.ACT_365: 365}
)


def days(start: date, end: date, day_count: DayCount) -> int:
    """Count the days of interest from ``start`` (counted) to ``end`` (not counted).

    - ACT_360 and ACT_365: calendar days (2006 ISDA Definitions, section 4.16 (e) and (d)). Actual
      days over 360 is also how the People's Bank of China has balances accumulated (Yinfa (2005)
      No. 129, point 3 (1)).
    - THIRTY_360: ``360 (Y2 - Y1) + 30 (M2 - M1) + (D2 - D1)``, a 31st counted as a 30th at both
      ends: 30E/360, Eurobond basis (section 4.16 (g); ICMA rule 251).
    - MONTHS_360: whole months of 30 days from day to same day, or to a shorter month's last day,
      then calendar days (Yinfa (2005) No. 129, point 3 (2), formulas 1 and 2).

    Raises ValueError where ``end`` is before ``start``.
    """
    if end < start:
        message = f"interest runs forward: {end} is before {start}"
        raise ValueError(message)
    return _DAYS[day_count](start, end)


def demand_interest(balance_days: Decimal, annual_rate: Decimal, day_count: DayCount) -> Decimal:
    """Give the interest on a balance that changes, from its accumulated balance-days.

    ``balance_days`` is the sum over all days of the balance at each day's end. The interest is
    ``balance_days x annual_rate / days of a year``: the accumulated-balance method (ji shu ji xi
    fa) of the People's Bank of China, Yinfa (2005) No. 129, point 3 (1). Where the rate changes,
    each rate has its own balance-days. Not rounded to the minor unit.
    """
    with localcontext() as context:
        context.prec = _PRECISION
        interest = balance_days * annual_rate / _YEAR[day_count]
        return interest.quantize(ACCRUAL_UNIT, rounding=ROUND_HALF_EVEN)


def term_interest(
    principal: Decimal, annual_rate: Decimal, start: date, end: date, day_count: DayCount
) -> Decimal:
    """Give the simple interest on a principal that lies still from ``start`` to ``end``.

    ``principal x annual_rate x days / days of a year``, never compounded within a term: Yinfa
    (2005) No. 129, point 3 (2). Not rounded to the minor unit.
    """
    return demand_interest(principal * days(start, end, day_count), annual_rate, day_count)


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a time deposit: what lies still, from when to when, at the rate agreed."""

    principal: Decimal
    currency: Currency
    annual_rate: Decimal
    starts_on: date
    ends_on: date
    day_count: DayCount

    @property
    def interest(self) -> Decimal:
        """Interest of the whole term, in the currency's minor unit."""
        exact = term_interest(
            self.principal, self.annual_rate, self.starts_on, self.ends_on, self.day_count
        )
        return rounded(exact, self.currency)


@dataclass(frozen=True, slots=True)
class EarlyWithdrawal:
    """What a time deposit that is broken off pays, and what is left of it.

    ``interest`` is paid with ``withdrawn``, in the currency's minor unit; ``remaining`` stays for
    its term at its own rate.
    """

    withdrawn: Decimal
    interest: Decimal
    remaining: Decimal


def early_withdrawal(
    term: Term,
    withdrawn: Decimal,
    on: date,
    *,
    demand_rate: Decimal,
    demand_day_count: DayCount = DayCount.ACT_360,
) -> EarlyWithdrawal:
    """Pay out all or part of a time deposit before it matures, at the rate of demand deposits.

    What is taken out earns ``demand_rate`` as published on the day ``on``, from the term's start;
    the rest keeps the deposit's rate until it matures (Regulations on the Administration of
    Savings, State Council Order No. 107, article 24). Raises ValueError unless
    ``0 < withdrawn <= principal`` and ``on`` lies within the term, before its last day.
    """
    if not 0 < withdrawn <= term.principal:
        message = f"{withdrawn} cannot be taken out of {term.principal}"
        raise ValueError(message)
    if not term.starts_on <= on < term.ends_on:
        message = f"{on} is not within the term from {term.starts_on} to {term.ends_on}"
        raise ValueError(message)
    interest = term_interest(withdrawn, demand_rate, term.starts_on, on, demand_day_count)
    return EarlyWithdrawal(withdrawn, rounded(interest, term.currency), term.principal - withdrawn)


@dataclass(frozen=True, slots=True)
class Maturity:
    """What a time deposit does on the day it matures; amounts in the minor unit.

    ``interest`` is what the term earned; ``paid_out`` leaves the deposit, ``principal`` begins
    the next term. Without renewal ``principal`` is 0: there is no next term.
    """

    interest: Decimal
    paid_out: Decimal
    principal: Decimal


def mature(term: Term, renewal: AutoRenewal) -> Maturity:
    """Settle a time deposit whose term is over.

    The whole term earns the rate agreed when it began, whatever was published since (State
    Council Order No. 107, article 26). With renewal the next term begins on the day this one
    ends (article 25 excepts what was agreed to be renewed from the demand rate).
    """
    interest = term.interest
    if renewal is AutoRenewal.NONE:
        return Maturity(interest, term.principal + interest, Decimal(0))
    if renewal is AutoRenewal.PRINCIPAL:
        return Maturity(interest, interest, term.principal)
    return Maturity(interest, Decimal(0), term.principal + interest)


def matures_on(starts_on: date, term_months: int) -> date:
    """Give the day a term ends: the same day of the month, or the month's last where it is shorter.

    A term from 31 January for one month ends on 28 or 29 February (dui yue dui ri: the matching
    day of the matching month).
    """
    return add_months(starts_on, term_months)


def term_starts_on(opened_on: date, ends_on: date, term_months: int) -> date:
    """Give the first day of the term that ends on ``ends_on``, in a deposit renewed or not.

    Terms are counted in months from the day of opening, so a short month shortens none but its
    own: opened on 31 January for one month, the term that ends on 31 March began on 28 February.
    """
    return add_months(opened_on, months_between(opened_on, ends_on) - term_months)


def next_maturity(opened_on: date, ends_on: date, term_months: int) -> date:
    """Give the last day of the term that begins when the one ending on ``ends_on`` is renewed.

    Counted from the day of opening too: a deposit opened on the 31st matures at each month's end,
    not on the 28th for ever after its first February.
    """
    return add_months(opened_on, months_between(opened_on, ends_on) + term_months)
