"""What the codes of the retail bank's files stand for; pure tables, documented in docs/."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.account import (
    CardLevel,
    InternalPurpose,
    OrderPurpose,
    StatementFrequency,
    TransactionKind,
)
from app.domain.customer import Gender, Tier
from app.domain.loan import LoanPurpose, LoanStatus
from app.domain.service import (
    CallOutcome,
    CallPurpose,
    Channel,
    TicketCategory,
    TicketResolution,
    TicketStatus,
)


@dataclass(frozen=True, slots=True)
class Booking:
    """How a transaction of the file is booked: its kind, its other side, and how it came in."""

    kind: TransactionKind
    against: InternalPurpose
    channel: Channel | None = None


DIRECTIONS: Final[Mapping[str, int]] = {"PRIJEM": 1, "VYDAJ": -1, "VYBER": -1}

_CASH_OUT: Final = Booking(TransactionKind.CASH_WITHDRAWAL, InternalPurpose.CASH, Channel.BRANCH)
_TRANSFER_OUT: Final = Booking(TransactionKind.TRANSFER_OUT, InternalPurpose.CLEARING)

# By type, operation and k_symbol. A household payment with the operation VYBER left the account
# as cash at the counter, so its other side is CASH.
BOOKINGS: Final[Mapping[tuple[str, str, str], Booking]] = {
    ("PRIJEM", "VKLAD", ""): Booking(
        TransactionKind.CASH_DEPOSIT, InternalPurpose.CASH, Channel.BRANCH
    ),
    ("PRIJEM", "PREVOD Z UCTU", ""): Booking(TransactionKind.TRANSFER_IN, InternalPurpose.CLEARING),
    ("PRIJEM", "PREVOD Z UCTU", "DUCHOD"): Booking(
        TransactionKind.PENSION, InternalPurpose.CLEARING
    ),
    ("PRIJEM", "", "UROK"): Booking(
        TransactionKind.INTEREST_CREDITED, InternalPurpose.INTEREST_EXPENSE
    ),
    ("VYDAJ", "VYBER", ""): _CASH_OUT,
    ("VYBER", "VYBER", ""): _CASH_OUT,
    ("VYDAJ", "VYBER", "SIPO"): Booking(
        TransactionKind.HOUSEHOLD_PAYMENT, InternalPurpose.CASH, Channel.BRANCH
    ),
    ("VYDAJ", "VYBER", "SLUZBY"): Booking(TransactionKind.FEE, InternalPurpose.FEE_INCOME),
    ("VYDAJ", "VYBER", "SANKC. UROK"): Booking(
        TransactionKind.PENALTY_INTEREST, InternalPurpose.INTEREST_INCOME
    ),
    ("VYDAJ", "VYBER KARTOU", ""): Booking(
        TransactionKind.CARD_WITHDRAWAL, InternalPurpose.CARD_SETTLEMENT
    ),
    ("VYDAJ", "PREVOD NA UCET", ""): _TRANSFER_OUT,
    ("VYDAJ", "PREVOD NA UCET", "SIPO"): Booking(
        TransactionKind.HOUSEHOLD_PAYMENT, InternalPurpose.CLEARING
    ),
    ("VYDAJ", "PREVOD NA UCET", "POJISTNE"): Booking(
        TransactionKind.INSURANCE_PAYMENT, InternalPurpose.CLEARING
    ),
    ("VYDAJ", "PREVOD NA UCET", "UVER"): Booking(
        TransactionKind.LOAN_PAYMENT, InternalPurpose.LOAN_SETTLEMENT
    ),
}

GENDERS: Final[Mapping[str, Gender]] = {"Female": Gender.FEMALE, "Male": Gender.MALE}

STATEMENTS: Final[Mapping[str, StatementFrequency]] = {
    "Monthly Issuance": StatementFrequency.MONTHLY,
    "Weekly Issuance": StatementFrequency.WEEKLY,
    "Issuance After Transaction": StatementFrequency.AFTER_TRANSACTION,
}

CARD_LEVELS: Final[Mapping[str, CardLevel]] = {
    "VISA Standard": CardLevel.STANDARD,
    "VISA Signature": CardLevel.SIGNATURE,
    "VISA Infinite": CardLevel.INFINITE,
}

TIERS: Final[Mapping[CardLevel, Tier]] = {
    CardLevel.STANDARD: Tier.NORMAL,
    CardLevel.SIGNATURE: Tier.SILVER,
    CardLevel.INFINITE: Tier.GOLD,
}

ORDER_PURPOSES: Final[Mapping[str, OrderPurpose]] = {
    "Household Payment": OrderPurpose.HOUSEHOLD,
    "Loan Payment": OrderPurpose.LOAN,
    "Insurance Payment": OrderPurpose.INSURANCE,
    "Leasing Payment": OrderPurpose.LEASING,
    "": OrderPurpose.OTHER,
}

LOAN_STATES: Final[Mapping[str, LoanStatus]] = {
    "A": LoanStatus.PAID_OFF,
    "B": LoanStatus.DEFAULTED,
    "C": LoanStatus.ACTIVE,
    "D": LoanStatus.IN_ARREARS,
}

LOAN_PURPOSES: Final[Mapping[str, LoanPurpose]] = {
    "home": LoanPurpose.HOME,
    "home_improvement": LoanPurpose.HOME_IMPROVEMENT,
    "car": LoanPurpose.CAR,
    "debt_consolidation": LoanPurpose.DEBT_CONSOLIDATION,
}

LUXURY_PURPOSES: Final[Mapping[str, LoanPurpose]] = {
    "home": LoanPurpose.HOME,
    "investment property": LoanPurpose.INVESTMENT_PROPERTY,
    "commerical property": LoanPurpose.COMMERCIAL_PROPERTY,  # The file's own spelling.
    "commercial property": LoanPurpose.COMMERCIAL_PROPERTY,
    "boat": LoanPurpose.BOAT,
    "plane": LoanPurpose.PLANE,
}

CARD_PRODUCT: Final = "Credit card"
COMPLAINT_PRODUCTS: Final[Mapping[str, TicketCategory | None]] = {
    CARD_PRODUCT: TicketCategory.CREDIT_CARD,
    "Bank account or service": None,  # The sub-product says more.
}

ACCOUNT_SUB_PRODUCTS: Final[Mapping[str, TicketCategory]] = {
    "Checking account": TicketCategory.CURRENT_ACCOUNT,
    "Savings account": TicketCategory.SAVINGS_ACCOUNT,
    "(CD) Certificate of deposit": TicketCategory.TIME_DEPOSIT,
    "Cashing a check without an account": TicketCategory.CHEQUE_CASHING,
    "Other bank product/service": TicketCategory.OTHER,
}

COMPLAINT_CHANNELS: Final[Mapping[str, Channel]] = {
    "Web": Channel.WEB,
    "Referral": Channel.REFERRAL,
    "Phone": Channel.PHONE,
    "Postal mail": Channel.POST,
    "Fax": Channel.FAX,
    "Email": Channel.EMAIL,
}

RESPONSES: Final[Mapping[str, tuple[TicketStatus, TicketResolution | None]]] = {
    "In progress": (TicketStatus.IN_PROGRESS, None),
    "Closed": (TicketStatus.CLOSED, TicketResolution.UNSPECIFIED),
    "Closed with explanation": (TicketStatus.CLOSED, TicketResolution.EXPLAINED),
    "Closed with monetary relief": (TicketStatus.CLOSED, TicketResolution.MONETARY_RELIEF),
    "Closed with non-monetary relief": (
        TicketStatus.CLOSED,
        TicketResolution.NON_MONETARY_RELIEF,
    ),
    "Closed with relief": (TicketStatus.CLOSED, TicketResolution.RELIEF),
    "Closed without relief": (TicketStatus.CLOSED, TicketResolution.NO_RELIEF),
    "Untimely response": (TicketStatus.CLOSED, TicketResolution.UNTIMELY_RESPONSE),
}

YES_NO: Final[Mapping[str, bool]] = {"Yes": True, "No": False}

# Meanings by Guedj and Mandelbaum, "'Anonymous Bank' Call-Center Data" (Technion, 2000), whose
# call log the file was made from.
CALL_PURPOSES: Final[Mapping[str, CallPurpose | None]] = {
    "PS": CallPurpose.REGULAR,
    "PE": CallPurpose.REGULAR_ENGLISH,
    "IN": CallPurpose.INTERNET,
    "NE": CallPurpose.STOCK_EXCHANGE,
    "NW": CallPurpose.NEW_CUSTOMER,
    "TT": CallPurpose.CALL_BACK,
    "": None,
}

CALL_OUTCOMES: Final[Mapping[str, CallOutcome | None]] = {
    "AGENT": CallOutcome.AGENT,
    "HANG": CallOutcome.HANG_UP,
    "PHANTOM": CallOutcome.PHANTOM,
    "": None,
}

CALL_PRIORITIES: Final[Mapping[str, int | None]] = {"0": 0, "1": 1, "2": 2, "": None}
# In the call centre 2 marks a priority customer; 0 and 1 are regular or not identified.
PRIORITY_CUSTOMER: Final = 2

NO_SERVER: Final = "NO_SERVER"
