"""Keeping money from leaving accounts, and letting it go again."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.db import accounts, anomalies, holds
from app.db.accounts import AccountKey, LockedAccount
from app.db.approvals import FieldDiff
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Act, Unit
from app.domain import payment as rules
from app.domain.account import AccountKind, AccountStatus, HoldReason
from app.domain.money import Currency
from app.domain.problem import Problem, ProblemCode
from app.domain.service import TicketTopic
from app.resolvers import second_person
from app.resolvers.context import Context, carry_out
from app.resolvers.second_person import Matter, ask_always

HOLD_PREFIX: Final = "hld"
PREFIX: Final = "acc"
_PLACE: Final = "accountId"


@dataclass(frozen=True)
class FreezeAccount:
    """What is held (an amount, or None for the whole account), and why."""

    account: AccountKey
    amount: Decimal | None
    currency: Currency | None
    reason: HoldReason
    note: str | None
    expected_version: int


@dataclass(frozen=True)
class UnfreezeAccount:
    """Which hold is lifted; None is what freezes the whole account."""

    account: AccountKey
    hold_id: UUID | None
    note: str | None
    expected_version: int


async def freeze(context: Context, key: str, command: FreezeAccount) -> Done | Problem:
    """Ask to freeze an account, or to hold an amount of it: also more than is there by now."""
    given = Command("freezeAccount", key, command)
    return await carry_out(context, given, freezing(command))


def freezing(command: FreezeAccount) -> Act:
    """Give the rule: a second person agrees."""

    async def act(unit: Unit) -> Change:
        account = await _lock(unit, command.account, command.expected_version)
        amount = None
        if command.amount is not None and command.currency is not None:
            rules.check_currency(account.state, command.currency, "amount")
            amount = rules.check_amount(command.amount, command.currency, "amount")
        elif account.state.status is AccountStatus.FROZEN:
            raise Problem(ProblemCode.NOTHING_TO_CHANGE)
        if asked := await _ask(unit, account, amount, command):
            return asked
        new = holds.NewHold(amount, command.reason, command.note)
        hold = await holds.place(unit, account, new)
        if amount is None:
            # Holds of amounts, of which customers are not told, are not told by a ticket either.
            await anomalies.report(unit, account, TicketTopic.ACCOUNT_FROZEN)
        made = Made(HOLD_PREFIX, account.key.owner, hold)
        detail = {"amount": amount, "reason": command.reason, "note": command.note}
        fields = ["status"] if amount is None else ["held"]
        return Change(made, "account.frozen", account.key.owner, fields, detail)

    return act


async def unfreeze(context: Context, key: str, command: UnfreezeAccount) -> Done | Problem:
    """Ask to lift a hold, or what freezes the whole account."""
    given = Command("unfreezeAccount", key, command)
    return await carry_out(context, given, unfreezing(command))


def unfreezing(command: UnfreezeAccount) -> Act:
    """Give the rule: a second person agrees."""

    async def act(unit: Unit) -> Change:
        account = await _lock(unit, command.account, command.expected_version)
        amount = None
        if command.hold_id is not None:
            amount = await holds.amount_of(unit, account, command.hold_id)
            if amount is None:
                raise Problem(ProblemCode.NOT_FOUND, "holdId")
        elif account.state.status is not AccountStatus.FROZEN:
            raise Problem(ProblemCode.NOTHING_TO_CHANGE)
        if asked := await _ask(unit, account, amount, command):
            return asked
        if command.hold_id is None or amount is None:
            await holds.thaw(unit, account)
        else:
            await holds.lift(unit, account, command.hold_id, amount)
        made = Made(PREFIX, *account.key)
        detail = {"amount": amount, "hold": command.hold_id, "note": command.note}
        fields = ["status"] if amount is None else ["held"]
        return Change(made, "account.unfrozen", account.key.owner, fields, detail)

    return act


async def _ask(
    unit: Unit,
    account: LockedAccount,
    amount: Decimal | None,
    command: FreezeAccount | UnfreezeAccount,
) -> Change | None:
    """Ask for a second person, who sees what money may not leave before, and after."""
    held, freezes = account.state.held, isinstance(command, FreezeAccount)
    shown = second_person.account(unit, "account", account)
    if amount is None:
        after = AccountStatus.FROZEN if freezes else AccountStatus.OPEN
        shown.append(FieldDiff("status", account.state.status.value, after.value))
    else:
        sums = (held, held + amount if freezes else held - amount)
        before, after_all = [f"{each} {account.currency}" for each in sums]
        shown.append(FieldDiff("held", before, after_all, "AccountHold.amount"))
    if isinstance(command, FreezeAccount):
        shown.append(FieldDiff("reason", None, command.reason.value, "AccountHold.reason"))
    shown.append(FieldDiff("note", None, command.note, "AccountHold.note"))
    return await ask_always(unit, Matter(account, shown, {"account": account.row["version"]}))


async def _lock(unit: Unit, key: AccountKey, expected_version: int) -> LockedAccount:
    account = accounts.seen(await accounts.lock(unit, [key]), key, _PLACE)
    accounts.check_not_oneself(unit, account)
    rules.check_open(account.state, _PLACE)
    rules.check_kind(account.state, _PLACE, AccountKind.DEMAND, AccountKind.TIME_DEPOSIT)
    unit.check_version(account.row, expected_version)
    return account
