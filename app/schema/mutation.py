"""Everything that can be changed: the mutations of every noun in one type."""

from typing import Final

import strawberry
from strawberry.types.base import get_object_definition

from app.planner.costs import cost_of
from app.schema.account_closing import AccountClosingMutation
from app.schema.account_freezing import AccountFreezingMutation
from app.schema.account_opening import AccountOpeningMutation
from app.schema.approval_mutation import ApprovalMutation
from app.schema.assignment import AssignmentMutation
from app.schema.begun_service import BegunServiceMutation
from app.schema.consent_mutation import ConsentMutation
from app.schema.customer_mutation import CustomerMutation
from app.schema.order_mutation import OrderMutation
from app.schema.payment import PaymentMutation
from app.schema.personal_data import PersonalDataMutation
from app.schema.registration import RegistrationMutation
from app.schema.requirement import RequirementMutation
from app.schema.reveal import RevealMutation
from app.schema.reversal import ReversalMutation
from app.schema.ticket_desk import TicketDeskMutation
from app.schema.ticket_mutation import TicketMutation

_PARTS: Final = (
    AccountOpeningMutation,
    AccountClosingMutation,
    AccountFreezingMutation,
    OrderMutation,
    ReversalMutation,
    TicketMutation,
    TicketDeskMutation,
    ApprovalMutation,
    AssignmentMutation,
    BegunServiceMutation,
    ConsentMutation,
    CustomerMutation,
    PaymentMutation,
    PersonalDataMutation,
    RegistrationMutation,
    RequirementMutation,
    RevealMutation,
)


class SameNameError(Exception):
    """Two parts declare a mutation of one name: Strawberry would silently keep one."""


def _check_names() -> None:
    names: set[str] = set()
    for part in _PARTS:
        for name in part.__annotations__:
            if name in names:
                message = f"{name} of {part.__name__} is declared before"
                raise SameNameError(message)
            names.add(name)


_check_names()


@strawberry.type(
    description=(
        "Everything that can be changed. Each takes one `input` with an idempotency key, and "
        "answers what it did or a `Problem`."
    )
)
class Mutation(
    AccountOpeningMutation,
    AccountClosingMutation,
    AccountFreezingMutation,
    OrderMutation,
    ReversalMutation,
    TicketMutation,
    TicketDeskMutation,
    ApprovalMutation,
    AssignmentMutation,
    BegunServiceMutation,
    ConsentMutation,
    CustomerMutation,
    PaymentMutation,
    PersonalDataMutation,
    RegistrationMutation,
    RequirementMutation,
    RevealMutation,
):
    """Everything that can be changed."""


# A command locks, checks, writes and records.
for declared in get_object_definition(Mutation, strict=True).fields:
    declared.directives = [*declared.directives, *cost_of(400)]
