"""The payees that customers keep."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.db import payees
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Unit
from app.domain import payment as rules
from app.domain.account import AccountKind, AccountStatus
from app.domain.customer import CustomerStatus
from app.domain.payment import PayeeAccount
from app.domain.problem import Problem, ProblemCode
from app.resolvers.context import Context, carry_out

PREFIX: Final = "pay"


@dataclass(frozen=True)
class AddPayee:
    """Whom a customer wants to pay again."""

    customer_id: UUID
    payee: PayeeAccount


async def add(context: Context, key: str, command: AddPayee) -> Done | Problem:
    """Keep a payee; one of this bank must have an account of that number and name."""

    async def act(unit: Unit) -> Change:
        row = await unit.lock_customer(command.customer_id)
        if row["status"] != CustomerStatus.ACTIVE or row["wrapped_key"] is None:
            raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE, "customerId")
        if unit.viewer.staff_id is not None and row["id"] == unit.viewer.own_customer_id:
            raise Problem(ProblemCode.CUSTOMER_IS_ONESELF)
        given = rules.check_payee(command.payee, "payee")
        if given.bank is None:
            found = await payees.holder_of(unit, given)
            if found is None or not _is_payable(found["kind"], found["status"]):
                raise Problem(ProblemCode.PAYEE_UNKNOWN, "payee")
        payee = await payees.store(unit, row["id"], given)
        if payee is None:
            raise Problem(ProblemCode.PAYEE_KNOWN, "payee")
        detail = {name: {"before": None, "after": value} for name, value in vars(given).items()}
        made = Made(PREFIX, row["id"], payee)
        return Change(made, "payee.added", row["id"], ["payees"], detail)

    return await carry_out(context, Command("addPayee", key, command), act)


def _is_payable(kind: str, status: str) -> bool:
    return kind == AccountKind.DEMAND and status != AccountStatus.CLOSED
