"""What customers do: where their money goes, and over which period that is asked."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from app.domain.account import TransactionKind
from app.domain.closed_set import ClosedSet

# The longest period that may be asked for at once: ten years.
PERIOD_DAYS_MAX: Final = 3_653


class SpendingCategory(ClosedSet):
    """What money was spent on."""

    HOUSEHOLD = "HOUSEHOLD", "Rent, utilities and other household bills."
    INSURANCE = "INSURANCE", "Insurance premiums."
    CREDIT = "CREDIT", "Instalments of loans and leases."
    CASH = "CASH", "Cash, at a counter or with a card."
    TRANSFER = "TRANSFER", "Transfers to others."
    FEE = "FEE", "Fees and penalty interest charged by the bank."


CATEGORIES: Final[Mapping[TransactionKind, SpendingCategory]] = {
    TransactionKind.HOUSEHOLD_PAYMENT: SpendingCategory.HOUSEHOLD,
    TransactionKind.INSURANCE_PAYMENT: SpendingCategory.INSURANCE,
    TransactionKind.LOAN_PAYMENT: SpendingCategory.CREDIT,
    TransactionKind.LEASING_PAYMENT: SpendingCategory.CREDIT,
    TransactionKind.CASH_WITHDRAWAL: SpendingCategory.CASH,
    TransactionKind.CARD_WITHDRAWAL: SpendingCategory.CASH,
    TransactionKind.TRANSFER_OUT: SpendingCategory.TRANSFER,
    TransactionKind.FEE: SpendingCategory.FEE,
    TransactionKind.PENALTY_INTEREST: SpendingCategory.FEE,
}


def period_fault(starts_on: date | None, ends_on: date | None) -> str | None:
    """Say what is wrong with a period, or None; an end that is not given fits any beginning."""
    if starts_on is None or ends_on is None:
        return None
    if starts_on > ends_on:
        return f"the period begins on {starts_on}, after its end on {ends_on}"
    if (ends_on - starts_on).days >= PERIOD_DAYS_MAX:
        return f"the period from {starts_on} to {ends_on} is longer than ten years"
    return None
