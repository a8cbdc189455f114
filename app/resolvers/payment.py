"""Cash and transfers: money that moves now."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from app.db import accounts, bookings, order_limits, payees
from app.db.accounts import AccountKey, Locked, LockedAccount
from app.db.commands import Change, Command, Done, Made
from app.db.payees import StoredPayee
from app.db.unit_of_work import Unit
from app.domain import payment as rules
from app.domain.account import AccountKind
from app.domain.ledger import Leg
from app.domain.money import Currency
from app.domain.payment import PayeeAccount
from app.domain.problem import Problem, ProblemCode
from app.resolvers.context import Context, carry_out

PREFIX: Final = "txn"
_PLACE: Final = "accountId"
_PAYER: Final = "fromAccountId"
_AMOUNT: Final = "amount"


@dataclass(frozen=True)
class CashOrder:
    """Cash at the counter: which account, how much, and what the statement says."""

    account: AccountKey
    amount: Decimal
    currency: Currency
    text: str | None


@dataclass(frozen=True)
class Beneficiary:
    """Where money goes: an account that the viewer sees, a stored payee, or a number and name.

    Just one of the three; ``field`` is its place in the input.
    """

    field: str
    account: AccountKey | None = None
    payee: AccountKey | None = None
    given: PayeeAccount | None = None


@dataclass(frozen=True)
class Transfer:
    """Money from one account to another, here or at another bank."""

    payer: AccountKey
    amount: Decimal
    currency: Currency
    to: Beneficiary
    text: str | None


async def deposit(context: Context, key: str, command: CashOrder) -> Done | Problem:
    """Book cash that was paid in."""

    async def act(unit: Unit) -> Change:
        locked = await accounts.lock(unit, [command.account])
        account = accounts.seen(locked, command.account, _PLACE)
        accounts.check_not_oneself(unit, account)
        amount = _check_cash(account, command)
        legs = bookings.cash_legs(unit, account, amount, command.text)
        await bookings.book_legs(unit, account.key.owner, legs, locked.value_on())
        return _change("cash.deposited", legs[0], command.text)

    return await carry_out(context, Command("deposit", key, asdict(command)), act)


async def withdraw(context: Context, key: str, command: CashOrder) -> Done | Problem:
    """Book cash that was taken out."""

    async def act(unit: Unit) -> Change:
        locked = await accounts.lock(unit, [command.account])
        account = accounts.ordered_from(unit, locked, command.account, _PLACE)
        amount = _check_cash(account, command)
        rules.check_leaving(account.state, amount, _PLACE, _AMOUNT)
        order_limits.check_post(unit, amount, account.currency)
        legs = bookings.cash_legs(unit, account, -amount, command.text)
        await bookings.book_legs(unit, account.key.owner, legs, locked.value_on())
        return _change("cash.withdrawn", legs[0], command.text)

    return await carry_out(context, Command("withdraw", key, asdict(command)), act)


async def transfer(context: Context, key: str, command: Transfer) -> Done | Problem:
    """Transfer money."""

    async def act(unit: Unit) -> Change:
        stored = await _stored_payee(unit, command)
        to = stored.account if stored else _given(command)
        outside = to is not None and to.bank is not None
        named = [key for key in (command.payer, command.to.account) if key is not None]
        locked = await accounts.lock(unit, named, to.number if to and not outside else None)
        payer = accounts.ordered_from(unit, locked, command.payer, _PAYER)
        _check_payee_is_of(unit, stored, payer, command.to.field)
        payee = None if outside else _payee_here(unit, locked, command, to)
        amount = _check_transfer(payer, payee, command)
        order_limits.check_post(unit, amount, payer.currency)
        if payee is None or payee.key.owner != payer.key.owner:
            await order_limits.count_customer(unit, locked, amount, payer.currency)
        if payee is not None:
            legs = bookings.transfer_legs(unit, payer, payee, amount, command.text)
        else:
            assert to is not None, "another bank's account is given by name and number"
            legs = bookings.outgoing_legs(unit, payer, to, amount, command.text)
        await bookings.book_legs(unit, payer.key.owner, legs, locked.value_on())
        if stored is not None:
            await payees.note_payment(unit, stored)
        told = asdict(to) if to else {"account": command.to.account}
        return _change("transfer.booked", legs[0], command.text, told)

    return await carry_out(context, Command("transfer", key, asdict(command)), act)


def _check_cash(account: LockedAccount, command: CashOrder) -> Decimal:
    """Check what deposits and withdrawals share; gives the amount in the minor unit."""
    rules.check_open(account.state, _PLACE)
    rules.check_kind(account.state, _PLACE, AccountKind.DEMAND)
    rules.check_currency(account.state, command.currency, _AMOUNT)
    return rules.check_amount(command.amount, command.currency, _AMOUNT)


def _check_transfer(
    payer: LockedAccount, payee: LockedAccount | None, command: Transfer
) -> Decimal:
    if payee is not None and payee.key == payer.key:
        raise Problem(ProblemCode.SAME_ACCOUNT, command.to.field)
    rules.check_open(payer.state, _PAYER)
    rules.check_kind(payer.state, _PAYER, AccountKind.DEMAND)
    rules.check_currency(payer.state, command.currency, _AMOUNT)
    amount = rules.check_amount(command.amount, command.currency, _AMOUNT)
    if payee is not None:
        rules.check_currency(payee.state, command.currency, _AMOUNT)
    fee = payer.transfer_fee if payee is None else Decimal(0)
    rules.check_leaving(payer.state, amount + fee, _PAYER, _AMOUNT)
    return amount


def _given(command: Transfer) -> PayeeAccount | None:
    to = command.to
    return None if to.given is None else rules.check_payee(to.given, to.field)


async def _stored_payee(unit: Unit, command: Transfer) -> StoredPayee | None:
    if command.to.payee is None:
        return None
    found = await payees.lock(unit, *command.to.payee)
    if found is None:
        raise Problem(ProblemCode.NOT_FOUND, command.to.field)
    return found


def _check_payee_is_of(
    unit: Unit, stored: StoredPayee | None, payer: LockedAccount, field: str
) -> None:
    """Refuse a payee of somebody else than the payer, or than the holder who orders."""
    if stored is not None and stored.owner not in {payer.key.owner, unit.viewer.customer_id}:
        raise Problem(ProblemCode.NOT_FOUND, field)


def _payee_here(
    unit: Unit, locked: Locked, command: Transfer, to: PayeeAccount | None
) -> LockedAccount:
    """Give the account of this bank that money goes to.

    Found by number, it must have the payee's name too; whatever does not fit is told alike, so
    that nobody learns from a refusal whose account it is, or that there is one.
    """
    field = command.to.field
    if command.to.account is not None:
        account = accounts.seen(locked, command.to.account, field)
        rules.check_open(account.state, field)
        rules.check_kind(account.state, field, AccountKind.DEMAND)
        return account
    found = locked.found and locked.accounts[locked.found]
    if to is None or not found or not rules.is_payable(found.state):
        raise Problem(ProblemCode.PAYEE_UNKNOWN, field)
    name = accounts.owner_name(unit, found)
    if name is None or not rules.same_name(name, to.name):
        raise Problem(ProblemCode.PAYEE_UNKNOWN, field)
    return found


def _change(event: str, first: Leg, text: str | None, to: Any = None) -> Change:
    """Give the record of a booking whose first leg is the customer's."""
    detail: dict[str, Any] = {"amount": first.amount, "currency": first.currency, "text": text}
    if to is not None:
        detail["to"] = to
    made = Made(PREFIX, first.owner, first.id)
    return Change(made, event, first.owner, ["balance"], detail)
