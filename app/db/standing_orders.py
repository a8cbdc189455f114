"""Statements by which the unit of work keeps standing orders."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.db.accounts import AccountKey, number_of, owner_name
from app.db.beneficiaries import Route
from app.db.ids import new_id
from app.db.unit_of_work import Unit
from app.domain.account import OrderFrequency, OrderPurpose, OrderStatus
from app.domain.customer import DataSource
from app.domain.payment import PayeeAccount
from app.domain.problem import Problem, ProblemCode

_ACCOUNT: Final = "standing_order.payee_account_ciphertext"
_NAME: Final = "standing_order.payee_name_ciphertext"
_TEXT: Final = "standing_order.text_ciphertext"


@dataclass(frozen=True)
class NewOrder:
    """What is paid, how often, and from when to when."""

    purpose: OrderPurpose
    amount: Decimal
    frequency: OrderFrequency
    first_on: date
    ends_on: date | None
    text: str | None


async def store(unit: Unit, route: Route, new: NewOrder) -> UUID:
    """Store an order that draws on a locked account."""
    row, owner = new_id(), route.payer.key.owner
    to = _payee(unit, route)
    await unit.insert(
        "standing_order",
        customer_id=owner,
        id=row,
        account_id=route.payer.key.id,
        purpose=new.purpose,
        amount=new.amount,
        currency=route.payer.currency,
        frequency=new.frequency,
        status=OrderStatus.ACTIVE,
        next_on=new.first_on,
        first_on=new.first_on,
        ends_on=new.ends_on,
        payee_bank=to.bank,
        payee_account_ciphertext=unit.encrypt(owner, _ACCOUNT, row, to.number),
        payee_name_ciphertext=unit.encrypt(owner, _NAME, row, to.name),
        text_ciphertext=unit.encrypt(owner, _TEXT, row, new.text),
        source=DataSource.BANK360,
    )
    return row


async def account_of(unit: Unit, owner: UUID, order: UUID) -> AccountKey:
    """Give the account that an order draws on; refuses one that does not exist."""
    sql = "select account_id from standing_order where customer_id = $1 and id = $2"
    rows = await unit.fetch(sql, owner, order)
    if not rows:
        raise Problem(ProblemCode.NOT_FOUND, "id")
    return AccountKey(owner, rows[0]["account_id"])


async def lock(unit: Unit, owner: UUID, order: UUID) -> Any:
    """Lock an order whose account is locked."""
    sql = "select * from standing_order where customer_id = $1 and id = $2 for no key update"
    (row,) = await unit.fetch(sql, owner, order)
    return row


async def cancel(unit: Unit, row: Any) -> None:
    """Cancel a locked order."""
    await unit.change(
        "update standing_order set status = 'CANCELLED', next_on = null, version = version + 1"
        " where customer_id = $1 and id = $2 and version = $3",
        row["customer_id"],
        row["id"],
        row["version"],
    )


def _payee(unit: Unit, route: Route) -> PayeeAccount:
    """Give whom the order pays; an account of this bank by what it is found by when it is due."""
    if route.payee is None:
        assert route.outside is not None, "money goes somewhere"
        return route.outside
    name, number = owner_name(unit, route.payee), number_of(unit, route.payee)
    if name is None or number is None:
        raise Problem(ProblemCode.PAYEE_UNKNOWN, "to")
    return PayeeAccount(name, number, None)
