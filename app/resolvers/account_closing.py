"""Closing accounts, and taking money out of time deposits before their end."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.db import account_writes, accounts, bookings, order_limits
from app.db.accounts import AccountKey, Locked, LockedAccount
from app.db.bookings import Remittance
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Act, Unit
from app.domain import payment as rules
from app.domain.account import AccountKind, InternalPurpose, TransactionKind
from app.domain.deposit import interest_of
from app.domain.interest import DayCount, Term, term_starts_on
from app.domain.ledger import Leg
from app.domain.money import Currency
from app.domain.payment import Standing
from app.domain.problem import Problem, ProblemCode
from app.resolvers import second_person
from app.resolvers.context import Context, carry_out
from app.resolvers.second_person import Matter, ask_above_limit

PREFIX: Final = "acc"
_PLACE: Final = "accountId"
_TARGET: Final = "toAccountId"


@dataclass(frozen=True)
class CloseAccount:
    """Which account ends, and where its money goes; None is where a time deposit pays out."""

    account: AccountKey
    to: AccountKey | None
    expected_version: int


@dataclass(frozen=True)
class WithdrawTimeDeposit:
    """How much of a time deposit goes, before its end, to where it pays out."""

    account: AccountKey
    amount: Decimal
    currency: Currency


async def close(context: Context, key: str, command: CloseAccount) -> Done | Problem:
    """Pay out what is on an account with its interest, and close it.

    Above the limit of the post a second person agrees.
    """
    given = Command("closeAccount", key, command)
    return await carry_out(context, given, closing(command))


def closing(command: CloseAccount) -> Act:
    """Give the rule of a closing."""

    async def act(unit: Unit) -> Change:
        locked, account, target = await _lock(unit, command.account, command.to)
        unit.check_version(account.row, command.expected_version)
        await _check_free(unit, account)
        today = locked.value_on()
        balance = account.state.balance
        interest = await _interest(unit, locked, account, balance)
        paid = balance + interest
        if balance < 0 or (paid and target is None):
            raise Problem(ProblemCode.BALANCE_LEFT, _TARGET)
        # What was agreed on is compared with what is there, also where nothing is there any more.
        if target is not None and (paid or unit.approved is not None):
            matter = _shown(unit, account, target, (balance, interest))
            if asked := await ask_above_limit(unit, paid, matter):
                return asked
            if target.key.owner != account.key.owner:
                await order_limits.count_customer(unit, locked, paid, account.currency)
            legs = _payout(unit, account, target, balance, interest)
            await bookings.book_legs(unit, account.key.owner, legs, today)
        await account_writes.close(unit, account, today)
        made = Made(PREFIX, *account.key)
        detail = {"paid_out": paid, "interest": interest, "to": target and target.key}
        return Change(made, "account.closed", account.key.owner, ["status"], detail)

    return act


async def withdraw_early(
    context: Context, key: str, command: WithdrawTimeDeposit
) -> Done | Problem:
    """Pay out a part of a time deposit, with interest at the demand rate.

    Above the limit of the post a second person agrees.
    """
    given = Command("withdrawTimeDeposit", key, command)
    return await carry_out(context, given, withdrawing_early(command))


def withdrawing_early(command: WithdrawTimeDeposit) -> Act:
    """Give the rule of a withdrawal from a time deposit."""

    async def act(unit: Unit) -> Change:
        locked, account, target = await _lock(unit, command.account, None)
        rules.check_kind(account.state, _PLACE, AccountKind.TIME_DEPOSIT)
        rules.check_currency(account.state, command.currency, "amount")
        amount = rules.check_amount(command.amount, command.currency, "amount")
        rules.check_leaving(account.state, amount, _PLACE, "amount.amount")
        left = account.state.balance - amount
        # All of it is a closing, and says so.
        if left <= 0 or left < (account.row["minimum"] or 0):
            raise Problem(ProblemCode.BELOW_MINIMUM, "amount.amount")
        if target is None:
            raise Problem(ProblemCode.ACCOUNT_NOT_FITTING, _PLACE)
        interest = await _interest(unit, locked, account, amount)
        matter = _shown(unit, account, target, (amount, interest))
        if asked := await ask_above_limit(unit, amount, matter):
            return asked
        legs = _payout(unit, account, target, amount, interest)
        await bookings.book_legs(unit, account.key.owner, legs, locked.value_on())
        await account_writes.shrink(unit, account, left / account.state.balance)
        made = Made(PREFIX, *account.key)
        detail = {"paid_out": amount + interest, "interest": interest, "to": target.key}
        return Change(made, "deposit.withdrawn", account.key.owner, ["balance"], detail)

    return act


def _shown(
    unit: Unit, account: LockedAccount, target: LockedAccount, paid: tuple[Decimal, Decimal]
) -> Matter:
    """Show what is paid out: money and interest. The interest grows with every day that it waits.

    The balance is a part of the base where all of it goes: more than was agreed never leaves.
    """
    amount, interest = paid
    shown = [
        second_person.money("amount", amount, account.currency),
        second_person.money("interest", interest, account.currency),
        *second_person.account(unit, "account", account),
        *second_person.account(unit, "toAccount", target),
    ]
    base: dict[str, str | int] = {"account": account.row["version"], "amount": str(amount)}
    return Matter(account, shown, base, [target])


async def _lock(
    unit: Unit, key: AccountKey, to: AccountKey | None
) -> tuple[Locked, LockedAccount, LockedAccount | None]:
    """Lock an account that the owner disposes of, and where its money goes."""
    target_key = to or await accounts.settlement_of(unit, key)
    locked = await accounts.lock(unit, {key, *([target_key] if target_key else [])})
    account = accounts.ordered_from(unit, locked, key, _PLACE)
    rules.check_open(account.state, _PLACE)
    rules.check_kind(account.state, _PLACE, AccountKind.DEMAND, AccountKind.TIME_DEPOSIT)
    rules.check_standing(account.state, _PLACE, Standing.OWNER)
    if target_key is None:
        return locked, account, None
    target = accounts.seen(locked, target_key, _TARGET)
    if target.key == account.key:
        raise Problem(ProblemCode.SAME_ACCOUNT, _TARGET)
    rules.check_open(target.state, _TARGET)
    rules.check_kind(target.state, _TARGET, AccountKind.DEMAND)
    if target.currency is not account.currency:
        raise Problem(ProblemCode.CURRENCY_NOT_MATCHING, _TARGET)
    return locked, account, target


async def _check_free(unit: Unit, account: LockedAccount) -> None:
    rules.check_not_frozen(account.state, _PLACE)
    if account.state.held or await account_writes.is_in_use(unit, account.key):
        raise Problem(ProblemCode.ACCOUNT_IN_USE, _PLACE)


async def _interest(
    unit: Unit, locked: Locked, account: LockedAccount, withdrawn: Decimal
) -> Decimal:
    """Give the interest that is paid out with money that leaves an account for good."""
    row, on = account.row, locked.value_on()
    # A deposit whose term was settled and whose money stayed earns as on demand from then on.
    if account.state.kind is AccountKind.DEMAND or row["matured_on"] is not None:
        return await account_writes.interest_due(unit, account, on)
    if not withdrawn or not row["annual_rate"] or row["matures_on"] is None:
        return Decimal(0)
    began_on = row["term_began_on"] or term_starts_on(
        row["opened_on"], row["matures_on"], row["term_months"]
    )
    term = Term(
        account.state.balance,
        account.currency,
        row["annual_rate"],
        began_on,
        row["matures_on"],
        DayCount[row["day_count"] or DayCount.MONTHS_360],
    )
    demand = await account_writes.demand_terms(unit, account.currency)
    return interest_of(term, withdrawn, on, demand)


def _payout(
    unit: Unit, account: LockedAccount, target: LockedAccount, amount: Decimal, interest: Decimal
) -> tuple[Leg, ...]:
    """Give the legs that credit interest to an account and move it on with the money itself."""
    legs: tuple[Leg, ...] = ()
    if interest:
        kind, expense = TransactionKind.INTEREST_CREDITED, InternalPurpose.INTEREST_EXPENSE
        legs = (
            bookings.leg(unit, account, interest, kind, Remittance()),
            bookings.bank_leg(expense, account.currency, -interest, kind),
        )
    return legs + bookings.transfer_legs(unit, account, target, amount + interest, None)
