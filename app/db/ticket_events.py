"""Steps of tickets' histories: how one is numbered, stored, and told to whom it may concern.

Whatever happens to a ticket goes through `note_event`, by commands and by the worker alike.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from app.db import audit
from app.db.audit import Connection
from app.db.audit_keys import AuditKeys
from app.db.commands import Change, Made
from app.db.ids import new_id
from app.domain.audit import AuditKind
from app.domain.service import TicketEventKind, TicketPriority, TicketResolution, TicketStatus
from app.domain.ticket import Step, TicketState

PREFIX: Final = "tkt"

_NAMES: Final = {
    TicketEventKind.OPENED: "ticket.opened",
    TicketEventKind.ASSIGNED: "ticket.assigned",
    TicketEventKind.FORWARDED: "ticket.forwarded",
    TicketEventKind.REPLIED: "ticket.replied",
    TicketEventKind.COMMENTED: "ticket.commented",
    TicketEventKind.STATUS_CHANGED: "ticket.status_changed",
    TicketEventKind.ESCALATED: "ticket.escalated",
    TicketEventKind.DUE_SOON: "ticket.due_soon",
    TicketEventKind.BREACHED: "ticket.breached",
    TicketEventKind.RESOLVED: "ticket.resolved",
    TicketEventKind.REOPENED: "ticket.reopened",
    TicketEventKind.CLOSED: "ticket.closed",
    TicketEventKind.RATED: "ticket.rated",
}
_FIELDS: Final = (
    "status",
    "priority",
    "queue",
    "assignee_id",
    "resolution",
    "first_answered_at",
    "resolved_at",
    "closed_at",
    "rated_at",
    "csat",
)

# The ticket's row is locked: the event that is numbered here is the only one to be so.
# An internal step raises no version, or customers would learn from theirs that there was one.
_SAVE: Final = """
with saved as (
    update ticket set status = $4, priority = $5, queue = $6, assignee_id = $7, resolution = $8,
        first_answered_at = $9, resolved_at = $10, closed_at = $11, rated_at = $12, csat = $13,
        event_count = event_count + 1,
        internal_event_count = internal_event_count + $14::int,
        version = version + 1 - $14::int
    where customer_id = $1 and id = $2 and event_count = $3
    returning event_count, internal_event_count - $14::int as internal_before
)
insert into ticket_event (customer_id, ticket_id, number, internal_before, internal, id, kind,
    occurred_at, staff_id, status, queue, assignee_id, left_queue, left_assignee_id, comment_id,
    record_id)
select $1, $2, event_count, internal_before, $14::int = 1, $15, $16, $17, $18, $19, $6, $7, $20,
    $21, $22, $23
from saved
"""


class LostTicketError(Exception):
    """A ticket changed although it was locked: a fault of ours."""


class Telling(Protocol):
    """What has audit records told of events: a command's unit of work, or the worker's batch."""

    @property
    def connection(self) -> Connection:
        """The transaction in which the ticket is locked."""

    @property
    def at(self) -> datetime:
        """When it happens (UTC)."""

    def tell_beside(self, change: Change, *, by_bank: bool = False) -> UUID:
        """Have a record told of a change before the transaction ends; gives the record's id."""


@dataclass
class Batch:
    """The worker's telling: records of what the bank did by itself, written by ``finish``."""

    connection: Connection
    keys: AuditKeys
    command: str
    at: datetime
    records: list[audit.Record] = field(default_factory=list)

    def tell_beside(self, change: Change, *, by_bank: bool = True) -> UUID:
        """Keep a record of a change for the end of the transaction; gives the record's id."""
        assert by_bank, "the worker is nobody"
        assert change.detail is None, "the worker has no customer's key"
        record = audit.Record(
            recorded_at=self.at,
            id=new_id(),
            kind=AuditKind.WRITE,
            command=self.command,
            customer_id=change.customer_id,
            subject_prefix=change.made.prefix,
            subject_id=change.made.id,
            event=change.event,
            fields=tuple(change.fields),
        )
        self.records.append(record)
        return record.id

    async def finish(self) -> None:
        """Write the records, as the transaction's last statement."""
        if self.records:
            await audit.write_all(self.connection, self.keys, self.records)


@dataclass
class LockedTicket:
    """A ticket whose row is locked until the transaction ends, as it stands by now."""

    owner: UUID
    id: UUID
    state: TicketState
    event_count: int
    row: Any

    @classmethod
    def of_row(cls, row: Any) -> "LockedTicket":
        """Read a row of the table ``ticket``."""
        resolution = row["resolution"]
        state = TicketState(
            status=TicketStatus[row["status"]],
            priority=TicketPriority[row["priority"]],
            queue=row["queue"],
            assignee_id=row["assignee_id"],
            resolution=None if resolution is None else TicketResolution[resolution],
            first_answered_at=row["first_answered_at"],
            resolved_at=row["resolved_at"],
            closed_at=row["closed_at"],
            rated_at=row["rated_at"],
            csat=row["csat"],
        )
        return cls(row["customer_id"], row["id"], state, row["event_count"], row)

    @property
    def made(self) -> Made:
        """The ticket by the parts of its global id."""
        return Made(PREFIX, self.owner, self.id)


def change_of(ticket: LockedTicket, step: Step) -> Change:
    """Give what a record tells of a step that a locked ticket is about to take."""
    values = ((name, getattr(ticket.state, name), getattr(step.after, name)) for name in _FIELDS)
    detail = {
        name: {"before": before, "after": after}
        for name, before, after in values
        if before != after
    }
    return Change(ticket.made, _NAMES[step.kind], ticket.owner, sorted(detail), detail or None)


async def note_event(
    telling: Telling,
    ticket: LockedTicket,
    step: Step,
    record_id: UUID | None = None,
    *,
    staff_id: UUID | None = None,
    comment_id: UUID | None = None,
) -> None:
    """Let a step happen to a locked ticket: its row, its history, and the record that tells of it.

    ``record_id`` is that of the command's own record, where the command is for this step; without
    one another record tells, of what the bank did by itself unless ``staff_id`` says who did it.
    The ticket stands then as the step left it, and may take another.
    """
    if record_id is None:
        # What the bank does by itself is told without values: the worker has no customer's key.
        change = replace(change_of(ticket, step), detail=None)
        record_id = telling.tell_beside(change, by_bank=staff_id is None)
    before, after = ticket.state, step.after
    status = await telling.connection.execute(
        _SAVE,
        ticket.owner,
        ticket.id,
        ticket.event_count,
        *(getattr(after, name) for name in _FIELDS),
        int(step.internal),
        new_id(),
        step.kind,
        telling.at,
        staff_id,
        after.status if after.status is not before.status or not ticket.event_count else None,
        before.queue if after.queue != before.queue else None,
        before.assignee_id if after.assignee_id != before.assignee_id else None,
        comment_id,
        record_id,
    )
    if status != "INSERT 0 1":
        message = f"{status}: ticket {ticket.id} is not as it was locked"
        raise LostTicketError(message)
    ticket.state, ticket.event_count = after, ticket.event_count + 1
