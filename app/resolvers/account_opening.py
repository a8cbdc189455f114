"""Opening accounts."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.db import account_writes, accounts, bookings
from app.db.account_writes import AgreedTerm, NewAccount, Product
from app.db.accounts import AccountKey, LockedAccount
from app.db.approvals import FieldDiff
from app.db.commands import Change, Command, Done, Made
from app.db.registration import business_date
from app.db.unit_of_work import Act, Unit
from app.domain import payment as rules
from app.domain.account import AccountKind
from app.domain.customer import CustomerStatus
from app.domain.interest import AutoRenewal, matures_on
from app.domain.money import Currency
from app.domain.payment import Standing
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import format_id
from app.resolvers import second_person
from app.resolvers.context import Context, carry_out
from app.resolvers.second_person import Matter, ask_above_limit

PREFIX: Final = "acc"


@dataclass(frozen=True)
class OpenAccount:
    """A demand account for a customer, as a product says."""

    customer_id: UUID
    product_id: UUID


@dataclass(frozen=True)
class OpenTimeDeposit:
    """A time deposit, with money of a demand account of the same owner.

    It pays out to ``settlement``, or where that is None to where the money came from.
    """

    payer: AccountKey
    product_id: UUID
    amount: Decimal
    currency: Currency
    renewal: AutoRenewal
    settlement: AccountKey | None


async def open_account(context: Context, key: str, command: OpenAccount) -> Done | Problem:
    """Open a demand account."""

    async def act(unit: Unit) -> Change:
        row = await unit.lock_customer(command.customer_id)
        _check_customer(unit, row)
        product = await account_writes.offered_product(
            unit, command.product_id, AccountKind.DEMAND, "productId"
        )
        today = await business_date(unit)
        new = NewAccount(row["id"], product, row["branch_id"], today)
        account = await account_writes.store(unit, new)
        made = Made(PREFIX, account.owner, account.id)
        detail = {"product": product.id, "currency": product.currency}
        return Change(made, "account.opened", account.owner, sorted(detail), detail)

    return await carry_out(context, Command("openAccount", key, command), act)


async def open_time_deposit(context: Context, key: str, command: OpenTimeDeposit) -> Done | Problem:
    """Open a time deposit and move the money there; above a post's limit a second person agrees."""
    given = Command("openTimeDeposit", key, command)
    return await carry_out(context, given, opening_time_deposit(command))


def opening_time_deposit(command: OpenTimeDeposit) -> Act:
    """Give the rule of a new time deposit."""

    async def act(unit: Unit) -> Change:
        settlement_key = command.settlement or command.payer
        locked = await accounts.lock(unit, {command.payer, settlement_key})
        payer = accounts.ordered_from(unit, locked, command.payer, "fromAccountId")
        settlement = accounts.seen(locked, settlement_key, "settlementAccountId")
        amount = _check_money(payer, settlement, command)
        product = await _deposit_product(unit, command, amount)
        matter = _shown(unit, payer, settlement, product, amount)
        if asked := await ask_above_limit(unit, amount, matter):
            return asked
        assert product.term_months is not None, "a time deposit's product has a term"
        begins_on = locked.value_on()
        ends_on = matures_on(begins_on, product.term_months)
        term = AgreedTerm(product.term_months, ends_on, command.renewal, settlement.key.id)
        new = NewAccount(payer.key.owner, product, payer.row["branch_id"], begins_on, term)
        deposit = await account_writes.store(unit, new)
        fresh = accounts.seen(await accounts.lock(unit, [deposit]), deposit, "productId")
        legs = bookings.transfer_legs(unit, payer, fresh, amount, None)
        await bookings.book_legs(unit, deposit.owner, legs, begins_on)
        made = Made(PREFIX, deposit.owner, deposit.id)
        detail = {"product": product.id, "amount": amount, "currency": product.currency}
        return Change(made, "deposit.opened", deposit.owner, sorted(detail), detail)

    return act


async def _deposit_product(unit: Unit, command: OpenTimeDeposit, amount: Decimal) -> Product:
    product = await account_writes.offered_product(
        unit, command.product_id, AccountKind.TIME_DEPOSIT, "productId"
    )
    if product.currency is not command.currency:
        raise Problem(ProblemCode.CURRENCY_NOT_MATCHING, "productId")
    if amount < product.minimum:
        raise Problem(ProblemCode.BELOW_MINIMUM, "amount.amount")
    return product


def _shown(
    unit: Unit, payer: LockedAccount, settlement: LockedAccount, product: Product, amount: Decimal
) -> Matter:
    shown = [
        second_person.money("amount", amount, payer.currency),
        *second_person.account(unit, "fromAccount", payer),
        *second_person.account(unit, "settlementAccount", settlement),
        FieldDiff("product", None, format_id("acp", product.id, product.id)),
        FieldDiff("annualRate", None, str(product.annual_rate)),
        FieldDiff("termMonths", None, str(product.term_months)),
    ]
    base: dict[str, str | int] = {
        "rate": str(product.annual_rate),
        "months": str(product.term_months),
    }
    return Matter(payer, shown, base, [settlement])


def _check_customer(unit: Unit, row: Any) -> None:
    if row["status"] != CustomerStatus.ACTIVE or row["wrapped_key"] is None:
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE, "customerId")
    if unit.viewer.staff_id is not None and row["id"] == unit.viewer.own_customer_id:
        raise Problem(ProblemCode.CUSTOMER_IS_ONESELF)


def _check_money(
    payer: LockedAccount, settlement: LockedAccount, command: OpenTimeDeposit
) -> Decimal:
    """Check where the money comes from and goes to; gives the amount in the minor unit."""
    for account, field in ((payer, "fromAccountId"), (settlement, "settlementAccountId")):
        rules.check_open(account.state, field)
        rules.check_kind(account.state, field, AccountKind.DEMAND)
        rules.check_standing(account.state, field, Standing.OWNER)
        if account.key.owner != payer.key.owner:
            raise Problem(ProblemCode.HOLDER_MAY_NOT, field)
    rules.check_currency(payer.state, command.currency, "amount")
    if settlement.currency is not command.currency:
        raise Problem(ProblemCode.CURRENCY_NOT_MATCHING, "settlementAccountId")
    amount = rules.check_amount(command.amount, command.currency, "amount")
    rules.check_leaving(payer.state, amount, "fromAccountId", "amount.amount")
    return amount
