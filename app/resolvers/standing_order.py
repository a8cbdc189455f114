"""Orders to pay the same amount again and again."""

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from app.db import accounts, beneficiaries, order_limits, standing_orders
from app.db.accounts import AccountKey
from app.db.approvals import FieldDiff
from app.db.beneficiaries import Beneficiary, Route
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Act, Unit
from app.domain import payment as rules
from app.domain import standing_order
from app.domain.account import AccountKind, OrderFrequency, OrderPurpose, OrderStatus
from app.domain.money import Currency
from app.domain.payment import Standing
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import GlobalId
from app.resolvers import second_person
from app.resolvers.context import Context, carry_out
from app.resolvers.second_person import Matter, ask_above_limit

PREFIX: Final = "sto"
_PAYER: Final = "fromAccountId"
_MAY_ORDER: Final = (Standing.OWNER, Standing.JOINT_HOLDER)


@dataclass(frozen=True)
class CreateStandingOrder:
    """What is paid to whom, how often, and from when to when."""

    payer: AccountKey
    amount: Decimal
    currency: Currency
    to: Beneficiary
    purpose: OrderPurpose
    frequency: OrderFrequency
    first_on: date
    ends_on: date | None
    text: str | None


async def create(context: Context, key: str, command: CreateStandingOrder) -> Done | Problem:
    """Take an order on; it is paid on its days by the end of day, if the money is there then.

    Above the limit of the post a second person agrees.
    """
    given = Command("createStandingOrder", key, command)
    return await carry_out(context, given, creating(command))


def creating(command: CreateStandingOrder) -> Act:
    """Give the rule of a new order."""

    async def act(unit: Unit) -> Change:
        route = await beneficiaries.lock(unit, command.payer, _PAYER, command.to)
        payer = route.payer.state
        rules.check_standing(payer, _PAYER, *_MAY_ORDER)
        rules.check_open(payer, _PAYER)
        rules.check_kind(payer, _PAYER, AccountKind.DEMAND)
        rules.check_not_frozen(payer, _PAYER)
        rules.check_currency(payer, command.currency, "amount")
        if route.payee is not None:
            rules.check_currency(route.payee.state, command.currency, "amount")
        amount = rules.check_amount(command.amount, command.currency, "amount")
        standing_order.check_days(command.first_on, command.ends_on, route.locked.today)
        if route.leaves_owner:
            order_limits.check_customer(unit, route.locked, amount, command.currency)
        if asked := await ask_above_limit(unit, amount, _shown(unit, route, command, amount)):
            return asked
        new = standing_orders.NewOrder(
            command.purpose,
            amount,
            command.frequency,
            command.first_on,
            command.ends_on,
            command.text,
        )
        order = await standing_orders.store(unit, route, new)
        made = Made(PREFIX, command.payer.owner, order)
        detail = asdict(command)
        return Change(made, "standing_order.created", made.owner, ["standing_orders"], detail)

    return act


def _shown(unit: Unit, route: Route, command: CreateStandingOrder, amount: Decimal) -> Matter:
    ends_on = None if command.ends_on is None else command.ends_on.isoformat()
    shown = [
        second_person.money("amount", amount, command.currency),
        *second_person.route(unit, route),
        FieldDiff("frequency", None, command.frequency.value),
        FieldDiff("firstOn", None, command.first_on.isoformat()),
        FieldDiff("endsOn", None, ends_on),
        second_person.text(command.text),
    ]
    base, others = second_person.route_base(route), second_person.others(route)
    return Matter(route.payer, shown, base, others)


async def cancel(
    context: Context, key: str, order: GlobalId, expected_version: int
) -> Done | Problem:
    """End an order; what it has paid stays paid."""

    async def act(unit: Unit) -> Change:
        account_key = await standing_orders.account_of(unit, order.owner, order.id)
        locked = await accounts.lock(unit, [account_key])
        account = accounts.seen(locked, account_key, "id")
        accounts.check_not_oneself(unit, account)
        rules.check_standing(account.state, "id", *_MAY_ORDER)
        row = await standing_orders.lock(unit, order.owner, order.id)
        if row["status"] == OrderStatus.CANCELLED:
            raise Problem(ProblemCode.NOTHING_TO_CHANGE)
        if row["version"] != expected_version:
            raise Problem(ProblemCode.STALE_VERSION, "expectedVersion")
        await standing_orders.cancel(unit, row)
        made = Made(PREFIX, order.owner, order.id)
        detail = {"status": {"before": row["status"], "after": OrderStatus.CANCELLED}}
        return Change(made, "standing_order.cancelled", order.owner, ["status"], detail)

    payload = {"owner": order.owner, "id": order.id, "version": expected_version}
    return await carry_out(context, Command("cancelStandingOrder", key, payload), act)
