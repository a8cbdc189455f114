"""Time deposits that end: what they pay out, when the term is over and before."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.domain.interest import DayCount, Term, early_withdrawal, term_interest
from app.domain.money import rounded


@dataclass(frozen=True)
class DemandTerms:
    """What the bank pays on demand: for money that leaves a time deposit before its end."""

    annual_rate: Decimal
    day_count: DayCount


def interest_of(term: Term, withdrawn: Decimal, on: date, demand: DemandTerms) -> Decimal:
    """Give the interest that is paid with ``withdrawn``, rounded to the minor unit.

    Before the term's end it is that of a demand deposit from the term's first day (see
    `early_withdrawal`). From the end on it is the term's own, and that of a demand deposit for the
    days after the end, for which nothing was agreed (Regulations on the Administration of Savings,
    State Council Order No. 107, articles 24 and 25).
    """
    if on < term.ends_on:
        return early_withdrawal(
            term,
            withdrawn,
            on,
            demand_rate=demand.annual_rate,
            demand_day_count=demand.day_count,
        ).interest
    of_term = term_interest(
        withdrawn, term.annual_rate, term.starts_on, term.ends_on, term.day_count
    )
    after = term_interest(withdrawn, demand.annual_rate, term.ends_on, on, demand.day_count)
    return rounded(of_term + after, term.currency)
