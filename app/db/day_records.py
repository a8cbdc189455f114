"""What the end of a day books and records, the same for all its steps."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from app.db import audit
from app.db.audit_keys import AuditKeys
from app.db.bank_itself import BANK_ID, internal_account_id
from app.db.business_day import Connection
from app.db.ids import new_id
from app.db.ledger import book
from app.domain.account import InternalPurpose, TransactionKind
from app.domain.audit import AuditKind
from app.domain.ledger import Entry, Leg
from app.domain.money import Currency

# The actor of what the bank does by itself: no person, no role, this command.
COMMAND: Final = "endOfDay"

_ENSURE_INTERNAL: Final = f"""
insert into account (customer_id, id, kind, internal_purpose, currency, status, opened_on, source)
select '{BANK_ID}', id, 'INTERNAL', purpose, currency, 'OPEN', booking_date(), 'BANK360'
from unnest($1::uuid[], $2::text[], $3::text[]) as given (id, purpose, currency)
on conflict do nothing
"""


def internal_leg(
    purpose: InternalPurpose, currency: Currency, kind: TransactionKind, leg: Leg
) -> Leg:
    """Give the bank's side of a leg."""
    account = internal_account_id(purpose, currency)
    return Leg(new_id(), BANK_ID, account, -leg.amount, currency, kind)


def record(
    at: datetime, customer: UUID, prefix: str, subject: UUID, event: str, *fields: str
) -> audit.Record:
    """Give the audit record of something that the bank did to a customer's row by itself."""
    return audit.Record(
        recorded_at=at,
        id=new_id(),
        kind=AuditKind.WRITE,
        command=COMMAND,
        customer_id=customer,
        subject_prefix=prefix,
        subject_id=subject,
        event=event,
        fields=fields,
    )


async def book_all(
    connection: Connection, entries: Sequence[Entry], purposes: Iterable[InternalPurpose]
) -> None:
    """Book entries whose accounts are locked; opens the bank's own accounts that they need."""
    if not entries:
        return
    used = {
        (internal_account_id(purpose, currency), purpose, currency)
        for purpose in purposes
        for currency in {leg.currency for entry in entries for leg in entry.legs}
    }
    await connection.execute(
        _ENSURE_INTERNAL, *(list(column) for column in zip(*used, strict=True))
    )
    await book(connection, *entries)


async def record_all(
    connection: Connection, keys: AuditKeys, records: Sequence[audit.Record]
) -> None:
    """Write the batch's audit records, as its last statement."""
    if records:
        await audit.write_all(connection, keys, records)
