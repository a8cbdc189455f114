"""Statements by which the unit of work keeps money from leaving accounts, and lets it go again."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.db.accounts import LockedAccount
from app.db.ids import new_id
from app.db.unit_of_work import Unit
from app.domain.account import AccountStatus, HoldReason

_NOTE: Final = "account_hold.note_ciphertext"


@dataclass(frozen=True)
class NewHold:
    """What is held of an account (None is all of it), and why."""

    amount: Decimal | None
    reason: HoldReason
    note: str | None


async def place(unit: Unit, account: LockedAccount, new: NewHold) -> UUID:
    """Hold an amount of a locked account, or freeze it."""
    owner, row = account.key.owner, new_id()
    note = unit.encrypt(owner, _NOTE, row, new.note) if owner in unit.ciphers else None
    await unit.insert(
        "account_hold",
        customer_id=owner,
        id=row,
        account_id=account.key.id,
        amount=new.amount,
        currency=account.currency,
        reason=new.reason,
        note_ciphertext=note,
        placed_by=unit.maker.id,
        placed_at=unit.at,
    )
    status = AccountStatus.FROZEN if new.amount is None else account.state.status
    await _change(unit, account, new.amount or Decimal(0), status)
    return row


async def amount_of(unit: Unit, account: LockedAccount, hold: UUID) -> Decimal | None:
    """Give the amount that a hold keeps of a locked account; None where there is no such hold."""
    rows = await unit.fetch(
        "select amount from account_hold where customer_id = $1 and account_id = $2"
        " and id = $3 and lifted_at is null and amount is not null",
        *account.key,
        hold,
    )
    return rows[0]["amount"] if rows else None


async def lift(unit: Unit, account: LockedAccount, hold: UUID, amount: Decimal) -> None:
    """Lift a hold of an amount of a locked account."""
    await unit.change(
        "update account_hold set lifted_at = $4 where customer_id = $1 and account_id = $2"
        " and id = $3 and lifted_at is null",
        *account.key,
        hold,
        unit.at,
    )
    await _change(unit, account, -amount, account.state.status)


async def thaw(unit: Unit, account: LockedAccount) -> None:
    """Lift all that freezes a locked account as a whole."""
    await unit.fetch(
        "update account_hold set lifted_at = $3 where customer_id = $1 and account_id = $2"
        " and lifted_at is null and amount is null",
        *account.key,
        unit.at,
    )
    await _change(unit, account, Decimal(0), AccountStatus.OPEN)


async def _change(unit: Unit, account: LockedAccount, held: Decimal, status: AccountStatus) -> None:
    await unit.change(
        "update account set held = held + $3, status = $4, version = version + 1"
        " where customer_id = $1 and id = $2 and version = $5",
        *account.key,
        held,
        status,
        account.row["version"],
    )
