"""What a transfer is asked for, decided from what the bank knows: for the query and the transfer.

Staff are asked by the limit of their post. Customers are asked by what one statement reads: their
tier, the payee, what they paid to new payees today, and the account's past.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import orjson

from app.auth.limits import CustomerLimit, customer_limit, ease, needs_second, post_limit
from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.accounts import AccountKey
from app.db.blind_index import BlindIndex
from app.db.lookup import Fetch
from app.domain.customer import Tier
from app.domain.money import Currency
from app.domain.payment import PayeeAccount
from app.domain.requirement import (
    PAST_DAYS,
    Past,
    Payment,
    Reason,
    Requirement,
    RequirementReason,
    TransferStep,
    required,
)

_DAY_SECONDS: Final = 24 * 60 * 60
_NEAR_SECONDS: Final = 2 * 60 * 60

# Times of day count modulo a day; a booking at midnight sharp has none that is known. Between own
# accounts nothing left: such an entry has another leg of the same customer. Bookings are found by
# when they were booked, from the earlier of the two clocks on, and counted by the business date.
_FACTS: Final = f"""
with today as (select coalesce((select current_on from business_date), current_date) as day),
destination as (
    select $3::bytea as digest, $4::text as bank where $3 is not null
    union all
    select digest, null from account_number_index where customer_id = $5 and account_id = $6
    union all
    select number_digest, bank from payee where customer_id = $7 and id = $8
    limit 1
),
past as (
    select amount, booked_at, second, abs(second - extract(epoch from now())::bigint
        % {_DAY_SECONDS}) as apart
    from (
        select posting.*, extract(epoch from booked_at)::bigint % {_DAY_SECONDS} as second
        from posting
        where customer_id = $1 and account_id = $2 and kind = 'TRANSFER_OUT' and amount < 0
            and booked_at >= (
                select least(now(), day) - interval '{PAST_DAYS + 1} days' from today
            )
            and value_on > (select day - {PAST_DAYS} from today)
    ) as outgoing
    where not exists (
        select from posting as other
        where other.entry_id = outgoing.entry_id and other.customer_id = $1 and other.amount > 0
    )
)
select now() as at, orderer.tier, kept.added_at, coalesce(kept.times_paid, 0) as times_paid,
    coalesce(daily.to_new, 0) as to_new,
    destination.bank is null and exists (
        select from account_number_index
        where account_number_index.digest = destination.digest and customer_id = $1
    ) as is_own,
    (select array[
        count(*),
        count(*) filter (where second <> 0),
        count(*) filter (
            where second <> 0 and least(apart, {_DAY_SECONDS} - apart) <= {_NEAR_SECONDS}
        ),
        count(*) filter (where booked_at > now() - interval '1 hour')
    ] from past) as counts,
    (select percentile_disc(0.9) within group (order by -amount) from past) as usual
from customer as orderer
cross join today
left join destination on true
left join payee as kept on kept.customer_id = orderer.id
    and kept.number_digest = destination.digest and kept.bank is not distinct from destination.bank
left join daily_outgoing as daily on daily.customer_id = orderer.id
    and daily.ordered_on = today.day and daily.currency = $10
where orderer.id = $9
"""


@dataclass(frozen=True)
class Terms:
    """All that makes a transfer the one that was asked about; the amount in its minor unit.

    It goes to one of an account that the viewer sees, a kept payee, or a number and name.
    """

    payer: AccountKey
    amount: Decimal
    currency: Currency
    account: AccountKey | None = None
    payee: AccountKey | None = None
    given: PayeeAccount | None = None

    @property
    def digest(self) -> bytes:
        """Equal for equal transfers only."""
        return sha256(orjson.dumps(self, default=str)).digest()


@dataclass(frozen=True)
class Decision:
    """What is asked for; ``limit`` and ``tier`` are those of the customer who orders."""

    requirement: Requirement
    limit: CustomerLimit | None = None
    tier: Tier | None = None
    is_to_new: bool = False


async def decide(fetch: Fetch, index: BlindIndex, viewer: Viewer, terms: Terms) -> Decision:
    """Say what a transfer to somebody else is asked for now."""
    if viewer.role is not Role.CUSTOMER:
        return _of_staff(viewer.role, terms)
    rows = await fetch(_FACTS, _values(index, viewer, terms))
    if not rows:
        # Tokens outlive their customers; what such a token orders is refused for its own reasons.
        return Decision(Requirement(()))
    (row,) = rows
    tier = Tier[row["tier"]]
    limit = customer_limit(tier, terms.currency)
    if row["is_own"]:
        return Decision(own_accounts(), limit, tier)
    payment = _payment(row, viewer, terms.amount)
    requirement = required(payment, ease(tier, terms.currency))
    return Decision(requirement, limit, tier, payment.is_to_new)


def own_accounts() -> Requirement:
    """Ask for nothing: the money stays with its owner."""
    return Requirement((Reason(RequirementReason.OWN_ACCOUNTS),))


def _of_staff(role: Role, terms: Terms) -> Decision:
    limit = post_limit(role, terms.currency)
    if not needs_second(role, terms.amount, terms.currency):
        return Decision(Requirement((Reason(RequirementReason.AT_THE_COUNTER, None, limit),)))
    step = TransferStep.SECOND_PERSON
    reason = Reason(RequirementReason.ABOVE_POST_LIMIT, step, limit)
    return Decision(Requirement((reason,), frozenset({step})))


def _values(index: BlindIndex, viewer: Viewer, terms: Terms) -> list[Any]:
    given = terms.given
    nobody = (None, None)
    return [
        *terms.payer,
        None if given is None else index.account_number(given.number),
        None if given is None else given.bank,
        *(terms.account or nobody),
        *(terms.payee or nobody),
        viewer.customer_id,
        terms.currency.value,
    ]


def _payment(row: Any, viewer: Viewer, amount: Decimal) -> Payment:
    transfers, timed, at_this_hour, last_hour = row["counts"]
    at: datetime = row["at"]
    return Payment(
        at,
        amount,
        row["added_at"],
        row["times_paid"],
        row["to_new"],
        Past(transfers, row["usual"], timed, at_this_hour, last_hour),
        viewer.strongly_authenticated,
    )
