"""Following accounts: what is booked on them, and what becomes of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.db.events import Event, Leg, Topic, TopicKind
from app.planner.global_id import GlobalId
from app.planner.loaders import load_row
from app.planner.projection import Projection
from app.resolvers.context import Context
from app.resolvers.following import Following, Happening, UnseenError, id_given, one_of

_ACCOUNT: Final = "accountId"
_CUSTOMER: Final = "customerId"


async def follow(
    context: Context, given: Mapping[str, Any], accounts: Projection, customers: Projection
) -> Following | None:
    """Follow one account, or all accounts that a customer owns; None where none is seen."""
    name, text = one_of(given, _ACCOUNT, _CUSTOMER)
    if name == _ACCOUNT:
        account = id_given(context, name, text, "acc")
        if not await _sees(context, accounts, account):
            return None
        topic = Topic(TopicKind.ACCOUNT, account.id)
    else:
        customer = id_given(context, name, text, "cus")
        if not await _sees(context, customers, customer):
            return None
        topic = Topic(TopicKind.ACCOUNTS_OF_CUSTOMER, customer.id)

    async def tell(now: Context, event: Event) -> Sequence[Happening]:
        legs = [leg for leg in event.legs if topic.of in {leg.account, leg.owner}]
        for leg in legs:
            if not await _sees(now, accounts, GlobalId("acc", leg.owner, leg.account)):
                raise UnseenError
        return _happenings(event, legs)

    return Following(frozenset({topic}), tell)


async def _sees(context: Context, projection: Projection, wanted: GlobalId) -> bool:
    row = await load_row(context.reader, projection, wanted.owner, wanted.id, ())
    return row is not None


def _happenings(event: Event, legs: Sequence[Leg]) -> Sequence[Happening]:
    return [Happening(event, number, leg) for number, leg in enumerate(legs, 1)]
