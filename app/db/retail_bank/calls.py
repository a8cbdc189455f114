"""Calls and reviews become interactions."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.db.crypto import CustomerCipher
from app.db.loading import midnight
from app.db.retail_bank import codes, sources
from app.db.retail_bank.accounts import cipher_of
from app.db.retail_bank.branches import branch_of
from app.db.retail_bank.clients import PHONE
from app.db.retail_bank.files import MONTH_FIRST, BadLine, Row, SourceFile
from app.db.retail_bank.links import client_number
from app.db.retail_bank.store import Store, batches, source_id_at
from app.domain.customer import DataSource
from app.domain.service import CallOutcome, CallPurpose, Channel, InteractionKind

_CALL: Final = re.compile(r"[0-9]{1,9}")
_STARS_MAX: Final = 5
_NEXT_DAY: Final = timedelta(days=1)
_COLUMNS: Final = (
    "customer_id",
    "id",
    "kind",
    "channel",
    "ticket_id",
    "branch_id",
    "started_at",
    "ended_at",
    "purpose",
    "outcome",
    "priority",
    "agent",
    "stars",
    "product",
    "phone_ciphertext",
    "text_ciphertext",
    "source",
    "source_ref",
)


@dataclass(frozen=True, slots=True)
class Ticketed:
    """The ticket of a complaint, and whose it is."""

    customer_id: UUID
    ticket_id: UUID


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the call centre's log; ``client`` and ``complaint`` may be unknown."""

    line: int
    number: str | None
    complaint: str | None
    client: str | None
    phone: str
    priority: int | None
    purpose: CallPurpose | None
    outcome: CallOutcome | None
    agent: str | None
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class _Contact:
    """A row for the interactions' table, but for what is encrypted."""

    line: int
    id: UUID
    customer_id: UUID
    branch_id: UUID | None
    call: Call | None = None
    ticket_id: UUID | None = None
    started_at: datetime | None = None
    stars: int | None = None
    product: str | None = None
    text: str | None = None

    def row(self, cipher: CustomerCipher) -> tuple[object, ...]:
        call = self.call

        def encrypted(column: str, value: str | None) -> bytes | None:
            place = f"interaction.{column}"
            return None if value is None else cipher.encrypt(place, self.id, value)

        return (
            self.customer_id,
            self.id,
            InteractionKind.CALL if call else InteractionKind.REVIEW,
            Channel.PHONE if call else Channel.WEB,
            self.ticket_id,
            self.branch_id,
            call.started_at if call else self.started_at,
            call.ended_at if call else None,
            call.purpose if call else None,
            call.outcome if call else None,
            call.priority if call else None,
            call.agent if call else None,
            self.stars,
            self.product,
            encrypted("phone_ciphertext", call.phone if call else None),
            encrypted("text_ciphertext", self.text),
            DataSource.RETAIL_BANK,
            call.number if call else None,
        )


def read_calls(store: Store) -> list[Call]:
    """Read the log; what a call says of its complaint's priority is needed before the tickets."""
    seen: set[str] = set()

    def parse(row: Row) -> Call:
        number = row.optional("call_id")
        if number is not None:
            row.matching("call_id", _CALL, "a call number")
            seen.add(row.once("call_id", number, seen))
        day = midnight(row.day("date_received", MONTH_FIRST))
        begun, ended = row.clock("ser_start"), row.clock("ser_exit")
        started_at = datetime.combine(day, begun, day.tzinfo)
        # A call that ends before it starts has passed midnight.
        ended_at = datetime.combine(day, ended, day.tzinfo) + _NEXT_DAY * (ended < begun)
        agent = row.optional("server")
        return Call(
            row.line,
            number,
            row.optional("complaint_id"),
            client_number(row) if row.optional("client_id") else None,
            row.matching("phonefinal", PHONE, "a telephone number"),
            row.code("priority", codes.CALL_PRIORITIES),
            row.code("type", codes.CALL_PURPOSES),
            row.code("outcome", codes.CALL_OUTCOMES),
            None if agent == codes.NO_SERVER else agent,
            started_at,
            ended_at,
        )

    return list(store.files[sources.CALLS].parsed(parse))


def _call_contact(
    store: Store, call: Call, tickets: dict[str, Ticketed], unnumbered: Counter[str]
) -> _Contact:
    customer_id = store.bank.customer_id
    if call.client is not None:
        customer = store.customers.get(call.client)
        if customer is None:
            message = "client_id names a client that is not in the bank"
            raise BadLine(message)
        customer_id = customer.id
    ticket_id = None
    if call.complaint is not None:
        ticket = tickets.get(call.complaint)
        if ticket is None or ticket.customer_id != customer_id:
            message = "complaint_id names no complaint of this client that is in the bank"
            raise BadLine(message)
        ticket_id = ticket.ticket_id
    name = call.number
    if name is None:
        # A call without a number is known by its times. The telephone number is left out: an id
        # is not secret, and so short a number could be tried out against it.
        times = f"{call.started_at.isoformat()} {call.ended_at.isoformat()}"
        unnumbered[times] += 1
        name = f"{times} {unnumbered[times]}"
    row_id = source_id_at(call.started_at, "call", name)
    return _Contact(call.line, row_id, customer_id, None, call=call, ticket_id=ticket_id)


async def import_calls(store: Store, calls: list[Call], tickets: dict[str, Ticketed]) -> None:
    """Store each call under its client, or under the bank where it names none."""
    file = store.files[sources.CALLS]
    unnumbered: Counter[str] = Counter()
    for batch in batches(calls):
        contacts = []
        for call in batch:
            try:
                contacts.append(_call_contact(store, call, tickets, unnumbered))
            except BadLine as reason:
                file.refuse(call.line, reason)
        await _store(store, file, contacts)


async def import_reviews(store: Store) -> None:
    """Store each review under the bank, with its branch: it names no customer."""
    file = store.files[sources.REVIEWS]
    seen: Counter[tuple[str, ...]] = Counter()

    def parse(row: Row) -> _Contact:
        day = row.day("date", MONTH_FIRST)
        stars = row.whole("stars")
        if not 1 <= stars <= _STARS_MAX:
            message = f"stars is not between 1 and {_STARS_MAX}"
            raise BadLine(message)
        branch_id, product, text = (
            branch_of(store, row),
            row.optional("product"),
            row.optional("reviews"),
        )
        # Reviews have no number; the same review twice is counted.
        name = (day.isoformat(), str(branch_id), str(stars), product or "", text or "")
        seen[name] += 1
        moment = midnight(day)
        row_id = source_id_at(moment, "review", *name, str(seen[name]))
        return _Contact(
            row.line,
            row_id,
            store.bank.customer_id,
            branch_id,
            started_at=moment,
            stars=stars,
            product=product,
            text=text,
        )

    for batch in batches(file.parsed(parse)):
        await _store(store, file, batch)


async def _store(store: Store, file: SourceFile, contacts: Sequence[_Contact]) -> None:
    known = await store.known(
        "interaction", [(contact.customer_id, contact.id) for contact in contacts]
    )
    rows = []
    for contact in contacts:
        if contact.id in known:
            file.count.already_there += 1
            continue
        try:
            rows.append(contact.row(cipher_of(store, contact.customer_id)))
        except BadLine as reason:
            file.refuse(contact.line, reason)
    await store.copy("interaction", _COLUMNS, rows)
    file.count.stored += len(rows)
    store.advance(file)
