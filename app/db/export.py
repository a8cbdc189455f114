"""All that the bank holds of one customer, read in one statement and so at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import BYTEA, NUMERIC
from sqlmodel import SQLModel
from strawberry.utils.str_converters import to_camel_case

from app.db import tables
from app.db.crypto import CustomerCipher, KeyRing

# More than anybody has in a lifetime of bookings, and what a server can hold for one answer.
ROWS_MAX: Final = 200_000

_SEALED: Final = "_ciphertext"
# What only tells whether two values are equal.
_COMPARED: Final = "_digest"
_OWNER: Final = "customer_id"
# What finds a customer and says nothing about one, what the bank knows about its own staff and
# considers among them, and sums of its own accounts.
_LEFT_OUT: Final = frozenset(
    table.__tablename__
    for table in (
        tables.AccountNumberIndex,
        tables.Approval,
        tables.AuditRead,
        tables.AuditRecord,
        tables.BegunService,
        tables.ContactIndex,
        tables.CustomerKey,
        tables.CustomerNumber,
        tables.InternalBalance,
        tables.NameIndex,
        tables.NationalIdIndex,
        tables.TicketNumber,
    )
)
# What counts what of a ticket is for staff only, numbers other steps with it, or leads to it; and
# what tells of the agents.
_TOLD_BY_STAFF: Final = frozenset(
    {
        ("ticket", "due_soon_told_at"),
        ("ticket", "event_count"),
        ("ticket", "internal_event_count"),
        ("ticket", "why_assigned"),
        ("ticket_event", "comment_id"),
        ("ticket_event", "internal_before"),
        ("ticket_event", "number"),
    }
)
# Values that are JSON themselves.
_JSON: Final = frozenset({"address"})


@dataclass(frozen=True)
class Section:
    """One kind of row: how many there are, and SHA-256 (hex) over their JSON text."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Export:
    """The document as JSON text, and what stands in it."""

    document: str
    sections: Sequence[Section]


@cache
def _tables() -> tuple[Table, ...]:
    """Give the tables that an export has, in the order in which they depend on each other."""
    return tuple(
        table
        for table in SQLModel.metadata.sorted_tables
        if table.name not in _LEFT_OUT and (table.name == "customer" or _OWNER in table.columns)
    )


def _value(name: str, kind: object) -> str:
    """Give the SQL of a column as JSON has it: money as text, ciphertext as hexadecimal digits."""
    if isinstance(kind, BYTEA):
        return f"encode(t.{name}, 'hex')"
    return f"t.{name}::text" if isinstance(kind, NUMERIC) else f"t.{name}"


def _owner(table: Table) -> str:
    return "id" if table.name == "customer" else _OWNER


@cache
def statement() -> str:
    """Give the statement that reads everything of the customer $1 whom the viewer may see."""
    parts = []
    for place, table in enumerate(_tables()):
        values = ", ".join(
            f"'{c.name}', {_value(c.name, c.type)}"
            for c in table.columns
            if not c.name.endswith(_COMPARED) and (table.name, c.name) not in _TOLD_BY_STAFF
        )
        order = ", ".join(f"t.{column.name}" for column in table.primary_key.columns)
        parts.append(
            f"select {place} as section, row_number() over (order by {order}) as place,"
            f" jsonb_build_object({values})::text as data"
            f" from {table.name} as t where t.{_owner(table)} = $1"
        )
    return (
        "select section, data, (select wrapped_key from customer_key where customer_id = $1)"
        f" from ({' union all '.join(parts)}) as everything order by section, place"
    )


@cache
def count_statement() -> str:
    """Give the statement that counts the rows of an export of the customer $1."""
    counts = (
        f"(select count(*) from {table.name} where {_owner(table)} = $1)" for table in _tables()
    )
    return f"select {' + '.join(counts)}"


def make_export(
    found: Sequence[Any], ring: KeyRing, customer: UUID, head: Mapping[str, Any]
) -> Export | None:
    """Make the document of the statement's rows; None where the customer is not among them.

    ``head`` stands before the sections in the manifest. Raises CryptoError for what does not open.
    """
    rows: list[list[dict[str, Any]]] = [[] for _ in _tables()]
    for section, data, wrapped in found:
        cipher = None if wrapped is None else ring.cipher(customer, wrapped)
        rows[section].append(_clear(_tables()[section].name, orjson.loads(data), cipher))
    names = [to_camel_case(table.name) for table in _tables()]
    if not rows[names.index("customer")]:
        return None
    texts = [orjson.dumps(each) for each in rows]
    sections = [
        Section(name, len(each), sha256(text).hexdigest())
        for name, each, text in zip(names, rows, texts, strict=True)
    ]
    manifest = orjson.dumps({**head, "sections": [vars(section) for section in sections]})
    inside = b",".join(
        b'"%b":%b' % (name.encode(), text) for name, text in zip(names, texts, strict=True)
    )
    document = b'{"manifest":%b,"sections":{%b}}' % (manifest, inside)
    return Export(document.decode(), sections)


def _clear(table: str, row: dict[str, Any], cipher: CustomerCipher | None) -> dict[str, Any]:
    """Open a row's ciphertext and spell its columns as the API does."""
    found = {}
    for column, stored in row.items():
        name, value = column.removesuffix(_SEALED), stored
        if name != column:
            value = None
            if stored is not None and cipher is not None:
                sealed = bytes.fromhex(stored)
                value = cipher.decrypt(f"{table}.{column}", UUID(row["id"]), sealed)
                value = orjson.loads(value) if name in _JSON else value
        found[to_camel_case(name)] = value
    return found
