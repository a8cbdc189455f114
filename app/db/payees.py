"""Statements by which the unit of work keeps the payees of customers."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.db.accounts import AccountKey
from app.db.ids import new_id
from app.db.lookup import Fetch
from app.db.unit_of_work import Unit
from app.domain.payment import PayeeAccount, same_name

_NAME: Final = "payee.name_ciphertext"
_NUMBER: Final = "payee.number_ciphertext"

_LOCK: Final = """
select payee.*, customer_key.wrapped_key
from payee join customer_key on customer_key.customer_id = payee.customer_id
where payee.customer_id = $1 and payee.id = $2 and viewer_sees(payee.customer_id)
for no key update of payee
"""
_OWNER: Final = """
select owner.id, owner.name_ciphertext, wrapped_key, account.kind, account.status
from account_number_index as known
join account on account.customer_id = known.customer_id and account.id = known.account_id
join customer as owner on owner.id = known.customer_id
join customer_key on customer_key.customer_id = known.customer_id
where known.digest = $1
"""
_STORE: Final = """
insert into payee (customer_id, id, bank, number_digest, name_ciphertext, number_ciphertext,
    added_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (customer_id, number_digest, bank) do nothing returning id
"""


@dataclass(frozen=True)
class StoredPayee:
    """A payee of a customer's, and where the money goes."""

    owner: UUID
    id: UUID
    account: PayeeAccount


async def lock(unit: Unit, owner: UUID, payee: UUID) -> StoredPayee | None:
    """Lock a payee of somebody whom the viewer sees; None where there is none."""
    rows = await unit.fetch(_LOCK, owner, payee)
    if not rows:
        return None
    (row,) = rows
    cipher = unit.keys.ring.cipher(owner, row["wrapped_key"])
    name = cipher.decrypt(_NAME, payee, row["name_ciphertext"])
    number = cipher.decrypt(_NUMBER, payee, row["number_ciphertext"])
    return StoredPayee(owner, payee, PayeeAccount(name, number, row["bank"]))


async def is_kept(fetch: Fetch, payee: AccountKey) -> bool:
    """Tell whether somebody whom the viewer sees has a payee."""
    sql = "select from payee where customer_id = $1 and id = $2 and viewer_sees(customer_id)"
    return bool(await fetch(sql, payee))


async def note_payment(unit: Unit, payee: StoredPayee) -> None:
    """Count a payment to a locked payee."""
    await unit.change(
        "update payee set times_paid = times_paid + 1, last_paid_at = $3"
        " where customer_id = $1 and id = $2",
        payee.owner,
        payee.id,
        unit.at,
    )


async def holder_of(unit: Unit, payee: PayeeAccount) -> Any | None:
    """Give kind and status of the account here that has a payee's number and name, or None."""
    rows = await unit.fetch(_OWNER, unit.keys.index.account_number(payee.number))
    if not rows:
        return None
    (row,) = rows
    cipher = unit.keys.ring.cipher(row["id"], row["wrapped_key"])
    sealed = row["name_ciphertext"]
    name = sealed and cipher.decrypt("customer.name_ciphertext", row["id"], sealed)
    return row if name and same_name(name, payee.name) else None


async def store(unit: Unit, customer: UUID, payee: PayeeAccount) -> UUID | None:
    """Store a payee of a locked customer; None where the customer has it already."""
    row = new_id()
    made = await unit.fetch(
        _STORE,
        customer,
        row,
        payee.bank,
        unit.keys.index.account_number(payee.number),
        unit.encrypt(customer, _NAME, row, payee.name),
        unit.encrypt(customer, _NUMBER, row, payee.number),
        unit.at,
    )
    return row if made else None
