"""Subscription to what happens on accounts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.db.events import Leg
from app.domain.happening import ORDER_EVENTS, AccountChange, OrderChange
from app.planner.declare import object_type, root_field
from app.planner.enums import graphql_enum
from app.planner.roots import Stream
from app.resolvers import account_activity
from app.resolvers.context import Context
from app.resolvers.following import Following, Happening
from app.schema.account import Account, Transaction
from app.schema.nodes import projection_of
from app.schema.problem import result
from app.schema.standing_order import StandingOrder
from app.schema.stream import (
    AT,
    After,
    ResyncRequired,
    StreamMessage,
    StreamPosition,
    position_of,
    standing,
)

for members in (AccountChange, OrderChange):
    graphql_enum(members)
_ACCOUNT = "The account, as it is now."


@object_type(public=True, description="Something was booked on an account.")
class TransactionBooked(StreamMessage):
    """Something was booked on an account."""

    recorded_at: datetime = strawberry.field(description=AT)
    made: strawberry.Private[Made]
    on: strawberry.Private[Made]
    transaction: Transaction | None = result(Transaction, "The booking.")
    account: Account | None = result(Account, _ACCOUNT, attribute="on")


@object_type(public=True, description="An account changed otherwise than by a booking alone.")
class AccountChanged(StreamMessage):
    """An account changed."""

    recorded_at: datetime = strawberry.field(description=AT)
    change: AccountChange = strawberry.field(description="What became of it.")
    on: strawberry.Private[Made]
    account: Account | None = result(Account, _ACCOUNT, attribute="on")


@object_type(public=True, description="A standing order changed, or was not carried out.")
class StandingOrderChanged(StreamMessage):
    """A standing order changed."""

    recorded_at: datetime = strawberry.field(description=AT)
    order_change: OrderChange = strawberry.field(description="What became of it.")
    made: strawberry.Private[Made]
    on: strawberry.Private[Made]
    standing_order: StandingOrder | None = result(StandingOrder, "The order, as it is now.")
    account: Account | None = result(Account, "The account that it pays from.", attribute="on")


AccountActivity = Annotated[
    TransactionBooked | AccountChanged | StandingOrderChanged | StreamPosition | ResyncRequired,
    strawberry.union("AccountActivity", description="What can happen to an account."),
]
OfAccount = Annotated[
    strawberry.ID | None, strawberry.argument(description="One account that you see.")
]
OfCustomer = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="All accounts that this customer owns, also later ones."),
]


async def _follow(context: Context, given: Mapping[str, Any]) -> Following | None:
    return await account_activity.follow(context, given, projection_of(Account))


async def _told(
    self: Any,
    info: Info[Context, None],
    account_id: OfAccount = strawberry.UNSET,
    customer_id: OfCustomer = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> AccountActivity | None:
    del account_id, customer_id, after
    stands = standing(info, self)
    if stands is not None or self is None:
        return stands
    assert isinstance(self, Happening)
    leg: Leg = self.what
    event = self.event
    common: dict[str, Any] = {
        "position": position_of(info, self),
        "recorded_at": event.recorded_at,
        "on": Made("acc", leg.owner, leg.account),
    }
    if leg.transaction is not None:
        return TransactionBooked(**common, made=Made("txn", leg.owner, leg.transaction))
    if event.name in ORDER_EVENTS:
        made = Made("sto", event.customer_id, event.subject_id)
        return StandingOrderChanged(**common, order_change=ORDER_EVENTS[event.name], made=made)
    return AccountChanged(**common, change=account_activity.change_of(event))


@strawberry.type
class AccountActivitySubscription:
    """What happens on accounts."""

    account_activity: AccountActivity | None = root_field(
        _told,
        requires=Permission.ACCOUNT_READ,
        root=Stream(_follow),
        description=(
            "What is booked on an account, or on all accounts that a customer owns, and what "
            "becomes of them. Give exactly one of `accountId` and `customerId`. The stream ends "
            "with FORBIDDEN where you see nothing of it, or nothing any more."
        ),
    )
