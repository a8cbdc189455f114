"""Service: tickets, their history, and contacts with customers."""

from collections.abc import Mapping
from typing import Final

from app.domain.closed_set import ClosedSet


class TicketCategory(ClosedSet):
    """What a ticket is about."""

    CURRENT_ACCOUNT = "CURRENT_ACCOUNT", "Current (checking) accounts."
    SAVINGS_ACCOUNT = "SAVINGS_ACCOUNT", "Savings accounts."
    TIME_DEPOSIT = "TIME_DEPOSIT", "Time deposits and certificates of deposit."
    CREDIT_CARD = "CREDIT_CARD", "Credit cards."
    LOAN = "LOAN", "Loans."
    PAYMENT = "PAYMENT", "Payments and transfers."
    CHEQUE_CASHING = "CHEQUE_CASHING", "Cashing a cheque without an account."
    OTHER = "OTHER", "Any other product or service."


class TicketTopic(ClosedSet):
    """What a ticket is about, closer than its category; the sentence is its subject."""

    # A closed set, because a subject is neither encrypted nor hidden: what customers write about
    # themselves belongs into comments.
    CARD_LOST = "CARD_LOST", "Card lost or stolen"
    PAYMENT_UNKNOWN = "PAYMENT_UNKNOWN", "A payment I do not recognise"
    PAYMENT_MISSING = "PAYMENT_MISSING", "A payment has not arrived"
    CHARGE = "CHARGE", "Fees and interest"
    ACCESS = "ACCESS", "Signing in, or the app"
    DATA_CHANGE = "DATA_CHANGE", "Change of personal data"
    PRODUCT = "PRODUCT", "Question about a product"
    COMPLAINT = "COMPLAINT", "Complaint"
    ACCOUNT_FROZEN = "ACCOUNT_FROZEN", "Account is frozen"
    TRANSFER_UNUSUAL = "TRANSFER_UNUSUAL", "Transfer out of the ordinary"
    OTHER = "OTHER", "Something else"


# The queue of the service desk that a ticket waits in first.
QUEUES: Final[Mapping[TicketCategory, str]] = {
    TicketCategory.CURRENT_ACCOUNT: "ACCOUNTS",
    TicketCategory.SAVINGS_ACCOUNT: "ACCOUNTS",
    TicketCategory.TIME_DEPOSIT: "ACCOUNTS",
    TicketCategory.CREDIT_CARD: "CARDS",
    TicketCategory.LOAN: "LOANS",
    TicketCategory.PAYMENT: "PAYMENTS",
    TicketCategory.CHEQUE_CASHING: "GENERAL",
    TicketCategory.OTHER: "GENERAL",
}


class TicketStatus(ClosedSet):
    """How far a ticket has come."""

    OPEN = "OPEN", "Not yet taken up."
    IN_PROGRESS = "IN_PROGRESS", "Somebody works on it."
    WAITING_FOR_CUSTOMER = "WAITING_FOR_CUSTOMER", "The bank waits for the customer's answer."
    RESOLVED = "RESOLVED", "Answered; the customer may reopen it."
    CLOSED = "CLOSED", "Ended."


class TicketPriority(ClosedSet):
    """How urgent a ticket is, lowest first."""

    LOW = "LOW", "Can wait."
    NORMAL = "NORMAL", "In turn."
    HIGH = "HIGH", "Before others."
    URGENT = "URGENT", "At once."


class TicketResolution(ClosedSet):
    """How a ticket ended."""

    EXPLAINED = "EXPLAINED", "Closed with an explanation."
    MONETARY_RELIEF = "MONETARY_RELIEF", "Closed with money returned or paid."
    NON_MONETARY_RELIEF = "NON_MONETARY_RELIEF", "Closed with relief other than money."
    RELIEF = "RELIEF", "Closed with relief, kind not stated."
    NO_RELIEF = "NO_RELIEF", "Closed without relief."
    UNSPECIFIED = "UNSPECIFIED", "Closed; how is not stated."
    UNTIMELY_RESPONSE = "UNTIMELY_RESPONSE", "The response came too late."


class TicketEventKind(ClosedSet):
    """What happened to a ticket."""

    OPENED = "OPENED", "The customer's request arrived."
    ASSIGNED = "ASSIGNED", "It was given to somebody, or back to its queue."
    FORWARDED = "FORWARDED", "It was sent to the department in charge."
    REPLIED = "REPLIED", "A comment was added."
    COMMENTED = "COMMENTED", "Staff noted something for each other."
    STATUS_CHANGED = "STATUS_CHANGED", "Its status changed."
    ESCALATED = "ESCALATED", "It was made more urgent, or moved to another queue."
    DUE_SOON = "DUE_SOON", "Little time is left to answer it."
    BREACHED = "BREACHED", "It was not answered in time."
    RESOLVED = "RESOLVED", "It was answered."
    REOPENED = "REOPENED", "What was answered was not settled."
    CLOSED = "CLOSED", "It ended."
    RATED = "RATED", "The customer rated the service."


class Channel(ClosedSet):
    """How the bank and a customer meet."""

    BRANCH = "BRANCH", "In a branch."
    PHONE = "PHONE", "By telephone."
    SMS = "SMS", "By text message."
    EMAIL = "EMAIL", "By e-mail."
    WEB = "WEB", "In web banking or on the web site."
    MOBILE = "MOBILE", "In the mobile app."
    POST = "POST", "By letter."
    FAX = "FAX", "By fax."
    REFERRAL = "REFERRAL", "Passed on by an authority or another organisation."


class InteractionKind(ClosedSet):
    """What kind of contact with a customer is recorded."""

    CALL = "CALL", "A telephone call."
    REVIEW = "REVIEW", "A published review of a branch."
    VISIT = "VISIT", "A visit to a branch."
    MESSAGE = "MESSAGE", "A written message."


class CallOutcome(ClosedSet):
    """How a call ended."""

    AGENT = "AGENT", "Answered by an agent."
    HANG_UP = "HANG_UP", "The caller hung up before an agent answered."
    PHANTOM = "PHANTOM", "Nobody was on the line."


class CallPurpose(ClosedSet):
    """What the caller wanted, as the call centre's menu recorded it."""

    REGULAR = "REGULAR", "Regular business of a known customer."
    NEW_CUSTOMER = "NEW_CUSTOMER", "Interest in becoming a customer."
    STOCK_EXCHANGE = "STOCK_EXCHANGE", "Stock exchange business."
    CALL_BACK = "CALL_BACK", "The bank called back a customer who had left a message."
    INTERNET = "INTERNET", "Help with internet banking."
    REGULAR_ENGLISH = "REGULAR_ENGLISH", "Regular business, in English."
