"""Requests for a second person that nobody decided in time, at the end of a day."""

from dataclasses import dataclass

from app.db.approvals import end_expired
from app.db.audit_keys import AuditKeys
from app.db.business_day import FIRST, Batch, Connection, Turn
from app.db.day_records import record, record_all


@dataclass(frozen=True)
class Expiry:
    """The step that ends requests whose time was over when it came by, by the calendar's clock."""

    keys: AuditKeys
    batch: int

    async def end(self, connection: Connection, turn: Turn) -> Batch:
        """End some; another turn takes the next ones."""
        ended = await end_expired(connection, turn.at, self.batch)
        records = [
            record(
                turn.at,
                each.made.owner,
                each.made.prefix,
                each.made.id,
                "approval.expired",
                *each.fields,
            )
            for each in ended
        ]
        await record_all(connection, self.keys, records)
        return Batch(FIRST if len(ended) == self.batch else None, len(ended))
