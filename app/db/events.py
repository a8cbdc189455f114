"""What happened, for subscribers: audit records in the order of their positions.

An event carries ids only, and topics: whom it may concern. Who is told of it is decided when it is
told, by the subscriber's own rights.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from app.db.audit import Connection
from app.db.bank_itself import BANK_ID
from app.db.roles import JOBS
from app.domain.happening import (
    ACCOUNT_EVENTS,
    APPROVAL_EVENTS,
    BOOKING_EVENTS,
    ORDER_EVENTS,
    ORDER_PAID,
)

_CONNECT_TIMEOUT_SECONDS: Final = 10
_COMMAND_TIMEOUT_SECONDS: Final = 15
_CLOSE_TIMEOUT_SECONDS: Final = 2
_SESSION: Final = {
    "role": JOBS,
    "application_name": "bank360 events",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{_COMMAND_TIMEOUT_SECONDS}s",
    # The chain grows by the second and all that is read here is found by keys: only indexes will
    # do, whatever was known of the tables when the session planned.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

_LAST: Final = "select position from audit_link order by position desc limit 1"
_RECORDED_AT: Final = "select recorded_at from audit_link where position = $1"
_READ: Final = """
select link.position, link.recorded_at, record.id, record.event, record.customer_id,
    record.subject_id, record.fields
from (
    select position, recorded_at, record_id from audit_link
    where position > $1 order by position limit $2
) as link
left join audit_record as record
    on record.recorded_at = link.recorded_at and record.id = link.record_id
order by link.position
"""
# All customers' sides of the entries that some bookings belong to.
_LEGS: Final = f"""
select given.place, leg.customer_id, leg.account_id, leg.id
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as given (place, customer_id, id)
join posting as told on told.customer_id = given.customer_id and told.id = given.id
join posting as leg on leg.entry_id = told.entry_id
where leg.customer_id <> '{BANK_ID}'
order by given.place, leg.account_id, leg.id
"""
# The accounts that events about accounts, or about what is held on one, concern: a deposit's money
# comes from another one.
_ACCOUNTS: Final = """
select given.place, account.customer_id, leg.account_id, null::uuid as id
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as given (place, customer_id, id)
left join account_hold as hold
    on hold.customer_id = given.customer_id and hold.id = given.id
join account
    on account.customer_id = given.customer_id
    and account.id = coalesce(hold.account_id, given.id)
cross join lateral (
    values (account.id), (account.settlement_account_id)
) as leg (account_id)
where leg.account_id is not null
order by given.place, leg.account_id
"""
_ORDERS: Final = """
select given.place, source.customer_id, source.account_id, null::uuid as id
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as given (place, customer_id, id)
join standing_order as source
    on source.customer_id = given.customer_id and source.id = given.id
order by given.place
"""
# A record of a payment names the order. Its entry is the first that was booked for the order since
# the transaction of the record began.
_PAID: Final = f"""
select given.place, leg.customer_id, leg.account_id, leg.id
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::timestamptz[])
    as given (place, customer_id, id, at)
cross join lateral (
    select payment.entry_id from order_payment as payment
    join journal_entry as entry
        on entry.customer_id = payment.customer_id and entry.id = payment.entry_id
    where payment.customer_id = given.customer_id and payment.order_id = given.id
        and entry.booked_at >= given.at
    order by entry.booked_at limit 1
) as paid
join posting as leg on leg.entry_id = paid.entry_id
where leg.customer_id <> '{BANK_ID}'
order by given.place, leg.account_id, leg.id
"""
_APPROVALS: Final = """
select given.place, approval.maker_id, approval.required_roles
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as given (place, customer_id, id)
join approval on approval.customer_id = given.customer_id and approval.id = given.id
"""
# Each step of a ticket's history is one record.
_STEPS: Final = """
select given.place, step.id, step.kind, step.internal, step.queue, step.assignee_id,
    step.left_queue, step.left_assignee_id, step.comment_id
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[])
    as given (place, customer_id, id, record_id)
join ticket_event as step
    on step.customer_id = given.customer_id and step.ticket_id = given.id
    and step.record_id = given.record_id
