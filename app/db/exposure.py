"""Who was shown which classes of data of some customers: what a notice after a breach rests on."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.auth.permissions import Role

Fetch = Callable[[str, Sequence[Any]], Awaitable[Sequence[Any]]]

# Commands that show personal data; what else is changed is no exposure.
_SHOWING: Final = "'revealField', 'exportCustomerData'"
_SQL: Final = f"""
select customer_id, actor_id, role, min(recorded_at) as first_at, max(recorded_at) as last_at,
    count(*) as operation_count,
    string_agg(distinct array_to_string(fields, ' '), ' ') as fields
from (
    select customer_id, actor_id, role, recorded_at, fields from audit_read
    where customer_id = any($1::uuid[]) and recorded_at >= $2 and recorded_at < $3
    union all
    select customer_id, actor_id, role, recorded_at, fields from audit_record
    where customer_id = any($1::uuid[]) and recorded_at >= $2 and recorded_at < $3
        and kind = 'WRITE' and command in ({_SHOWING})
) as shown
group by customer_id, actor_id, role
order by customer_id, last_at desc, actor_id, role
limit $4
"""


@dataclass(frozen=True)
class Exposed:
    """What one person, acting in one role, was shown of one customer.

    ``fields`` are classes of data (permissions), look-ups (``CUSTOMER_LOOK_UP:PHONE``), and, in
    small letters, the names of fields that were revealed.
    """

    customer_id: UUID
    actor_id: UUID
    role: Role
    first_at: datetime
    last_at: datetime
    operation_count: int
    fields: frozenset[str]


async def exposures(
    fetch: Fetch, customers: Sequence[UUID], since: datetime, until: datetime, limit: int
) -> list[Exposed]:
    """Give at most ``limit`` exposures from ``since`` until before ``until``, by customer."""
    rows = await fetch(_SQL, [customers, since, until, limit])
    return [
        Exposed(
            row["customer_id"],
            row["actor_id"],
            Role[row["role"]],
            row["first_at"],
            row["last_at"],
            row["operation_count"],
            frozenset((row["fields"] or "").split()),
        )
        for row in rows
    ]
