"""Who was shown what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.db.exposure import Exposed, exposures
from app.planner.errors import bad_input, too_large
from app.resolvers.context import Context

_LINES_MAX: Final = 1_000


async def exposed(
    context: Context, customer_ids: Sequence[str], since: datetime, until: datetime
) -> list[Exposed]:
    """Give who was shown what of some customers from ``since`` until before ``until``.

    Refuses ids that are not of customers, too many of them, a time that ends before it begins, and
    an answer of more than 1,000 lines.
    """
    size_max = context.reader.page_size_max
    if len(customer_ids) > size_max:
        message = f"exposure: {len(customer_ids)} customers; at most {size_max}"
        raise too_large(message)
    wanted = [context.reader.identities.read(each) for each in customer_ids]
    if any(each.prefix != "cus" for each in wanted):
        message = "exposure(customerIds): ids that begin with 'cus_' are needed here"
        raise bad_input(message)
    if until <= since:
        message = "exposure: 'to' is not after 'from'"
        raise bad_input(message)
    customers = [each.id for each in wanted]
    found = await exposures(context.reader.run, customers, since, until, _LINES_MAX + 1)
    if len(found) > _LINES_MAX:
        message = (
            f"exposure: more than {_LINES_MAX:,} lines; ask for fewer customers or a shorter time"
        )
        raise too_large(message)
    return found
