"""Consents: which of a customer's rows hold, and how the unit of work adds one."""

from typing import Any, Final, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause

from app.db import tables
from app.db.ids import new_id
from app.db.unit_of_work import Unit
from app.domain.audit import ConsentPurpose
from app.domain.service import Channel

_HOLDS: Final = """
select granted from consent where customer_id = $1 and purpose = $2
order by recorded_at desc, id desc limit 1
"""
# Not the transaction's time: it may have begun before one that locked the customer first, and the
# later word of the customer must be the newer row.
_APPEND: Final = """
insert into consent (customer_id, id, purpose, granted, channel, staff_id, recorded_at)
select $1, $2, $3, $4, $5, $6, greatest(
    clock_timestamp(), max(recorded_at) + interval '1 microsecond'
)
from consent where customer_id = $1 and purpose = $3
"""


def holds(consent: FromClause) -> ColumnElement[bool]:
    """Give the condition that no newer row says otherwise."""
    later = cast("Any", tables.Consent).__table__.alias()
    newer = sa.select(sa.literal(1)).where(
        later.c.customer_id == consent.c.customer_id,
        later.c.purpose == consent.c.purpose,
        sa.tuple_(later.c.recorded_at, later.c.id) > sa.tuple_(consent.c.recorded_at, consent.c.id),
    )
    return sa.not_(newer.correlate(consent).exists())


async def consent_of(unit: Unit, customer: UUID, purpose: ConsentPurpose) -> bool | None:
    """Give what a locked customer said last of a purpose; None when nothing yet."""
    rows = await unit.fetch(_HOLDS, customer, purpose)
    return rows[0]["granted"] if rows else None


async def append(
    unit: Unit, customer: UUID, purpose: ConsentPurpose, *, granted: bool, channel: Channel
) -> UUID:
    """Record what a locked customer says now; gives the row's id."""
    consent = new_id()
    staff = unit.viewer.staff_id
    await unit.change(_APPEND, customer, consent, purpose, granted, channel, staff)
    return consent
