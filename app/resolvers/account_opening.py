"""Opening accounts."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.db import account_writes, accounts, bookings, order_limits
from app.db.account_writes import AgreedTerm, NewAccount
from app.db.accounts import AccountKey, LockedAccount
from app.db.commands import Change, Command, Done, Made
from app.db.registration import business_date
from app.db.unit_of_work import Unit
from app.domain import payment as rules
from app.domain.account import AccountKind
from app.domain.customer import CustomerStatus
from app.domain.interest import AutoRenewal, matures_on
from app.domain.money import Currency
from app.domain.payment import Standing
from app.domain.problem import Problem, ProblemCode
from app.resolvers.context import Context, carry_out

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

    return await carry_out(context, Command("openAccount", key, asdict(command)), act)


async def open_time_deposit(context: Context, key: str, command: OpenTimeDeposit) -> Done | Problem:
    """Open a time deposit and move the money there."""

    async def act(unit: Unit) -> Change:
        settlement_key = command.settlement or command.payer
        locked = await accounts.lock(unit, {command.payer, settlement_key})
        payer = accounts.ordered_from(unit, locked, command.payer, "fromAccountId")
        settlement = accounts.seen(locked, settlement_key, "settlementAccountId")
        amount = _check_money(payer, settlement, command)
        product = await account_writes.offered_product(
            unit, command.product_id, AccountKind.TIME_DEPOSIT, "productId"
        )
        if product.currency is not command.currency:
            raise Problem(ProblemCode.CURRENCY_NOT_MATCHING, "productId")
        if amount < product.minimum:
            raise Problem(ProblemCode.BELOW_MINIMUM, "amount.amount")
        order_limits.check_post(unit, amount, payer.currency)
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

    return await carry_out(context, Command("openTimeDeposit", key, asdict(command)), act)


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
