"""Cash and transfers: money that moves now."""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Final

from app.db import accounts, anomalies, beneficiaries, bookings, order_limits, payees
from app.db.accounts import AccountKey, LockedAccount
from app.db.beneficiaries import Beneficiary, Route
from app.db.clearance import Cleared, Given, clear
from app.db.commands import Change, Command, Done, Made
from app.db.requirements import Terms
from app.db.unit_of_work import Act, Unit
from app.domain import payment as rules
from app.domain.account import AccountKind
from app.domain.ledger import Leg
from app.domain.money import Currency
from app.domain.problem import Problem
from app.domain.service import TicketTopic
from app.resolvers import second_person
from app.resolvers.context import Context, carry_out
from app.resolvers.second_person import Matter, ask_above_limit

PREFIX: Final = "txn"
_PLACE: Final = "accountId"
_PAYER: Final = "fromAccountId"
_AMOUNT: Final = "amount"
_IN_AMOUNT: Final = "amount.amount"


@dataclass(frozen=True)
class CashOrder:
    """Cash at the counter: which account, how much, and what the statement says."""

    account: AccountKey
    amount: Decimal
    currency: Currency
    text: str | None


@dataclass(frozen=True)
class Transfer:
    """Money from one account to another, here or at another bank."""

    payer: AccountKey
    amount: Decimal
    currency: Currency
    to: Beneficiary
    text: str | None
    cleared_by: Given = field(default_factory=Given)


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

    return await carry_out(context, Command("deposit", key, command), act)


async def withdraw(context: Context, key: str, command: CashOrder) -> Done | Problem:
    """Book cash that was taken out; above the limit of the post a second person agrees."""
    given = Command("withdraw", key, command)
    return await carry_out(context, given, withdrawing(command))


def withdrawing(command: CashOrder) -> Act:
    """Give the rule of a withdrawal."""

    async def act(unit: Unit) -> Change:
        locked = await accounts.lock(unit, [command.account])
        account = accounts.ordered_from(unit, locked, command.account, _PLACE)
        amount = _check_cash(account, command)
        rules.check_leaving(account.state, amount, _PLACE, _IN_AMOUNT)
        shown = [
            second_person.money("amount", amount, account.currency),
            *second_person.account(unit, "account", account),
            second_person.text(command.text),
        ]
        if asked := await ask_above_limit(unit, amount, Matter(account, shown)):
            return asked
        legs = bookings.cash_legs(unit, account, -amount, command.text)
        await bookings.book_legs(unit, account.key.owner, legs, locked.value_on())
        return _change("cash.withdrawn", legs[0], command.text)

    return act


async def transfer(context: Context, key: str, command: Transfer) -> Done | Problem:
    """Transfer money; above the limit of the post a second person agrees."""
    given = Command("transfer", key, command)
    return await carry_out(context, given, transferring(command))


def transferring(command: Transfer) -> Act:
    """Give the rule of a transfer."""

    async def act(unit: Unit) -> Change:
        route = await beneficiaries.lock(unit, command.payer, _PAYER, command.to)
        payer, text = route.payer, command.text
        amount = _check_transfer(route, command)
        cleared = await _clear(unit, route, _terms(command, amount), command.cleared_by)
        if isinstance(cleared, Problem):
            made = Made("acc", *payer.key)
            return Change(made, "transfer.code_refused", payer.key.owner, refusal=cleared)
        if cleared.needs_second and (asked := await _ask(unit, route, amount, text)):
            return asked
        change = await _pay(unit, route, amount, text)
        if cleared.is_unusual:
            await anomalies.report(unit, payer, TicketTopic.TRANSFER_UNUSUAL)
        return change

    return act


async def _ask(unit: Unit, route: Route, amount: Decimal, text: str | None) -> Change | None:
    payer = route.payer
    shown = [second_person.money("amount", amount, payer.currency)]
    if route.payee is None and payer.transfer_fee:
        shown.append(second_person.money("fee", payer.transfer_fee, payer.currency))
    shown += [*second_person.route(unit, route), second_person.text(text)]
    base, others = second_person.route_base(route), second_person.others(route)
    return await ask_above_limit(unit, amount, Matter(payer, shown, base, others))


async def _pay(unit: Unit, route: Route, amount: Decimal, text: str | None) -> Change:
    payer, payee = route.payer, route.payee
    if payee is not None:
        legs = bookings.transfer_legs(unit, payer, payee, amount, text)
    else:
        assert route.outside is not None, "money goes somewhere"
        legs = bookings.outgoing_legs(unit, payer, route.outside, amount, text)
    await bookings.book_legs(unit, payer.key.owner, legs, route.locked.value_on())
    if route.stored is not None:
        await payees.note_payment(unit, route.stored)
    to = payee.key if payee else asdict(route.outside) if route.outside else None
    return _change("transfer.booked", legs[0], text, to)


def _terms(command: Transfer, amount: Decimal) -> Terms:
    to = command.to
    given = None if to.given is None else rules.check_payee(to.given, to.field)
    return Terms(command.payer, amount, command.currency, to.account, to.payee, given)


async def _clear(unit: Unit, route: Route, terms: Terms, given: Given) -> Cleared | Problem:
    """Check what the transfer is asked for and how much may be moved; gives a wrong code back."""
    if unit.approved is not None:
        # It brought what it was asked for when it was ordered, and its promise is used up by that.
        return Cleared(needs_second=True)
    amount, currency = terms.amount, terms.currency
    if route.leaves_owner and given.token is None:
        # What no waiting and no code would help is told first.
        order_limits.check_customer(unit, route.locked, amount, currency)
    cleared = await clear(unit, terms, given, is_own=not route.leaves_owner)
    if isinstance(cleared, Problem):
        return cleared
    if route.leaves_owner:
        limit, is_to_new = cleared.limit, cleared.is_to_new
        await order_limits.count_customer(
            unit, route.locked, amount, currency, promised=limit, is_to_new=is_to_new
        )
    return cleared


def _check_cash(account: LockedAccount, command: CashOrder) -> Decimal:
    """Check what deposits and withdrawals share; gives the amount in the minor unit."""
    rules.check_open(account.state, _PLACE)
    rules.check_kind(account.state, _PLACE, AccountKind.DEMAND)
    rules.check_currency(account.state, command.currency, _AMOUNT)
    return rules.check_amount(command.amount, command.currency, _AMOUNT)


def _check_transfer(route: Route, command: Transfer) -> Decimal:
    """Check the accounts of a transfer; gives the amount in the minor unit."""
    payer, payee = route.payer, route.payee
    rules.check_open(payer.state, _PAYER)
    rules.check_kind(payer.state, _PAYER, AccountKind.DEMAND)
    rules.check_currency(payer.state, command.currency, _AMOUNT)
    amount = rules.check_amount(command.amount, command.currency, _AMOUNT)
    if payee is not None:
        rules.check_currency(payee.state, command.currency, _AMOUNT)
    fee = payer.transfer_fee if payee is None else Decimal(0)
    rules.check_leaving(payer.state, amount + fee, _PAYER, _IN_AMOUNT)
    return amount


def _change(event: str, first: Leg, text: str | None, to: Any = None) -> Change:
    """Give the record of a booking whose first leg is the customer's."""
    detail: dict[str, Any] = {"amount": first.amount, "currency": first.currency, "text": text}
    if to is not None:
        detail["to"] = to
    made = Made(PREFIX, first.owner, first.id)
    return Change(made, event, first.owner, ["balance"], detail)
