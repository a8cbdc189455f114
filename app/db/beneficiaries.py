"""Where an order's money goes: an account that is seen, a stored payee, or a number and a name."""

from dataclasses import dataclass

from app.db import accounts, payees
from app.db.accounts import AccountKey, Locked, LockedAccount
from app.db.payees import StoredPayee
from app.db.unit_of_work import Unit
from app.domain import payment as rules
from app.domain.account import AccountKind
from app.domain.payment import PayeeAccount
from app.domain.problem import Problem, ProblemCode


@dataclass(frozen=True)
class Beneficiary:
    """Where money goes, in one of three ways; ``field`` is its place in the input."""

    field: str
    account: AccountKey | None = None
    payee: AccountKey | None = None
    given: PayeeAccount | None = None


@dataclass(frozen=True)
class Route:
    """The accounts of an order, locked, and to whom it goes.

    ``payee`` is an account of this bank; where it is None, ``outside`` is one of another bank.
    """

    locked: Locked
    payer: LockedAccount
    payee: LockedAccount | None
    outside: PayeeAccount | None
    stored: StoredPayee | None

    @property
    def leaves_owner(self) -> bool:
        """Whether the money goes to somebody else."""
        return self.payee is None or self.payee.key.owner != self.payer.key.owner


async def lock(unit: Unit, payer_key: AccountKey, field: str, to: Beneficiary) -> Route:
    """Lock the account that pays (``field`` is its place in the input) and where the money goes."""
    stored = await _stored(unit, to)
    whom = stored.account if stored else _checked(to)
    outside = whom if whom is not None and whom.bank is not None else None
    named = {key for key in (payer_key, to.account) if key is not None}
    number = whom.number if whom is not None and outside is None else None
    locked = await accounts.lock(unit, named, number)
    payer = accounts.ordered_from(unit, locked, payer_key, field)
    # A payee is the owner's, or that of the holder who orders.
    if stored is not None and stored.owner not in {payer.key.owner, unit.viewer.customer_id}:
        raise Problem(ProblemCode.NOT_FOUND, to.field)
    payee = None if outside else _here(unit, locked, to, whom)
    if payee is not None and payee.key == payer.key:
        raise Problem(ProblemCode.SAME_ACCOUNT, to.field)
    return Route(locked, payer, payee, outside, stored)


def _checked(to: Beneficiary) -> PayeeAccount | None:
    return None if to.given is None else rules.check_payee(to.given, to.field)


async def _stored(unit: Unit, to: Beneficiary) -> StoredPayee | None:
    if to.payee is None:
        return None
    found = await payees.lock(unit, *to.payee)
    if found is None:
        raise Problem(ProblemCode.NOT_FOUND, to.field)
    return found


def _here(unit: Unit, locked: Locked, to: Beneficiary, whom: PayeeAccount | None) -> LockedAccount:
    """Give the account of this bank that money goes to.

    Found by number, it must have the payee's name too; whatever does not fit is told alike, so
    that nobody learns from a refusal whose account it is, or that there is one.
    """
    if to.account is not None:
        account = accounts.seen(locked, to.account, to.field)
        rules.check_open(account.state, to.field)
        rules.check_kind(account.state, to.field, AccountKind.DEMAND)
        return account
    found = locked.accounts[locked.found] if locked.found else None
    if whom is None or found is None or not rules.is_payable(found.state):
        raise Problem(ProblemCode.PAYEE_UNKNOWN, to.field)
    name = accounts.owner_name(unit, found)
    if name is None or not rules.same_name(name, whom.name):
        raise Problem(ProblemCode.PAYEE_UNKNOWN, to.field)
    return found
