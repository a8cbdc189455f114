"""Changing a customer's contact data and preferences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from strawberry.utils.str_converters import to_camel_case

from app.db import customer_writes
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Unit
from app.domain import customer_data
from app.domain.customer import CustomerStatus
from app.domain.customer_data import PostalAddress
from app.domain.problem import Problem, ProblemCode
from app.resolvers.context import Context, carry_out

PREFIX: Final = "cus"


@dataclass(frozen=True)
class UpdateCustomer:
    """New values of some fields, by their names; None takes a value away."""

    customer_id: UUID
    expected_version: int
    values: Mapping[str, Any]


async def update(context: Context, key: str, command: UpdateCustomer) -> Done | Problem:
    """Change contact data and preferences; a phone number and address are kept in one form."""

    async def act(unit: Unit) -> Change:
        row = await unit.lock_customer(command.customer_id)
        check_active(row)
        if row["version"] != command.expected_version:
            raise Problem(ProblemCode.STALE_VERSION, "expectedVersion")
        return await _change(unit, row, command.values)

    return await carry_out(context, Command("updateCustomer", key, command), act)


def check_active(row: Any) -> None:
    """Refuse to change a customer with whom there is no business."""
    is_gone = row["erased_at"] is not None or row["wrapped_key"] is None
    if is_gone or row["status"] in {CustomerStatus.BLOCKED, CustomerStatus.CLOSED}:
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE)


async def _change(unit: Unit, row: Any, given: Mapping[str, Any]) -> Change:
    phone = None
    wanted: dict[str, Any] = {}
    for name, value in given.items():
        field = to_camel_case(name)
        if name == "phone" and value is not None:
            phone = customer_data.phone(value, field)
            wanted[name] = phone.text
        else:
            wanted[name] = _normalised(name, value, field)
    before = {name: customer_writes.stored_value(unit, row, name) for name in wanted}
    changed = {name: value for name, value in wanted.items() if value != before[name]}
    if not changed:
        raise Problem(ProblemCode.NOTHING_TO_CHANGE)
    await customer_writes.update_customer(unit, row, changed)
    if "phone" in changed:
        await customer_writes.index_phone(unit, row["id"], phone)
    if "email" in changed:
        await customer_writes.index_email(unit, row["id"], changed["email"])
    detail = {name: {"before": before[name], "after": after} for name, after in changed.items()}
    made = Made(PREFIX, row["id"], row["id"])
    return Change(made, "customer.updated", row["id"], sorted(changed), detail)


def _normalised(name: str, value: Any, field: str) -> Any:
    if value is None:
        return None
    if isinstance(value, PostalAddress):
        return value.stored(field)
    if name == "email":
        return customer_data.email(value, field)
    if name == "language":
        return customer_data.language(value, field)
    return getattr(value, "value", value)
