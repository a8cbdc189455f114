"""Following accounts: what is booked on them, and what becomes of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.db.events import Event, Topic, TopicKind
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
