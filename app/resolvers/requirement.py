"""What transfers are asked for, and the codes that confirm them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from secrets import randbelow
from typing import Any, Final

from app.auth.limits import CustomerLimit
from app.auth.promises import LASTS, Promise, Promises
from app.db import payees, promises
from app.db import payer as payers
from app.db.accounts import AccountKey
from app.db.beneficiaries import Beneficiary
from app.db.commands import Change, Command, Done, Made
from app.db.ids import new_id
from app.db.requirements import Decision, Terms, decide, own_accounts
from app.db.scope import RowScope
from app.db.unit_of_work import Unit
from app.domain import payment as rules
from app.domain.account import AccountKind
from app.domain.customer import Tier
from app.domain.money import Currency
from app.domain.problem import Problem, ProblemCode
from app.domain.requirement import Requirement, TransferStep
from app.planner.prepared import prepared
from app.resolvers.context import Context, carry_out
from app.resolvers.messages import CodeMessage

_PAYER: Final = "fromAccountId"
_AMOUNT: Final = "amount"
_PHONE: Final = "customer.phone_ciphertext"
_DIGITS: Final = 6


@dataclass(frozen=True)
class AskedTransfer:
    """The transfer that is asked about."""

    payer: AccountKey
    amount: Decimal
    currency: Currency
    to: Beneficiary


@dataclass(frozen=True)
class Promised:
    """What is asked for, and the promise of it."""

    requirement: Requirement
    amount: Decimal
    currency: Currency
    tier: Tier | None
    limit: CustomerLimit | None
    token: str
    valid_until: datetime


async def ask(context: Context, asked: AskedTransfer) -> Promised:
    """Say what a transfer will be asked for; raises Problem where it would be refused anyway.

    Nothing is written, and nothing is said of the payee's account: not even whether there is one.
    """
    terms = await _terms(context, asked)
    if terms.account is not None and terms.account.owner == terms.payer.owner:
        decision = Decision(own_accounts())
    else:
        decision = await decide(context.reader.run, context.index, context.viewer, terms)
    limit, requirement = decision.limit, decision.requirement
    if limit is not None and terms.amount > limit.order and not _is_own(requirement):
        raise Problem(ProblemCode.LIMIT_EXCEEDED, f"{_AMOUNT}.amount")
    kept = context.promises
    promise = Promise(
        new_id(),
        context.viewer.id,
        context.viewer.role.value,
        terms.digest,
        terms.amount,
        terms.currency,
        kept.now() + LASTS,
        requirement.steps,
        requirement.cooling_off_until,
        limit,
        decision.is_to_new,
        requirement.is_unusual,
    )
    return Promised(
        requirement,
        terms.amount,
        terms.currency,
        decision.tier,
        limit,
        kept.write(promise),
        promise.valid_until,
    )


async def send_code(context: Context, key: str, token: str) -> Done | Problem:
    """Send the code that a promise asks for to the phone of the customer who orders."""
    sent: list[CodeMessage] = []

    async def act(unit: Unit) -> Change:
        sent.clear()
        promise = Promises(unit.keys.promise_secret).read(token, unit.viewer)
        if TransferStep.CONFIRMATION_CODE not in promise.steps:
            raise Problem(ProblemCode.CODE_NOT_NEEDED, "requirementsToken")
        if context.messages is None:
            raise Problem(ProblemCode.CODES_NOT_SENT)
        person = unit.viewer.id
        row = await unit.lock_customer(person)
        phone = unit.decrypt(person, _PHONE, person, row["phone_ciphertext"])
        if phone is None:
            raise Problem(ProblemCode.PHONE_MISSING)
        code = f"{randbelow(10**_DIGITS):0{_DIGITS}}"
        await promises.send_code(unit, promise, code)
        told = (promise.amount, promise.currency, promise.valid_until, context.language)
        sent.append(CodeMessage(phone, code, *told))
        return Change(Made("cus", person, person), "transfer.code_sent", person)

    outcome = await carry_out(
        context, Command("sendConfirmationCode", key, {"requirements_token": token}), act
    )
    # After the commit: nobody holds a code that the bank does not know. One that is lost on the
    # way is made up for by another promise, and another code.
    if isinstance(outcome, Done) and not outcome.replayed and context.messages is not None:
        (message,) = sent
        await context.messages.send_code(message)
    return outcome


async def _terms(context: Context, asked: AskedTransfer) -> Terms:
    """Check the transfer as far as what the viewer sees decides."""
    row = await _account(context, asked.payer, _PAYER)
    viewer, state = context.viewer, payers.state_of(row)
    if viewer.staff_id is not None and asked.payer.owner == viewer.own_customer_id:
        raise Problem(ProblemCode.CUSTOMER_IS_ONESELF)
    if not payers.owner_is_active(row):
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE, _PAYER)
    rules.check_open(state, _PAYER)
    rules.check_kind(state, _PAYER, AccountKind.DEMAND)
    rules.check_currency(state, asked.currency, _AMOUNT)
    amount = rules.check_amount(asked.amount, asked.currency, _AMOUNT)
    await _check_payee(context, asked)
    rules.check_leaving(state, amount, _PAYER, _AMOUNT)
    to = asked.to
    given = None if to.given is None else rules.check_payee(to.given, to.field)
    return Terms(asked.payer, amount, asked.currency, to.account, to.payee, given)


async def _check_payee(context: Context, asked: AskedTransfer) -> None:
    to = asked.to
    if to.payee is not None:
        own = {asked.payer.owner, context.viewer.customer_id}
        if to.payee.owner not in own or not await payees.is_kept(context.reader.run, to.payee):
            raise Problem(ProblemCode.NOT_FOUND, to.field)
    if to.account is None:
        return
    if to.account == asked.payer:
        raise Problem(ProblemCode.SAME_ACCOUNT, to.field)
    state = payers.state_of(await _account(context, to.account, to.field))
    rules.check_open(state, to.field)
    rules.check_kind(state, to.field, AccountKind.DEMAND)
    rules.check_currency(state, asked.currency, _AMOUNT)


async def _account(context: Context, key: AccountKey, field: str) -> Any:
    scope = RowScope(context.viewer)
    rows = await context.reader.fetch(
        prepared(("payer", scope.shape), lambda: payers.statement(scope)),
        {**scope.values, **payers.values(key)},
    )
    if not rows:
        raise Problem(ProblemCode.NOT_FOUND, field)
    return rows[0]


def _is_own(requirement: Requirement) -> bool:
    return requirement == own_accounts()
