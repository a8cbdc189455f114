"""Making staff responsible for customers."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.auth.permissions import Role
from app.db import assignments
from app.db.approvals import Ask, FieldDiff, ask
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Act, Unit
from app.domain.customer import CustomerStatus
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import format_id
from app.resolvers.context import Context, carry_out

PREFIX: Final = "cus"
_ROLE: Final = Role.RELATIONSHIP_MANAGER


@dataclass(frozen=True)
class AssignRelationshipManager:
    """Who becomes the manager of a customer."""

    customer_id: UUID
    staff_id: UUID
    expected_version: int


async def assign(context: Context, key: str, command: AssignRelationshipManager) -> Done | Problem:
    """Ask that somebody of the customer's branch becomes the manager, instead of who is."""
    given = Command("assignRelationshipManager", key, command)
    return await carry_out(context, given, assigning(command))


def assigning(command: AssignRelationshipManager) -> Act:
    """Give the rule: a second person agrees."""

    async def act(unit: Unit) -> Change:
        row = await unit.lock_customer(command.customer_id)
        # A begun service shows customers of other branches; it does not give them away.
        if not await assignments.works_for(unit, unit.maker.id, row["branch_id"]):
            raise Problem(ProblemCode.NOT_FOUND, "customerId")
        _check(unit, row, command)
        before = await assignments.holder(unit, row["id"], _ROLE)
        if before == command.staff_id:
            raise Problem(ProblemCode.NOTHING_TO_CHANGE, "staffId")
        if not await assignments.is_fitting(unit, command.staff_id, _ROLE, row["branch_id"]):
            raise Problem(ProblemCode.STAFF_NOT_FITTING, "staffId")
        if asked := await ask(unit, _asked(row, before, command.staff_id)):
            return asked
        await assignments.assign(unit, row, _ROLE, command.staff_id)
        detail = {"relationship_manager": {"before": before, "after": command.staff_id}}
        made = Made(PREFIX, row["id"], row["id"])
        return Change(made, "customer.manager_assigned", row["id"], sorted(detail), detail)

    return act


def _asked(row: Any, before: UUID | None, after: UUID) -> Ask:
    shown = [None if staff is None else format_id("sta", staff, staff) for staff in (before, after)]
    return Ask(row["id"], [FieldDiff("relationshipManager", *shown)], {"customer": row["version"]})


def _check(unit: Unit, row: Any, command: AssignRelationshipManager) -> None:
    # A blocked customer still needs somebody to turn to.
    is_erased = row["erased_at"] is not None or row["wrapped_key"] is None
    if is_erased or row["status"] == CustomerStatus.CLOSED:
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE)
    unit.check_version(row, command.expected_version)
