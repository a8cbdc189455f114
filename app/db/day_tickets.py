"""Tickets whose answer nobody came back to: closed once they cannot be reopened any more."""

from dataclasses import dataclass
from typing import Final

from app.db import ticket_events
from app.db.audit_keys import AuditKeys
from app.db.business_day import Batch, Connection, Key, Turn
from app.db.day_records import COMMAND
from app.db.ticket_events import LockedTicket, note_event
from app.domain.service import TicketStatus
from app.domain.ticket import REOPENING, status_changed

# What somebody is at work on right now is left to the next day.
_ANSWERED: Final = """
select * from ticket
where status = 'RESOLVED' and resolved_at < $3 and (customer_id, id) > ($1, $2)
order by customer_id, id limit $4
for no key update skip locked
"""


@dataclass(frozen=True)
class TicketClosing:
    """The step that closes answered tickets; ``size`` of them to a transaction."""

    keys: AuditKeys
    size: int

    async def close(self, connection: Connection, turn: Turn) -> Batch:
        """Close tickets that were answered longer ago than they may be reopened."""
        found = await connection.fetch(
            _ANSWERED, turn.after.owner, turn.after.id, turn.at - REOPENING, self.size
        )
        telling = ticket_events.Batch(connection, self.keys, COMMAND, turn.at)
        for row in found:
            ticket = LockedTicket.of_row(row)
            step = status_changed(ticket.state, TicketStatus.CLOSED, turn.at)
            await note_event(telling, ticket, step)
        await telling.finish()
        if len(found) < self.size:
            return Batch(None, len(found))
        return Batch(Key(found[-1]["customer_id"], found[-1]["id"]), len(found))
