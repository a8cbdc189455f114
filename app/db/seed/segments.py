"""Segments: each is defined once, in words for people and in SQL for the computation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

import asyncpg

from app.db.loading import midnight


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """A segment and who belongs to it: a condition on ``customer`` and the business date $2."""

    code: str
    name: str
    definition: str
    condition: str


SEGMENTS: Final = (
    SegmentRule(
        "HIGH_VALUE",
        "High-value customers",
        "Tier GOLD or PLATINUM, and not closed.",
        "customer.tier in ('GOLD', 'PLATINUM') and customer.status <> 'CLOSED'",
    ),
    SegmentRule(
        "DORMANT",
        "Dormant customers",
        "Customer for more than 180 days, not closed, and in the last 180 days nothing but"
        " interest on any own account.",
        """
        customer.status <> 'CLOSED' and customer.customer_since < $2::date - 180 and not exists (
            select from posting
            where posting.customer_id = customer.id and posting.kind <> 'INTEREST_CREDITED'
                and posting.booked_at >= ($2::date - 180)::timestamp at time zone 'utc'
        )
        """,
    ),
    SegmentRule(
        "MORTGAGE",
        "Home owners with a mortgage",
        "At least one running loan for buying a home.",
        """
        exists (
            select from loan where loan.customer_id = customer.id and loan.purpose = 'HOME'
                and loan.status in ('ACTIVE', 'IN_ARREARS')
        )
        """,
    ),
    SegmentRule(
        "INVESTOR",
        "Investors",
        "Holds units of at least one fund.",
        "exists (select from holding where customer_id = customer.id and units > 0)",
    ),
    SegmentRule(
        "NEW",
        "New customers",
        "Customer for at most 90 days.",
        "customer.customer_since >= $2::date - 90",
    ),
)


async def are_segments_due(connection: asyncpg.Connection) -> bool:
    """Tell whether some of these segments are there and were never computed."""
    found = await connection.fetchval(
        "select exists (select from segment where computed_at is null and code = any($1))",
        [rule.code for rule in SEGMENTS],
    )
    return bool(found)


async def compute_segments(
    connection: asyncpg.Connection,
    business_date: date,
    progress: Callable[[str, int, int], None],
) -> int:
    """Compute the members of every segment at the business date; give how many rows are new.

    Call it inside a transaction.
    """
    count = 0
    for done, rule in enumerate(SEGMENTS, start=1):
        status = await connection.execute(
            f"""
            insert into segment_membership (customer_id, segment_id, since, customer_since)
            select customer.id, segment.id, $2::date::timestamp at time zone 'utc',
                customer.customer_since
            from customer, segment
            where segment.code = $1 and customer.type <> 'BANK' and {rule.condition}
            on conflict do nothing
            """,
            rule.code,
            business_date,
        )
        count += int(status.split()[-1])
        await connection.execute(
            "update segment set computed_at = $2 where code = $1",
            rule.code,
            midnight(business_date),
        )
        progress("segments", done, len(SEGMENTS))
    return count
