"""Accounts and the ledger: closed sets of the double-entry book."""

from app.domain.closed_set import ClosedSet


class AccountKind(ClosedSet):
    """What an account is for."""

    DEMAND = "DEMAND", "Money on demand: current and savings accounts."
    TIME_DEPOSIT = "TIME_DEPOSIT", "Money for a fixed term at a fixed rate."
    LOAN = "LOAN", "What a borrower owes."
    INTERNAL = "INTERNAL", "The bank's own: cash, fees, interest, differences."


class AccountStatus(ClosedSet):
    """Whether an account takes business."""

    OPEN = "OPEN", "Takes business."
    FROZEN = "FROZEN", "Money may not leave."
    CLOSED = "CLOSED", "Takes no business."


class HolderRole(ClosedSet):
    """What somebody who did not open the account may do with it."""

    JOINT_HOLDER = "JOINT_HOLDER", "Owns it together with the owner."
    AUTHORISED_USER = "AUTHORISED_USER", "May use it; does not own it."


class InternalPurpose(ClosedSet):
    """The bank's internal accounts, each the other side of customers' postings."""

    CASH = "CASH", "Cash in the tills."
    CLEARING = "CLEARING", "Money from and to other banks."
    CARD_SETTLEMENT = "CARD_SETTLEMENT", "Card payments and withdrawals."
    INTEREST_EXPENSE = "INTEREST_EXPENSE", "Interest paid to customers."
    INTEREST_INCOME = "INTEREST_INCOME", "Interest charged to customers."
    FEE_INCOME = "FEE_INCOME", "Fees charged to customers."
    LOAN_SETTLEMENT = "LOAN_SETTLEMENT", "Loans paid out and repaid."
    ROUNDING_DIFFERENCE = "ROUNDING_DIFFERENCE", "Import differences of at most 0.20."
    UNEXPLAINED_DIFFERENCE = "UNEXPLAINED_DIFFERENCE", "Import differences above 0.20."


class TransactionKind(ClosedSet):
    """What a ledger entry records, as the customer would name it."""

    CASH_DEPOSIT = "CASH_DEPOSIT", "Cash paid in."
    CASH_WITHDRAWAL = "CASH_WITHDRAWAL", "Cash taken out."
    CARD_WITHDRAWAL = "CARD_WITHDRAWAL", "Cash taken out with a card."
    TRANSFER_IN = "TRANSFER_IN", "Money received from another account."
    TRANSFER_OUT = "TRANSFER_OUT", "Money sent to another account."
    PENSION = "PENSION", "Old-age pension received."
    HOUSEHOLD_PAYMENT = "HOUSEHOLD_PAYMENT", "Rent, utilities and other household bills paid."
    INSURANCE_PAYMENT = "INSURANCE_PAYMENT", "Insurance premium paid."
    LOAN_PAYMENT = "LOAN_PAYMENT", "Loan instalment paid."
    LEASING_PAYMENT = "LEASING_PAYMENT", "Leasing instalment paid."
    FEE = "FEE", "Fee charged by the bank, such as for statements."
    INTEREST_CREDITED = "INTEREST_CREDITED", "Interest paid by the bank."
    PENALTY_INTEREST = "PENALTY_INTEREST", "Interest charged on an overdrawn balance."
    LOAN_DISBURSEMENT = "LOAN_DISBURSEMENT", "Loan paid out."
    REVERSAL = "REVERSAL", "Correction of an earlier entry."
    ROUNDING_DIFFERENCE = (
        "ROUNDING_DIFFERENCE",
        "Import: brings the balance to the source's where the source was rounded.",
    )
    UNEXPLAINED_DIFFERENCE = (
        "UNEXPLAINED_DIFFERENCE",
        "Import: brings the balance to the source's where entries are missing there.",
    )


class HoldReason(ClosedSet):
    """Why money may not leave an account."""

    COURT_ORDER = "COURT_ORDER", "A court or an authority ordered it."
    INVESTIGATION = "INVESTIGATION", "The bank looks into it: fraud, money laundering."
    LOST_CREDENTIAL = "LOST_CREDENTIAL", "Card, pass-book or telephone were lost or stolen."
    CUSTOMER_REQUEST = "CUSTOMER_REQUEST", "The customer asked for it."


class InterestPosting(ClosedSet):
    """When interest that has accrued is posted."""

    MONTHLY = "MONTHLY", "On the 20th of each month, credited on the 21st."
    QUARTERLY = "QUARTERLY", "On the 20th of the last month of a quarter, credited on the 21st."
    AT_MATURITY = "AT_MATURITY", "When the term ends."


class StatementFrequency(ClosedSet):
    """How often account statements are issued."""

    MONTHLY = "MONTHLY", "Every month."
    WEEKLY = "WEEKLY", "Every week."
    AFTER_TRANSACTION = "AFTER_TRANSACTION", "After each transaction."
    NONE = "NONE", "Not issued."


class OrderPurpose(ClosedSet):
    """What a standing order pays."""

    HOUSEHOLD = "HOUSEHOLD", "Rent, utilities and other household bills."
    LOAN = "LOAN", "Loan instalments."
    INSURANCE = "INSURANCE", "Insurance premiums."
    LEASING = "LEASING", "Leasing instalments."
    OTHER = "OTHER", "Anything else, or not stated."


class OrderStatus(ClosedSet):
    """Whether a standing order is carried out."""

    ACTIVE = "ACTIVE", "Carried out when due."
    CANCELLED = "CANCELLED", "No longer carried out."


class OrderFrequency(ClosedSet):
    """How often a standing order is carried out."""

    WEEKLY = "WEEKLY", "Every week."
    MONTHLY = "MONTHLY", "Every month."
    QUARTERLY = "QUARTERLY", "Every three months."
    YEARLY = "YEARLY", "Every year."


class CardLevel(ClosedSet):
    """Product level of a payment card, lowest first."""

    STANDARD = "STANDARD", "VISA Standard."
    SIGNATURE = "SIGNATURE", "VISA Signature."
    INFINITE = "INFINITE", "VISA Infinite."


class CardStatus(ClosedSet):
    """Whether a card can be used."""

    ACTIVE = "ACTIVE", "Can be used."
    BLOCKED = "BLOCKED", "Stopped by the bank or the holder."
    EXPIRED = "EXPIRED", "Past its last month."
