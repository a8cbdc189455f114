"""Statements by which the unit of work finds what is to be reversed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.db.accounts import AccountKey, LockedAccount
from app.db.bank_itself import BANK_ID
from app.db.bookings import Remittance
from app.db.bookings import leg as make_leg
from app.db.ids import new_id
from app.db.unit_of_work import Unit
from app.domain.account import TransactionKind
from app.domain.ledger import Leg
from app.domain.money import Currency

_POSTING: Final = """
select customer_id, account_id, entry_customer_id, entry_id from posting
where customer_id = $1 and id = $2
"""
_POSTINGS: Final = "select * from posting where entry_id = $1 order by amount, id"
_ENTRY: Final = """
select entry.kind, entry.source, exists (
        select from journal_entry as later
        where later.customer_id = entry.customer_id and later.reverses_id = entry.id
    ) as is_reversed
from journal_entry as entry where customer_id = $1 and id = $2
"""


@dataclass(frozen=True)
class Booked:
    """An entry as it was booked; ``account`` is the one whose posting was named."""

    customer_id: UUID
    entry_id: UUID
    account: AccountKey
    postings: Sequence[Any]

    @property
    def accounts(self) -> set[AccountKey]:
        """The customers' accounts that the entry moved."""
        return {
            AccountKey(row["customer_id"], row["account_id"])
            for row in self.postings
            if row["customer_id"] != BANK_ID
        }


async def find(unit: Unit, owner: UUID, posting: UUID) -> Booked | None:
    """Give the entry of a posting; None where there is no such posting."""
    rows = await unit.fetch(_POSTING, owner, posting)
    if not rows:
        return None
    (row,) = rows
    postings = await unit.fetch(_POSTINGS, row["entry_id"])
    account = AccountKey(row["customer_id"], row["account_id"])
    return Booked(row["entry_customer_id"], row["entry_id"], account, postings)


async def entry_of(unit: Unit, booked: Booked) -> Any:
    """Give kind and source of an entry, and whether it is reversed, once its accounts are locked.

    A statement of its own: it sees what was committed while the accounts were waited for.
    """
    (row,) = await unit.fetch(_ENTRY, booked.customer_id, booked.entry_id)
    return row


def mirrored(unit: Unit, row: Any, account: LockedAccount | None, text: str | None) -> Leg:
    """Give the leg that takes a posting back; ``account`` None is one of the bank's own."""
    kind = TransactionKind.REVERSAL
    if account is None:
        currency = Currency[row["currency"]]
        return Leg(new_id(), BANK_ID, row["account_id"], -row["amount"], currency, kind)
    owner, posting = account.key.owner, row["id"]

    def opened(name: str) -> str | None:
        return unit.decrypt(owner, f"posting.{name}", posting, row[name])

    told = Remittance(
        text,
        opened("counterparty_name_ciphertext"),
        opened("counterparty_account_ciphertext"),
        row["counterparty_bank"],
    )
    return make_leg(unit, account, -row["amount"], kind, told)
