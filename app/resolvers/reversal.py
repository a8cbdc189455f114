"""Taking bookings back, by new ones."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.db import accounts, bookings, reversals
from app.db.accounts import AccountKey, Locked, LockedAccount
from app.db.approvals import FieldDiff
from app.db.commands import Change, Command, Done, Made
from app.db.reversals import Booked
from app.db.unit_of_work import Act, Unit
from app.domain import payment as rules
from app.domain.account import AccountKind, TransactionKind
from app.domain.customer import DataSource
from app.domain.ledger import Leg
from app.domain.payment import AccountState, Standing
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import format_id
from app.resolvers import second_person
from app.resolvers.context import Context, carry_out
from app.resolvers.second_person import Matter, ask_always

PREFIX: Final = "txn"
_PLACE: Final = "transactionId"
# What a person at the bank can have booked wrongly.
_REVERSIBLE: Final = frozenset(
    {
        TransactionKind.CASH_DEPOSIT,
        TransactionKind.CASH_WITHDRAWAL,
        TransactionKind.TRANSFER_OUT,
    }
)


@dataclass(frozen=True)
class ReverseTransaction:
    """Which posting's entry is taken back, why, and what statements say of it."""

    owner: UUID
    id: UUID
    reason: str
    text: str | None


async def reverse(context: Context, key: str, command: ReverseTransaction) -> Done | Problem:
    """Ask to book the mirror of a whole entry, with its fees, once."""
    given = Command("reverseTransaction", key, command)
    return await carry_out(context, given, reversing(command))


def reversing(command: ReverseTransaction) -> Act:
    """Give the rule: a second person agrees."""

    async def act(unit: Unit) -> Change:
        booked = await reversals.find(unit, command.owner, command.id)
        if booked is None:
            raise Problem(ProblemCode.NOT_FOUND, _PLACE)
        locked = await accounts.lock(unit, booked.accounts)
        account = accounts.seen(locked, booked.account, _PLACE)
        accounts.check_not_oneself(unit, account)
        rules.check_standing(account.state, _PLACE, Standing.OWNER)
        await _check_entry(unit, booked)
        _check_accounts(locked, booked)
        legs = tuple(
            reversals.mirrored(
                unit,
                row,
                locked.accounts.get(AccountKey(row["customer_id"], row["account_id"])),
                command.text,
            )
            for row in booked.postings
        )
        # The account that the reversal was asked for tells of it.
        own = next(leg for leg in legs if (leg.owner, leg.account) == account.key)
        if asked := await ask_always(unit, _shown(unit, locked, account, own, command)):
            return asked
        await bookings.book_legs(
            unit,
            booked.customer_id,
            legs,
            locked.value_on(),
            reverses_id=booked.entry_id,
        )
        made = Made(PREFIX, own.owner, own.id)
        detail = {"reverses": command.id, "reason": command.reason, "amount": own.amount}
        return Change(made, "transaction.reversed", own.owner, ["balance"], detail)

    return act


def _shown(
    unit: Unit, locked: Locked, account: LockedAccount, own: Leg, command: ReverseTransaction
) -> Matter:
    """Show what comes back to or leaves the account; the entry itself can never change."""
    shown = [
        second_person.money("amount", own.amount, account.currency),
        *second_person.account(unit, "account", account),
        FieldDiff("transaction", format_id(PREFIX, command.owner, command.id), None),
        FieldDiff("reason", None, command.reason, "Transaction.text"),
        second_person.text(command.text),
    ]
    beside = [each for key, each in locked.accounts.items() if key != account.key]
    return Matter(account, shown, beside=beside)


async def _check_entry(unit: Unit, booked: Booked) -> None:
    entry = await reversals.entry_of(unit, booked)
    if entry["is_reversed"]:
        raise Problem(ProblemCode.ALREADY_REVERSED, _PLACE)
    # What was imported or invented was booked elsewhere, and is corrected there.
    if entry["source"] != DataSource.BANK360 or entry["kind"] not in _REVERSIBLE:
        raise Problem(ProblemCode.NOT_REVERSIBLE, _PLACE)


def _check_accounts(locked: Locked, booked: Booked) -> None:
    """Refuse where an account no longer bears its part.

    Of several reasons the first account's is told, in the order in which they are locked. Of an
    account that the viewer does not see, nothing is told but that it cannot be done.
    """
    taken: defaultdict[AccountKey, Decimal] = defaultdict(Decimal)
    for row in booked.postings:
        taken[AccountKey(row["customer_id"], row["account_id"])] += row["amount"]
    for key, account in locked.accounts.items():
        try:
            _check_account(account.state, taken[key])
        except Problem as problem:
            if account.state.standing is None:
                raise Problem(ProblemCode.NOT_REVERSIBLE, _PLACE) from problem
            raise


def _check_account(account: AccountState, gained: Decimal) -> None:
    rules.check_open(account, _PLACE)
    if account.kind is not AccountKind.DEMAND:
        raise Problem(ProblemCode.NOT_REVERSIBLE, _PLACE)
    if gained > 0:
        rules.check_leaving(account, gained, _PLACE, _PLACE)
