"""What a second person sees of an order about accounts, and whom it concerns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from app.auth.limits import needs_second
from app.auth.permissions import Role
from app.db.accounts import LockedAccount, holders_of, number_of, owner_name
from app.db.approvals import Ask, FieldDiff, ask
from app.db.beneficiaries import Route
from app.db.commands import Change
from app.db.unit_of_work import Unit
from app.domain.approval import ApprovalReason
from app.domain.money import Currency
from app.planner.global_id import format_id

_NUMBER: Final = "Account.number"
_NAME: Final = "Transaction.counterpartyName"
_AMOUNT: Final = "Transaction.amount"
_TEXT: Final = "Transaction.text"


@dataclass(frozen=True)
class Matter:
    """What a second person decides on: an order about an account, kept with its owner.

    ``diff`` and ``base`` are those of `Ask`; ``beside`` are the other accounts that it moves.
    Owners and holders of all of them are concerned, and none of them approves.
    """

    account: LockedAccount
    diff: Sequence[FieldDiff]
    base: Mapping[str, str | int] = field(default_factory=dict)
    beside: Sequence[LockedAccount] = ()


async def ask_always(unit: Unit, matter: Matter) -> Change | None:
    """Ask for a second person, in whatever post the maker is; see `ask`."""
    return await _ask(unit, matter, ApprovalReason.ALWAYS, frozenset())


async def ask_above_limit(unit: Unit, amount: Decimal, matter: Matter) -> Change | None:
    """Ask for a second person where an amount is above the limit of the maker's post; see `ask`.

    Customers have no such limit, and are not asked.
    """
    required = needs_second(unit.maker.role, amount, matter.account.currency)
    if unit.approved is None and not required:
        return None
    return await _ask(unit, matter, ApprovalReason.ABOVE_LIMIT, required)


async def _ask(
    unit: Unit, matter: Matter, reason: ApprovalReason, required: frozenset[Role]
) -> Change | None:
    keys = [each.key for each in (matter.account, *matter.beside)]
    owners = frozenset(key.owner for key in keys)
    holders = await holders_of(unit, keys)
    wanted = Ask(
        matter.account.key.owner, matter.diff, matter.base, reason, required, owners | holders
    )
    return await ask(unit, wanted)


def money(name: str, amount: Decimal | None, currency: Currency) -> FieldDiff:
    """Show an amount that is to be moved."""
    return FieldDiff(name, None, None if amount is None else f"{amount} {currency}", _AMOUNT)


def text(words: str | None) -> FieldDiff:
    """Show what statements are to say."""
    return FieldDiff("text", None, words, _TEXT)


def account(unit: Unit, name: str, which: LockedAccount) -> list[FieldDiff]:
    """Show which account it is: by its number, and by its id where the maker knows that."""
    number = FieldDiff(f"{name}Number", None, number_of(unit, which), _NUMBER)
    if which.state.standing is None:
        return [number]
    return [FieldDiff(name, None, format_id("acc", *which.key)), number]


def route(unit: Unit, taken: Route) -> list[FieldDiff]:
    """Show where money comes from and to whom it goes, as the payer's statement would."""
    shown = account(unit, "fromAccount", taken.payer)
    if taken.payee is not None:
        name = FieldDiff("toName", None, owner_name(unit, taken.payee), _NAME)
        return [*shown, *account(unit, "toAccount", taken.payee), name]
    assert taken.outside is not None, "money goes somewhere"
    to = taken.outside
    return [
        *shown,
        FieldDiff("toAccountNumber", None, to.number, _NUMBER),
        FieldDiff("toName", None, to.name, _NAME),
        FieldDiff("toBank", None, to.bank),
    ]


def route_base(taken: Route) -> dict[str, str | int]:
    """Give what a decision on a payment rests upon beside the order itself: payee and fee."""
    if taken.payee is not None:
        return {"payee": str(taken.payee.key.id)}
    return {"fee": str(taken.payer.transfer_fee)}


def others(taken: Route) -> tuple[LockedAccount, ...]:
    """Give the account of this bank that money goes to, if there is one."""
    return () if taken.payee is None else (taken.payee,)
