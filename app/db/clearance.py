"""Keeping a transfer to what it is asked for: by a promise, or as is decided at that moment."""

from dataclasses import dataclass
from typing import Final

from app.auth.limits import CustomerLimit
from app.auth.permissions import Role
from app.auth.promises import Promise, Promises
from app.db import promises
from app.db.requirements import Decision, Terms, decide
from app.db.unit_of_work import Unit
from app.domain.problem import Problem, ProblemCode
from app.domain.requirement import TransferStep

_AMOUNT: Final = "amount.amount"
_CODE: Final = "confirmationCode"


@dataclass(frozen=True)
class Given:
    """What an order brings along: a promise's token, and the code that was sent for it."""

    token: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Cleared:
    """What is left to be asked for, and what a customer may pay at least, where that was promised.

    A payment ``is_to_new`` counts for what new payees may get on a day; one that ``is_unusual`` is
    for the service desk to look at.
    """

    needs_second: bool = False
    limit: CustomerLimit | None = None
    is_to_new: bool = False
    is_unusual: bool = False


async def clear(unit: Unit, terms: Terms, given: Given, *, is_own: bool) -> Cleared | Problem:
    """Check that a transfer brings what it is asked for.

    A wrong code is counted and given back as the refusal: see `promises.check_code`. With a
    promise, what it says is all that is asked for, however the world has changed meanwhile; it is
    used up by this transfer, or by nothing when that is refused.
    """
    if given.token is not None:
        return await _kept(unit, terms, given.token, given.code)
    # Posts have their limits also where the money stays with its owner.
    if is_own and unit.viewer.role is Role.CUSTOMER:
        return Cleared()
    decision = await decide(
        lambda sql, values: unit.fetch(sql, *values), unit.keys.index, unit.viewer, terms
    )
    return _demanded(decision)


def _demanded(decision: Decision) -> Cleared:
    steps = decision.requirement.steps
    if TransferStep.COOLING_OFF in steps:
        raise Problem(ProblemCode.COOLING_OFF, _AMOUNT)
    if TransferStep.CONFIRMATION_CODE in steps:
        raise Problem(ProblemCode.CONFIRMATION_NEEDED, _CODE)
    second, unusual = TransferStep.SECOND_PERSON in steps, decision.requirement.is_unusual
    return Cleared(second, None, decision.is_to_new, unusual)


async def _kept(unit: Unit, terms: Terms, token: str, code: str | None) -> Cleared | Problem:
    known = Promises(unit.keys.promise_secret)
    promise: Promise = known.read_for(token, unit.viewer, terms.digest)
    if TransferStep.COOLING_OFF in promise.steps:
        raise Problem(ProblemCode.COOLING_OFF, _AMOUNT)
    if TransferStep.CONFIRMATION_CODE in promise.steps:
        refused = await promises.check_code(unit, promise, code)
        if refused is not None:
            return refused
    await promises.use(unit, promise)
    second = TransferStep.SECOND_PERSON in promise.steps
    return Cleared(second, promise.limit, promise.is_to_new, promise.is_unusual)
