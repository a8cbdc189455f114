"""Taking on a customer."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.auth.permissions import Role
from app.db import registration as writes
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Unit
from app.domain import registration
from app.domain.problem import Problem, ProblemCode
from app.domain.registration import Applicant, Application
from app.resolvers.context import Context, carry_out

PREFIX: Final = "cus"


@dataclass(frozen=True)
class RegisterCustomer:
    """Who becomes a customer, and of which branch; None is the registrar's own."""

    application: Application
    branch_id: UUID | None


async def register(context: Context, key: str, command: RegisterCustomer) -> Done | Problem:
    """Take a customer on; whoever does it may see the new customer at once."""

    async def act(unit: Unit) -> Change:
        today = await writes.business_date(unit)
        own_branch = await writes.branch_of_registrar(unit)
        branch = await _branch(unit, command.branch_id, own_branch)
        applicant = registration.check(command.application, today)
        customer = await writes.store(unit, applicant, branch, today)
        # Somebody who was the manager must not see the customer by this service too, or it
        # would outlast the assignment.
        if unit.viewer.role is Role.RELATIONSHIP_MANAGER and branch == own_branch:
            await writes.become_manager(unit, customer)
        else:
            await writes.begin_service(unit, customer)
        made = Made(PREFIX, customer, customer)
        detail = _detail(applicant, branch)
        return Change(made, "customer.registered", customer, sorted(detail), detail)

    return await carry_out(context, Command("registerCustomer", key, command), act)


async def _branch(unit: Unit, given: UUID | None, own: UUID | None) -> UUID:
    if given is not None:
        await writes.check_branch(unit, given, "branchId")
        return given
    if own is None:
        raise Problem(ProblemCode.BRANCH_MISSING, "branchId")
    return own


def _detail(applicant: Applicant, branch: UUID) -> dict[str, Any]:
    phone = applicant.phone
    values = {**vars(applicant), "phone": phone and phone.text, "branch_id": branch}
    return {
        name: {"before": None, "after": value}
        for name, value in values.items()
        if value is not None
    }
