"""Complaints become tickets with their history."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.db.loading import Posts, midnight
from app.db.retail_bank import codes, sources
from app.db.retail_bank.calls import Call, Ticketed
from app.db.retail_bank.files import DAY_FIRST, Row, SourceFile
from app.db.retail_bank.store import Store, batches, source_id
from app.domain.customer import DataSource
from app.domain.service import (
    QUEUES,
    Channel,
    TicketCategory,
    TicketEventKind,
    TicketPriority,
    TicketResolution,
    TicketStatus,
)

_NUMBER: Final = re.compile(r"CR[0-9]{7}")
# The Consumer Financial Protection Bureau asks companies to respond within 15 calendar days of
# a complaint that it sends them.
RESPONSE_DAYS: Final = 15
_TICKET_COLUMNS: Final = (
    "customer_id",
    "id",
    "number",
    "category",
    "subject",
    "status",
    "priority",
    "channel",
    "queue",
    "assignee_id",
    "opened_at",
    "due_at",
    "breached_at",
    "resolution",
    "event_count",
    "source",
)
_EVENT_COLUMNS: Final = (
    "customer_id",
    "id",
    "ticket_id",
    "number",
    "kind",
    "occurred_at",
    "status",
)


@dataclass(frozen=True, slots=True)
class _Complaint:
    line: int
    number: str
    customer_id: UUID
    ticket_id: UUID
    category: TicketCategory
    subject: str
    channel: Channel
    status: TicketStatus
    resolution: TicketResolution | None
    priority: TicketPriority
    assignee_id: UUID
    opened_at: datetime
    sent_at: datetime
    timely: bool

    @property
    def due_at(self) -> datetime:
        """Fifteen days after the bank had it; a few were sent before the date of receipt."""
        return max(self.opened_at, self.sent_at) + timedelta(days=RESPONSE_DAYS)

    def events(
        self,
    ) -> list[tuple[TicketEventKind, datetime | None, TicketStatus | None]]:
        """Give the history that the file tells of: kind, moment, status reached."""
        events: list[tuple[TicketEventKind, datetime | None, TicketStatus | None]] = [
            (TicketEventKind.OPENED, self.opened_at, TicketStatus.OPEN),
            (TicketEventKind.FORWARDED, self.sent_at, TicketStatus.IN_PROGRESS),
        ]
        if not self.timely:
            events.append((TicketEventKind.BREACHED, self.due_at, None))
        if self.status == TicketStatus.CLOSED:
            # The file does not say when.
            events.append((TicketEventKind.CLOSED, None, TicketStatus.CLOSED))
        return events

    def row(self) -> tuple[object, ...]:
        return (
            self.customer_id,
            self.ticket_id,
            self.number,
            self.category,
            self.subject,
            self.status,
            self.priority,
            self.channel,
            QUEUES[self.category],
            self.assignee_id,
            self.opened_at,
            self.due_at,
            None if self.timely else self.due_at,
            self.resolution,
            len(self.events()),
            DataSource.RETAIL_BANK,
        )

    def event_rows(self) -> Iterator[tuple[object, ...]]:
        for number, (kind, occurred_at, status) in enumerate(self.events(), start=1):
            event_id = source_id("ticket event", self.number, str(number))
            yield (
                self.customer_id,
                event_id,
                self.ticket_id,
                number,
                kind,
                occurred_at,
                status,
            )


def _category(row: Row) -> TicketCategory:
    category = row.code("product", codes.COMPLAINT_PRODUCTS)
    return category or row.code("sub_product", codes.ACCOUNT_SUB_PRODUCTS)


class _Reader:
    """Reads complaints."""

    def __init__(self, store: Store, posts: Posts, calls: Sequence[Call]) -> None:
        self._store = store
        self._posts = posts
        self._priorities = {call.complaint: call.priority for call in calls if call.complaint}
        self._seen: set[str] = set()
        self.sent_before_received = 0

    def parse(self, row: Row) -> _Complaint:
        """Read one line."""
        number = row.matching("complaint_id", _NUMBER, "a complaint number such as CR0000001")
        self._seen.add(row.once("complaint_id", number, self._seen))
        client = f"C{row.whole('client_id'):08d}"
        customer = self._store.customers.get(client)
        if customer is None:
            row.leads_nowhere("client_id", "a client")
        status, resolution = row.code("company_response_to_consumer", codes.RESPONSES)
        preferred = self._priorities.get(number) == codes.PRIORITY_CUSTOMER
        opened_at = midnight(row.day("date_received", DAY_FIRST))
        sent_at = midnight(row.day("date_sent_to_company", DAY_FIRST))
        category = _category(row)
        complaint = _Complaint(
            line=row.line,
            number=number,
            customer_id=customer.id,
            ticket_id=source_id("ticket", number),
            category=category,
            subject=row.text("issue"),
            channel=row.code("submitted_via", codes.COMPLAINT_CHANNELS),
            status=status,
            resolution=resolution,
            priority=TicketPriority.HIGH if preferred else TicketPriority.NORMAL,
            assignee_id=self._posts.agent(QUEUES[category], client),
            opened_at=opened_at,
            sent_at=sent_at,
            timely=row.code("timely_response", codes.YES_NO),
        )
        self.sent_before_received += sent_at < opened_at
        return complaint


async def import_tickets(
    store: Store, posts: Posts, calls: Sequence[Call]
) -> tuple[dict[str, Ticketed], list[str]]:
    """Store each complaint as a ticket; give the tickets that calls name, and notes."""
    file = store.files[sources.COMPLAINTS]
    reader = _Reader(store, posts, calls)
    named = {call.complaint for call in calls}
    tickets: dict[str, Ticketed] = {}
    for batch in batches(file.parsed(reader.parse)):
        for complaint in await _store(store, file, batch):
            if complaint.number in named:
                tickets[complaint.number] = Ticketed(complaint.customer_id, complaint.ticket_id)
        store.advance(file)
    early = reader.sent_before_received
    note = f"Complaints: {early:,} were sent to the bank before they were received; kept as stated"
    return tickets, [note] if early else []


async def _store(store: Store, file: SourceFile, batch: Sequence[_Complaint]) -> list[_Complaint]:
    """Store the new ones of a batch; give all that are in the bank now."""
    known = await store.known("ticket", [(one.customer_id, one.ticket_id) for one in batch])
    taken = await store.owners(
        "ticket_number", "number", "ticket_id", [one.number for one in batch]
    )
    new: list[_Complaint] = []
    there: list[_Complaint] = []
    for complaint in batch:
        if complaint.ticket_id in known:
            there.append(complaint)
        elif complaint.number in taken:
            file.refuse(complaint.line, "complaint_id: the number is another ticket's")
        else:
            new.append(complaint)
    await store.copy("ticket", _TICKET_COLUMNS, [one.row() for one in new])
    await store.copy(
        "ticket_number",
        ("number", "customer_id", "ticket_id"),
        [(one.number, one.customer_id, one.ticket_id) for one in new],
    )
    events = (row for one in new for row in one.event_rows())
    await store.copy("ticket_event", _EVENT_COLUMNS, events)
    file.count.stored += len(new)
    file.count.already_there += len(there)
    return new + there
