"""Statements that destroy a customer's personal data and keep the ledger."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from app.db.unit_of_work import Unit
from app.domain.customer import CustomerStatus

_HAS_BUSINESS: Final = """
select exists (
        select from account
        where customer_id = $1 and (status <> 'CLOSED' or balance <> 0 or held <> 0)
    ) or exists (
        select from loan
        where customer_id = $1 and status <> 'REJECTED'
            and (status not in ('PAID_OFF', 'WRITTEN_OFF') or outstanding <> 0)
    ) or exists (select from holding where customer_id = $1 and units <> 0)
    or exists (select from card where customer_id = $1 and status = 'ACTIVE')
    or exists (select from standing_order where customer_id = $1 and status = 'ACTIVE')
    or exists (select from ticket where customer_id = $1 and status <> 'CLOSED')
    or exists (
        select from held_account as link
        join account on account.customer_id = link.owner_id and account.id = link.account_id
        where link.customer_id = $1 and account.status <> 'CLOSED'
    )
"""
_LAST_BUSINESS: Final = """
select greatest(
        (select max(closed_on) from account where customer_id = $1),
        (select max(booked_at)::date from posting where customer_id = $1),
        (select max(ends_on) from loan where customer_id = $1 and status <> 'REJECTED')
    ),
    coalesce((select current_on from business_date), current_date)
"""
# Ledger, accounts, loans and tickets stay; what is encrypted in them can never be read again. So
# do customer and account numbers, which must not be given to somebody else.
_DELETED: Final = (
    "delete from national_id_index where customer_id = $1",
    "delete from contact_index where customer_id = $1",
    "delete from name_index where customer_id = $1",
    "delete from segment_membership where customer_id = $1",
    "delete from assignment where customer_id = $1",
    "delete from payee where customer_id = $1",
    # Each connection stands under both customers.
    """
    delete from relationship as theirs using relationship as own
    where own.customer_id = $1 and theirs.customer_id = own.related_customer_id
        and theirs.related_customer_id = $1
    """,
    "delete from relationship where customer_id = $1",
)
_SEALED: Final = "_ciphertext"
_EMPTIED: Final = (
    "gender",
    "occupation",
    "risk_appetite",
    "credit_grade",
    "credit_score",
    "language",
    "preferred_channel",
    "name_ciphertext",
    "birth_date_ciphertext",
    "national_id_ciphertext",
    "phone_ciphertext",
    "email_ciphertext",
    "address_ciphertext",
)


def emptied(unit: Unit, row: Any) -> dict[str, str]:
    """Give what stands in the fields of a locked customer that erasing empties, as text."""
    found = {}
    for column in _EMPTIED:
        name = column.removesuffix(_SEALED)
        value = row[column]
        if column != name:
            value = unit.decrypt(row["id"], f"customer.{column}", row["id"], value)
        if value is not None:
            found[name] = str(value)
    return found


async def has_business(unit: Unit, customer: UUID) -> bool:
    """Tell whether a locked customer owes or owns anything, or waits for something."""
    (row,) = await unit.fetch(_HAS_BUSINESS, customer)
    return bool(row[0])


async def last_business(unit: Unit, customer: UUID) -> tuple[date | None, date]:
    """Give the day of a customer's last business, if there was any, and the business date."""
    (row,) = await unit.fetch(_LAST_BUSINESS, customer)
    return row[0], row[1]


async def erase(unit: Unit, row: Any) -> None:
    """Destroy the key and the look-up and search rows of a locked customer; close the customer."""
    emptied = ", ".join(f"{column} = null" for column in _EMPTIED)
    await unit.change(
        f"update customer set version = version + 1, status = $3, erased_at = $4, {emptied}"
        " where id = $1 and version = $2",
        row["id"],
        row["version"],
        CustomerStatus.CLOSED.value,
        unit.at,
    )
    for statement in _DELETED:
        await unit.fetch(statement, row["id"])
    await unit.change("delete from customer_key where customer_id = $1", row["id"])
    unit.keys.ring.forget(row["id"], row["wrapped_key"])
    unit.ciphers.pop(row["id"], None)
