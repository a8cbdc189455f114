"""Everything that can be followed: the subscriptions of every noun in one type."""

import strawberry

from app.schema.account_activity import AccountActivitySubscription
from app.schema.approval_inbox import ApprovalInboxSubscription
from app.schema.ticket_updated import TicketUpdatedSubscription


@strawberry.type(
    description=(
        "Everything that can be followed: over graphql-transport-ws, Server-Sent Events, or "
        "multipart responses. Each event is told once and in order, with a `position` to go on "
        "from after a break."
    )
)
class Subscription(
    AccountActivitySubscription, ApprovalInboxSubscription, TicketUpdatedSubscription
):
    """Everything that can be followed."""
