"""The bank's business day: what its end brings, when it is over, and when payments fall due."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from app.domain.account import InterestPosting, OrderFrequency
from app.domain.closed_set import ClosedSet
from app.domain.dates import add_months, months_between

ONE_DAY: Final = timedelta(days=1)
# A standing order without cover is tried on so many business days, the first one included.
ORDER_ATTEMPTS_MAX: Final = 5


class DayStep(ClosedSet):
    """What is done at the end of a business day, in this order."""

    INTEREST = "INTEREST", "Interest of the day that ended is accrued."
    POSTING = "POSTING", "Accrued interest is credited where the product's period ended."
    MATURITIES = "MATURITIES", "Time deposits whose term is over are paid out or renewed."
    STANDING_ORDERS = "STANDING_ORDERS", "Standing orders that are due are paid."
    INTERNAL_ACCOUNTS = "INTERNAL_ACCOUNTS", "The bank's own accounts are summed and closed."
    APPROVALS = "APPROVALS", "Requests that nobody approved in time are ended."
    PROMISES = "PROMISES", "Promises of what transfers are asked for are forgotten once expired."
    IDEMPOTENCY_KEYS = "IDEMPOTENCY_KEYS", "Outcomes of commands past their time are forgotten."
    TICKETS = "TICKETS", "Answered tickets that cannot be reopened any more are closed."


class OrderOutcome(ClosedSet):
    """What became of one payment of a standing order."""

    PAID = "PAID", "It was paid."
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS", "The account had not enough available."
    ACCOUNT_FROZEN = "ACCOUNT_FROZEN", "Money may not leave the account."
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED", "The account is closed."
    PAYEE_NOT_FOUND = "PAYEE_NOT_FOUND", "The bank has no such account to pay to."
    PAYEE_CLOSED = "PAYEE_CLOSED", "The account to pay to is closed."
    WRONG_CURRENCY = "WRONG_CURRENCY", "The account to pay to, or from, has another currency."


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the bank's time stands.

    ``follows_calendar`` moves the business date with the calendar; ``run_to`` is the day that a
    test clock was told to move it to.
    """

    current_on: date
    follows_calendar: bool
    run_to: date | None

    def is_over(self, today: date) -> bool:
        """Tell whether the current business day is over, ``today`` being the calendar's day."""
        calendar = self.follows_calendar and self.current_on < today
        return calendar or (self.run_to is not None and self.current_on < self.run_to)

    def days_due(self, today: date) -> int:
        """Count the business days that are over and not closed yet."""
        until = max(
            self.current_on,
            today if self.follows_calendar else self.current_on,
            self.run_to or self.current_on,
        )
        return (until - self.current_on).days


# "Every quarter's last month": Yinfa (2005) No. 129, point 1; docs/interest.md.
_SETTLEMENT_DAY: Final = 20
_MONTHS_OF_QUARTER: Final = 3


def is_settled_after(posting: InterestPosting, on: date) -> bool:
    """Tell whether a period of interest on demand ends with a day, to be credited the next day."""
    if on.day != _SETTLEMENT_DAY or posting is InterestPosting.AT_MATURITY:
        return False
    return posting is InterestPosting.MONTHLY or on.month % _MONTHS_OF_QUARTER == 0


def _after_months(months: int) -> Callable[[date, date], date]:
    def following(anchor: date, due: date) -> date:
        return add_months(anchor, months_between(anchor, due) + months)

    return following


_FOLLOWING: Final[Mapping[OrderFrequency, Callable[[date, date], date]]] = MappingProxyType(
    {
        OrderFrequency.WEEKLY: lambda _anchor, due: due + timedelta(weeks=1),
        OrderFrequency.MONTHLY: _after_months(1),
        OrderFrequency.QUARTERLY: _after_months(3),
        OrderFrequency.YEARLY: _after_months(12),
    }
)


def next_due(frequency: OrderFrequency, first_on: date | None, due: date) -> date:
    """Give the day of a standing order's payment after the one that is due on ``due``.

    Months are counted from ``first_on``, so that an order of the 31st is paid at each month's end
    and not on the 28th for ever after a February; where it is not known, from ``due`` itself.
    """
    anchor = first_on if first_on is not None and first_on <= due else due
    return _FOLLOWING[frequency](anchor, due)
