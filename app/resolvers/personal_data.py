"""A customer's right to what the bank knows, and to be forgotten."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from strawberry.utils.str_converters import to_camel_case

from app.auth.permissions import MATRIX, DataClass
from app.db import erasure, export
from app.db.approvals import Ask, FieldDiff, ask, end_others
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Act, Unit
from app.domain.audit import ErasureReason
from app.domain.customer import CustomerStatus
from app.domain.problem import Problem, ProblemCode
from app.domain.retention import is_kept_by_law
from app.resolvers.context import Context, carry_out

PREFIX: Final = "cus"
# The classes of personal data, by the permissions that guard them: an export shows all.
PERSONAL: Final = tuple(
    sorted(name for name, grant in MATRIX.items() if grant.data_class is not DataClass.C1)
)


@dataclass(frozen=True)
class EraseCustomer:
    """Destroy a customer's personal data, for a reason."""

    customer_id: UUID
    expected_version: int
    reason: ErasureReason


async def erase(context: Context, key: str, command: EraseCustomer) -> Done | Problem:
    """Ask to destroy what names or describes a customer with whom all business has ended."""
    given = Command("eraseCustomer", key, command)
    return await carry_out(context, given, erasing(command))


def erasing(command: EraseCustomer) -> Act:
    """Give the rule: a second person agrees."""

    async def act(unit: Unit) -> Change:
        customer = command.customer_id
        row = await unit.lock_customer(customer)
        is_erased = row["erased_at"] is not None or row["wrapped_key"] is None
        # What is blocked is looked into: nobody may destroy it meanwhile.
        if is_erased or row["status"] == CustomerStatus.BLOCKED:
            raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE)
        unit.check_version(row, command.expected_version)
        if await erasure.has_business(unit, customer):
            raise Problem(ProblemCode.HAS_BUSINESS)
        last_on, today = await erasure.last_business(unit, customer)
        if command.reason is not ErasureReason.COURT_ORDER and is_kept_by_law(last_on, today):
            raise Problem(ProblemCode.RETENTION_RUNS, "reason")
        if asked := await ask(unit, _asked(unit, row, command.reason)):
            return asked
        await erasure.erase(unit, row)
        await end_others(unit, customer)
        # Nothing that is encrypted for the customer can be read again, so the reason, which is no
        # personal data, stands where the record is read without a key.
        made = Made(PREFIX, customer, customer)
        return Change(made, "customer.erased", customer, (command.reason.value,))

    return act


def _asked(unit: Unit, row: Any, reason: ErasureReason) -> Ask:
    """Show why, and all that goes, each value to whoever may see it."""
    fields = [(to_camel_case(name), text) for name, text in erasure.emptied(unit, row).items()]
    diff = [
        FieldDiff("reason", None, reason.value),
        FieldDiff("status", row["status"], CustomerStatus.CLOSED.value),
        *(FieldDiff(field, text, None, f"Customer.{field}") for field, text in fields),
    ]
    return Ask(row["id"], diff, {"customer": row["version"]})


async def begin_export(context: Context, key: str, customer: UUID) -> Done | Problem:
    """Record that all of a customer's data is given out; ``read_export`` then reads it.

    Sent again, the command is checked and recorded again: the data is given out once more.
    """

    async def act(unit: Unit) -> Change:
        await unit.lock_customer(customer)
        (row,) = await unit.fetch(export.count_statement(), customer)
        if row[0] > export.ROWS_MAX:
            raise Problem(ProblemCode.EXPORT_TOO_LARGE)
        made = Made(PREFIX, customer, customer)
        return Change(made, "customer.exported", customer, PERSONAL)

    command = Command("exportCustomerData", key, {"customer_id": customer})
    return await carry_out(context, command, act, shows=True)


async def read_export(
    context: Context, customer: UUID, global_id: str
) -> tuple[export.Export, datetime] | None:
    """Read everything of a customer whom the viewer still sees, and when that was."""
    at = datetime.now(UTC)
    found = await context.reader.run(export.statement(), [customer])
    head = {
        "customer": global_id,
        "producedAt": at,
        "producedBy": {"id": context.viewer.id, "role": context.viewer.role},
    }
    made = export.make_export(found, context.reader.ring, customer, head)
    return None if made is None else (made, at)
