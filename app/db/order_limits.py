"""What keeps orders within the limits of customers (app.auth.limits).

Above those of posts a second person is asked: app.db.second_person.
"""

from decimal import Decimal
from typing import Final

from app.auth.limits import CustomerLimit, customer_limit
from app.auth.permissions import Role
from app.db.accounts import Locked
from app.db.unit_of_work import Unit
from app.domain.money import Currency
from app.domain.problem import Problem, ProblemCode

_FIELD: Final = "amount.amount"

# No row comes back where the sum of the day would be above the limit.
_COUNT: Final = """
insert into daily_outgoing (customer_id, ordered_on, currency, amount, to_new)
values ($1, $2, $3, $4, $6)
on conflict (customer_id, ordered_on, currency)
do update set amount = daily_outgoing.amount + excluded.amount,
    to_new = daily_outgoing.to_new + excluded.to_new
where daily_outgoing.amount + excluded.amount <= $5
returning amount
"""


def check_customer(
    unit: Unit,
    locked: Locked,
    amount: Decimal,
    currency: Currency,
    promised: CustomerLimit | None = None,
) -> CustomerLimit | None:
    """Refuse what a customer may not pay to others with one order; gives the customer's limit.

    Limits that were ``promised`` hold where they are higher than those of now. What staff book for
    a customer has their own limits.
    """
    if unit.maker.role is not Role.CUSTOMER or locked.orderer_tier is None:
        return None
    limit = customer_limit(locked.orderer_tier, currency)
    if promised is not None:
        limit = CustomerLimit(max(limit.order, promised.order), max(limit.day, promised.day))
    if amount > limit.order:
        raise Problem(ProblemCode.LIMIT_EXCEEDED, _FIELD)
    return limit


async def count_customer(
    unit: Unit,
    locked: Locked,
    amount: Decimal,
    currency: Currency,
    *,
    promised: CustomerLimit | None = None,
    is_to_new: bool = False,
) -> None:
    """Count what a customer pays to others; refuses what is above an order's or the day's limit."""
    limit = check_customer(unit, locked, amount, currency, promised)
    if limit is None:
        return
    to_new = amount if is_to_new else Decimal(0)
    values = (unit.viewer.customer_id, locked.today, currency, amount, limit.day, to_new)
    if not await unit.fetch(_COUNT, *values):
        raise Problem(ProblemCode.LIMIT_EXCEEDED, _FIELD)
