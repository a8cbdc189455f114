"""Entries as commands book them: the legs of each, and what each side is told of the other."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.auth.permissions import Role
from app.db.accounts import LockedAccount, number_of, owner_name
from app.db.bank_itself import BANK_ID, internal_account_id
from app.db.ids import new_id
from app.db.ledger import book
from app.db.unit_of_work import Unit
from app.domain.account import InternalPurpose, TransactionKind
from app.domain.ledger import Entry, Leg
from app.domain.money import Currency
from app.domain.payment import PayeeAccount
from app.domain.service import Channel

_ACCOUNT: Final = "posting.counterparty_account_ciphertext"
_NAME: Final = "posting.counterparty_name_ciphertext"
_TEXT: Final = "posting.text_ciphertext"


@dataclass(frozen=True)
class Remittance:
    """What a booking is told with: the other side, and the payer's words."""

    text: str | None = None
    name: str | None = None
    number: str | None = None
    bank: str | None = None


def leg(
    unit: Unit,
    account: LockedAccount,
    amount: Decimal,
    kind: TransactionKind,
    told: Remittance = Remittance(),
) -> Leg:
    """Make the leg of a locked account, its words encrypted with the key of the owner.

    An erased owner's account keeps no words.
    """
    posting, owner = new_id(), account.key.owner
    readable = owner in unit.ciphers

    def seal(place: str, clear: str | None) -> bytes | None:
        return unit.encrypt(owner, place, posting, clear) if readable else None

    return Leg(
        posting,
        owner,
        account.key.id,
        amount,
        account.currency,
        kind,
        told.bank,
        seal(_ACCOUNT, told.number),
        seal(_NAME, told.name),
        seal(_TEXT, told.text),
    )


def bank_leg(
    purpose: InternalPurpose, currency: Currency, amount: Decimal, kind: TransactionKind
) -> Leg:
    """Make the leg of one of the bank's own accounts."""
    return Leg(new_id(), BANK_ID, internal_account_id(purpose, currency), amount, currency, kind)


def cash_legs(
    unit: Unit, account: LockedAccount, amount: Decimal, text: str | None
) -> tuple[Leg, ...]:
    """Give the legs of cash that is paid in (``amount`` above zero) or taken out."""
    paid_in = amount > 0
    kind = TransactionKind.CASH_DEPOSIT if paid_in else TransactionKind.CASH_WITHDRAWAL
    own = leg(unit, account, amount, kind, Remittance(text))
    return own, bank_leg(InternalPurpose.CASH, account.currency, -amount, kind)


def transfer_legs(
    unit: Unit, payer: LockedAccount, payee: LockedAccount, amount: Decimal, text: str | None
) -> tuple[Leg, ...]:
    """Give the legs of a transfer between two accounts of this bank; the payer's is first."""
    to = Remittance(text, owner_name(unit, payee), number_of(unit, payee))
    sender = Remittance(text, owner_name(unit, payer), number_of(unit, payer))
    return (
        leg(unit, payer, -amount, TransactionKind.TRANSFER_OUT, to),
        leg(unit, payee, amount, TransactionKind.TRANSFER_IN, sender),
    )


def outgoing_legs(
    unit: Unit, payer: LockedAccount, payee: PayeeAccount, amount: Decimal, text: str | None
) -> tuple[Leg, ...]:
    """Give the legs of a transfer to another bank, and of its fee; the payer's is first."""
    out, fee = TransactionKind.TRANSFER_OUT, payer.transfer_fee
    to = Remittance(text, payee.name, payee.number, payee.bank)
    legs = [
        leg(unit, payer, -amount, out, to),
        bank_leg(InternalPurpose.CLEARING, payer.currency, amount, out),
    ]
    if fee:
        kind, purpose = TransactionKind.FEE, InternalPurpose.FEE_INCOME
        legs += leg(unit, payer, -fee, kind), bank_leg(purpose, payer.currency, fee, kind)
    return tuple(legs)


async def book_legs(
    unit: Unit,
    customer: UUID,
    legs: tuple[Leg, ...],
    value_on: date,
    **given: Any,
) -> UUID:
    """Book one entry of the first leg's kind on behalf of a customer; gives its id."""
    entry = Entry(
        new_id(),
        customer,
        given.pop("kind", legs[0].kind),
        value_on,
        legs,
        # Whether a customer orders in the app or on the web is not told.
        channel=None if unit.maker.role is Role.CUSTOMER else Channel.BRANCH,
        **given,
    )
    await book(unit.connection, entry)
    return entry.id