"""
_OF_TICKETS: Final = "ticket."


class TopicKind(Enum):
    """What events may be followed by."""

    ACCOUNT = auto()
    ACCOUNTS_OF_CUSTOMER = auto()
    APPROVALS_FOR_ROLE = auto()
    APPROVALS_OF_MAKER = auto()
    TICKET = auto()
    TICKETS_OF_CUSTOMER = auto()
    TICKETS_IN_QUEUE = auto()
    TICKETS_OF_STAFF = auto()


class Topic(NamedTuple):
    """What a subscriber follows, and what an event concerns."""

    kind: TopicKind
    of: UUID | str


class Leg(NamedTuple):
    """An account that an event concerns, and the booking on it where there is one."""

    owner: UUID
    account: UUID
    transaction: UUID | None


class TicketStep(NamedTuple):
    """A step of a ticket's history: where the ticket is since, and where it is not any more."""

    id: UUID
    kind: str
    internal: bool
    queue: str
    assignee: UUID | None
    left_queue: str | None
    left_assignee: UUID | None
    comment: UUID | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; ``customer_id`` and ``subject_id`` name the row it is about.

    ``fields`` are the names of what changed.
    """

    position: int
    recorded_at: datetime
    name: str
    customer_id: UUID
    subject_id: UUID
    topics: frozenset[Topic]
    fields: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    step: TicketStep | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the chain: what happened in it, and the position of its end."""

    events: Sequence[Event]
    position: int
    has_more: bool


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection that reads events for anybody; it is closed at the end."""
    connection = await asyncpg.connect(
        dsn,
        timeout=_CONNECT_TIMEOUT_SECONDS,
        command_timeout=_COMMAND_TIMEOUT_SECONDS,
        server_settings=_SESSION,
    )
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=_CLOSE_TIMEOUT_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()


async def last_position(connection: Connection) -> int:
    """Give the position of the chain's end; 0 where it is empty."""
    return await connection.fetchval(_LAST) or 0


async def recorded_at(connection: Connection, position: int) -> datetime | None:
    """Give when the record at a position was written; None where there is none."""
    found: datetime | None = await connection.fetchval(_RECORDED_AT, position)
    return found


async def read(connection: Connection, after: int, size: int) -> Stretch:
    """Give what happened at the ``size`` positions after one; other records are passed over."""
    rows = await connection.fetch(_READ, after, size)
    if not rows:
        return Stretch((), after, has_more=False)
    told = {row["position"]: row for row in rows if _is_told(row)}
    legs: dict[int, list[Leg]] = {place: [] for place in told}
    topics: dict[int, set[Topic]] = {place: set() for place in told}
    steps: dict[int, TicketStep] = {}
    for sql, more, names in _ENTRIES:
        subjects = [row for row in told.values() if row["event"] in names]
        for place, *leg in await _found(connection, sql, subjects, *more):
            legs[place].append(Leg(*leg))
            topics[place].update(_topics_of_leg(legs[place][-1]))
    subjects = [row for row in told.values() if row["event"] in APPROVAL_EVENTS]
    for place, maker, roles in await _found(connection, _APPROVALS, subjects):
        topics[place].add(Topic(TopicKind.APPROVALS_OF_MAKER, maker))
        topics[place].update(Topic(TopicKind.APPROVALS_FOR_ROLE, role) for role in roles)
    subjects = [row for row in told.values() if row["event"].startswith(_OF_TICKETS)]
    for place, *step in await _found(connection, _STEPS, subjects, "id"):
        steps[place] = TicketStep(*step)
        topics[place].update(_topics_of_step(told[place], steps[place]))
    events = [
        Event(
            place,
            row["recorded_at"],
            row["event"],
            row["customer_id"],
            row["subject_id"],
            frozenset(topics[place]),
            tuple(row["fields"]),
            tuple(legs[place]),
            steps.get(place),
        )
        for place, row in told.items()
        if topics[place]
    ]
    return Stretch(events, rows[-1]["position"], has_more=len(rows) == size)


# Statements about legs, with what they take beside the subject, and the events that they are for.
_ENTRIES: Final = (
    (_LEGS, (), BOOKING_EVENTS),
    (_ACCOUNTS, (), ACCOUNT_EVENTS.keys()),
    (_ORDERS, (), ORDER_EVENTS.keys()),
    (_PAID, ("recorded_at",), {ORDER_PAID}),
)
_TOLD: Final = frozenset(APPROVAL_EVENTS).union(*(names for _, _, names in _ENTRIES))


def _is_told(row: Any) -> bool:
    name = row["event"]
    return name is not None and (name in _TOLD or name.startswith(_OF_TICKETS))


def _topics_of_leg(leg: Leg) -> Iterable[Topic]:
    yield Topic(TopicKind.ACCOUNT, leg.account)
    yield Topic(TopicKind.ACCOUNTS_OF_CUSTOMER, leg.owner)


def _topics_of_step(row: Any, step: TicketStep) -> Iterable[Topic]:
    yield Topic(TopicKind.TICKET, row["subject_id"])
    yield Topic(TopicKind.TICKETS_OF_CUSTOMER, row["customer_id"])
    yield Topic(TopicKind.TICKETS_IN_QUEUE, step.queue)
    if step.left_queue is not None:
        yield Topic(TopicKind.TICKETS_IN_QUEUE, step.left_queue)
    if step.assignee is not None:
        yield Topic(TopicKind.TICKETS_OF_STAFF, step.assignee)
    if step.left_assignee is not None:
        yield Topic(TopicKind.TICKETS_OF_STAFF, step.left_assignee)


async def _found(
    connection: Connection, sql: str, subjects: Sequence[Any], *more: str
) -> Sequence[Any]:
    """Run a statement about the subjects of some records, if there are any."""
    if not subjects:
        return ()
    names = ("position", "customer_id", "subject_id", *more)
    columns = ([row[name] for row in subjects] for name in names)
    return await connection.fetch(sql, *columns)
