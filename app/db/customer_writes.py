"""Statements by which the unit of work changes customers."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.db.unit_of_work import Unit
from app.domain.customer import ContactKind
from app.domain.customer_data import Phone

# Encrypted columns of a customer that a command may change, by the field's name.
ENCRYPTED: Final = ("phone", "email", "address")


def stored_value(unit: Unit, row: Any, name: str) -> Any:
    """Give a field of a locked customer in clear."""
    if name not in ENCRYPTED:
        return row[name]
    column = f"{name}_ciphertext"
    return unit.decrypt(row["id"], f"customer.{column}", row["id"], row[column])


async def update_customer(unit: Unit, row: Any, values: Mapping[str, Any]) -> None:
    """Set fields of a locked customer, and raise its version."""
    columns = {
        f"{name}_ciphertext" if name in ENCRYPTED else name: unit.encrypt(
            row["id"], f"customer.{name}_ciphertext", row["id"], value
        )
        if name in ENCRYPTED
        else value
        for name, value in values.items()
    }
    places = ", ".join(f"{column} = ${n}" for n, column in enumerate(columns, 3))
    await unit.change(
        f"update customer set version = version + 1, {places} where id = $1 and version = $2",
        row["id"],
        row["version"],
        *columns.values(),
    )


async def index_phone(unit: Unit, customer: UUID, phone: Phone | None) -> None:
    """Let a customer be found by this phone number and no other."""
    digests = unit.keys.index.phones(phone.national, phone.country_code) if phone else []
    await _index_contact(unit, customer, ContactKind.PHONE, digests)


async def index_email(unit: Unit, customer: UUID, email: str | None) -> None:
    """Let a customer be found by this e-mail address and no other."""
    digests = [unit.keys.index.email(email)] if email else []
    await _index_contact(unit, customer, ContactKind.EMAIL, digests)


async def _index_contact(
    unit: Unit, customer: UUID, kind: ContactKind, digests: list[bytes]
) -> None:
    await unit.fetch(
        "delete from contact_index where customer_id = $1 and kind = $2", customer, kind.value
    )
    await unit.change(
        "insert into contact_index (digest, customer_id, kind)"
        " select distinct unnest($1::bytea[]), $2::uuid, $3",
        digests,
        customer,
        kind.value,
        rows=len(set(digests)),
    )
