"""Following accounts: what is booked on them, and what becomes of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.auth.permissions import Access, Permission, access
from app.db.events import Event, Topic, TopicKind
from app.domain.happening import ACCOUNT_EVENTS, HELD_FIELD, HOLD_EVENTS, AccountChange
from app.planner.loaders import load_row
from app.planner.projection import Projection
from app.resolvers.context import Context
from app.resolvers.following import Following, Happening, UnseenError, id_given, one_of

_ACCOUNT: Final = "accountId"
_CUSTOMER: Final = "customerId"


async def follow(
    context: Context, given: Mapping[str, Any], accounts: Projection
) -> Following | None:
    """Follow one account, or all accounts that a customer owns; None where none is seen."""
    name, text = one_of(given, _ACCOUNT, _CUSTOMER)
    if name == _ACCOUNT:
        account = id_given(context, name, text, "acc")
        if await load_row(context.reader, accounts, account.owner, account.id, ()) is None:
            return None
        topic = Topic(TopicKind.ACCOUNT, account.id)
    else:
        customer = id_given(context, name, text, "cus").id
        if not await context.reader.sees(customer):
            return None
        topic = Topic(TopicKind.ACCOUNTS_OF_CUSTOMER, customer)

    async def tell(now: Context, event: Event) -> Sequence[Happening]:
        if _is_hold(event) and not _sees_holds(now):
            return []
        # An account may be held with others, or used by somebody else.
        legs = [leg for leg in event.legs if topic.of in {leg.account, leg.owner}]
        sees = await now.reader.sees(legs[0].owner)
        for leg in legs:
            found = sees or await load_row(now.reader, accounts, leg.owner, leg.account, ())
            if not found:
                raise UnseenError
        return [
            Happening(event, number, leg, personal=not sees) for number, leg in enumerate(legs, 1)
        ]

    return Following(frozenset({topic}), tell)


def change_of(event: Event) -> AccountChange:
    """Give what an event that is no booking changes of an account."""
    return (HOLD_EVENTS if _is_hold(event) else ACCOUNT_EVENTS)[event.name]


def _is_hold(event: Event) -> bool:
    return event.name in HOLD_EVENTS and HELD_FIELD in event.fields


def _sees_holds(context: Context) -> bool:
    """Tell whether a post sees what is held: customers are not told that the bank looks into it."""
    viewer = context.viewer
    strong = viewer.strongly_authenticated
    return access(Permission.HOLD_READ, viewer.role, strong=strong) is Access.CLEAR
