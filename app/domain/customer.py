"""Customers: the closed sets and rules of their profile."""

from datetime import date

from app.domain.closed_set import ClosedSet


class CustomerType(ClosedSet):
    """What kind of party a customer is."""

    INDIVIDUAL = "INDIVIDUAL", "A natural person."
    BUSINESS = "BUSINESS", "A company or other organisation."
    BANK = "BANK", "The bank itself: owner of its internal accounts."


class CustomerStatus(ClosedSet):
    """Where a customer stands with the bank."""

    ACTIVE = "ACTIVE", "May do business."
    DORMANT = "DORMANT", "No business for a long time."
    BLOCKED = "BLOCKED", "Business is stopped by the bank."
    CLOSED = "CLOSED", "No longer a customer."


class KycStatus(ClosedSet):
    """How far the bank has verified who the customer is (know your customer)."""

    VERIFIED = "VERIFIED", "Identity verified."
    PENDING = "PENDING", "Verification has begun."
    EXPIRED = "EXPIRED", "Verified once, due again."
    UNKNOWN = "UNKNOWN", "The source does not say."


class Gender(ClosedSet):
    """Gender as recorded with the customer's identity document."""

    FEMALE = "FEMALE", "Female."
    MALE = "MALE", "Male."
    OTHER = "OTHER", "Neither female nor male."


class Tier(ClosedSet):
    """Value tier of a customer, lowest first."""

    NORMAL = "NORMAL", "Everyday banking."
    SILVER = "SILVER", "Preferred customers."
    GOLD = "GOLD", "High-value customers."
    PLATINUM = "PLATINUM", "Private banking."


class RiskAppetite(ClosedSet):
    """Result of the investor's risk questionnaire, from most cautious to boldest."""

    C1 = "C1", "Conservative."
    C2 = "C2", "Cautious."
    C3 = "C3", "Balanced."
    C4 = "C4", "Growth."
    C5 = "C5", "Aggressive."


class CreditGrade(ClosedSet):
    """Internal credit grade, best first."""

    AAA = "AAA", "Extremely strong capacity to repay."
    AA = "AA", "Very strong capacity to repay."
    A = "A", "Strong capacity to repay."
    BBB = "BBB", "Adequate capacity to repay."
    BB = "BB", "Some doubt about the capacity to repay."
    B = "B", "Weak capacity to repay."
    C = "C", "Default is likely or has happened."


class RelationshipKind(ClosedSet):
    """How two customers are connected."""

    SHARES_ACCOUNT = "SHARES_ACCOUNT", "One may use an account that the other owns."
    SPOUSE = "SPOUSE", "Married or in a registered partnership."
    PARENT = "PARENT", "The other customer is this customer's parent."
    CHILD = "CHILD", "The other customer is this customer's child."
    EMPLOYER = "EMPLOYER", "The other customer employs this customer."
    EMPLOYEE = "EMPLOYEE", "This customer employs the other customer."


class ContactKind(ClosedSet):
    """What a contact value is."""

    PHONE = "PHONE", "A telephone number."
    EMAIL = "EMAIL", "An e-mail address."


class DataSource(ClosedSet):
    """Where a record came from."""

    BANK360 = "BANK360", "Entered here."
    RETAIL_BANK = "RETAIL_BANK", "Imported from the retail bank's files."
    LUXURY = "LUXURY", "Imported from the luxury loan portfolio."
    SEED = "SEED", "Invented for demonstration."


def age_in_years(born_on: date, at: date) -> int:
    """Give the completed years from ``born_on`` to ``at``.

    Someone born on 29 February completes a year on 1 March of a common year.
    """
    had_birthday = (at.month, at.day) >= (born_on.month, born_on.day)
    return at.year - born_on.year - (0 if had_birthday else 1)
