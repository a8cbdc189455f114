"""Clients become customers."""

import re
from datetime import date
from typing import Final

from app.db.loading import Posts
from app.db.retail_bank import codes, sources
from app.db.retail_bank.branches import branch_of
from app.db.retail_bank.customers import Address, Person, store_customers
from app.db.retail_bank.files import BadLine, Row
from app.db.retail_bank.links import Links, client_number
from app.db.retail_bank.store import DATA_ENDS_ON, Store, batches, source_id
from app.domain.customer import DataSource, Tier

NATIONAL_ID: Final = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
PHONE: Final = re.compile(r"[0-9]{3}-[0-9]{3}-[0-9]{4}")
POSTAL_CODE: Final = re.compile(r"[0-9]{5}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def full_name(row: Row, *columns: str) -> str:
    """Join the parts of a name; the first and the last may not be empty."""
    first, *middle, last = columns
    parts = [row.text(first), *(row.optional(column) for column in middle), row.text(last)]
    return " ".join(part for part in parts if part)


def _birth_date(row: Row) -> date:
    born = row.day("fulldate")
    if born > DATA_ENDS_ON:
        message = "fulldate is in the future"
        raise BadLine(message)
    return born


async def import_clients(store: Store, posts: Posts, links: Links) -> None:
    """Store each client as a customer of source RETAIL_BANK."""
    file = store.files[sources.CLIENTS]
    seen: set[str] = set()

    def parse(row: Row) -> Person:
        number = row.once("client_id", client_number(row), seen)
        seen.add(number)
        since = links.customer_since.get(number)
        if since is None:
            message = "the client has no account, so since when is not known"
            raise BadLine(message)
        return Person(
            line=row.line,
            id=source_id("client", number),
            number=number,
            source=DataSource.RETAIL_BANK,
            tier=links.tiers.get(number, Tier.NORMAL),
            branch_id=branch_of(store, row),
            customer_since=since,
            name=full_name(row, "first", "middle", "last"),
            national_id=row.matching("social", NATIONAL_ID, "a social security number"),
            phone=row.matching("phone", PHONE, "a telephone number"),
            email=row.matching("email", _EMAIL, "an e-mail address").lower(),
            birth_date=_birth_date(row),
            gender=row.code("sex", codes.GENDERS),
            address=Address(
                line1=row.text("address_1"),
                line2=row.optional("address_2"),
                city=row.text("city"),
                region=row.text("state"),
                postal_code=row.matching("zipcode", POSTAL_CODE, "a postal code"),
            ),
        )

    for batch in batches(file.parsed(parse)):
        new, there = await store_customers(store, file, posts, batch)
        file.count.stored += len(new)
        file.count.already_there += len(there)
        store.advance(file)
