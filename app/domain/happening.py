"""What subscriptions tell of, by the names of audit records' events."""

from typing import Final

from app.domain.closed_set import ClosedSet


class AccountChange(ClosedSet):
    """What became of an account, beside bookings on it."""

    OPENED = "OPENED", "It was opened."
    CLOSED = "CLOSED", "It was closed."
    FROZEN = "FROZEN", "Money may not leave it any more."
    UNFROZEN = "UNFROZEN", "Money may leave it again."
    HELD = "HELD", "An amount may not leave it; told to posts that see what is held."
    RELEASED = "RELEASED", "An amount may leave it again; told to posts that see what is held."
    DEPOSIT_OPENED = "DEPOSIT_OPENED", "A time deposit was opened with money of it, or as it."
    DEPOSIT_WITHDRAWN = "DEPOSIT_WITHDRAWN", "A time deposit was paid out before its end."
    DEPOSIT_MATURED = "DEPOSIT_MATURED", "A time deposit came to its end and was paid out."
    DEPOSIT_RENEWED = "DEPOSIT_RENEWED", "A time deposit came to its end and began anew."
    INTEREST_POSTED = "INTEREST_POSTED", "Interest was posted."


class OrderChange(ClosedSet):
    """What became of a standing order."""

    CREATED = "CREATED", "It was given."
    CANCELLED = "CANCELLED", "It was ended."
    REFUSED = "REFUSED", "A payment of it was due and was not made."


class ApprovalChange(ClosedSet):
    """What became of a request for a second person."""

    REQUESTED = "REQUESTED", "Somebody asked; it waits for a second person."
    APPROVED = "APPROVED", "A second person approved it, and it was carried out."
    REJECTED = "REJECTED", "A second person rejected it."
    WITHDRAWN = "WITHDRAWN", "Whoever asked took it back."
    STALE = "STALE", "What it rested upon had changed when it was to be approved."
    EXPIRED = "EXPIRED", "Nobody decided in time."


class ResyncReason(ClosedSet):
    """Why missed events are not told one by one."""

    RETENTION = "RETENTION", "They are older than the bank keeps them for subscribers."
    TOO_MANY = "TOO_MANY", "There are too many of them: reading what is there now is quicker."
    UNKNOWN = "UNKNOWN", "The bank does not know the position, as after it was restored."


# Whose subject is an account.
ACCOUNT_EVENTS: Final = {
    "account.opened": AccountChange.OPENED,
    "account.closed": AccountChange.CLOSED,
    "account.frozen": AccountChange.FROZEN,
    "account.unfrozen": AccountChange.UNFROZEN,
    "deposit.opened": AccountChange.DEPOSIT_OPENED,
    "deposit.withdrawn": AccountChange.DEPOSIT_WITHDRAWN,
    "deposit.matured": AccountChange.DEPOSIT_MATURED,
    "deposit.renewed": AccountChange.DEPOSIT_RENEWED,
    "interest.posted": AccountChange.INTEREST_POSTED,
}
# The same of an amount, which the record's fields tell from the whole account.
HELD_FIELD: Final = "held"
HOLD_EVENTS: Final = {
    "account.frozen": AccountChange.HELD,
    "account.unfrozen": AccountChange.RELEASED,
}
# Whose subject is one booking of the entry that they tell of.
BOOKING_EVENTS: Final = frozenset(
    {"cash.deposited", "cash.withdrawn", "transfer.booked", "transaction.reversed"}
)
# Whose subject is a standing order; the first of them booked an entry.
ORDER_PAID: Final = "standing_order.paid"
ORDER_EVENTS: Final = {
    "standing_order.created": OrderChange.CREATED,
    "standing_order.cancelled": OrderChange.CANCELLED,
    "standing_order.refused": OrderChange.REFUSED,
}
# Whose subject is a request for a second person.
APPROVAL_EVENTS: Final = {
    "approval.requested": ApprovalChange.REQUESTED,
    "approval.approved": ApprovalChange.APPROVED,
    "approval.rejected": ApprovalChange.REJECTED,
    "approval.withdrawn": ApprovalChange.WITHDRAWN,
    "approval.stale": ApprovalChange.STALE,
    "approval.expired": ApprovalChange.EXPIRED,
}
