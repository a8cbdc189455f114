"""Making staff responsible for customers."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.planner.declare import object_type, root_field
from app.resolvers import assignment
from app.resolvers.context import Context
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.customer import Customer
from app.schema.inputs import check_key, customer_id, id_of, idempotency_key
from app.schema.problem import Problem, result


@strawberry.input(description="Who becomes the manager of a customer.")
class AssignRelationshipManagerInput:
    """Who becomes the manager of a customer."""

    idempotency_key: strawberry.ID = idempotency_key()
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    staff_id: strawberry.ID = strawberry.field(
        description=(
            "Somebody who holds the post RELATIONSHIP_MANAGER in the customer's branch; anybody "
            "else is refused as STAFF_NOT_FITTING."
        )
    )
    expected_version: int = strawberry.field(
        description="`Customer.version` as it was read; refused as STALE_VERSION when it has risen."
    )


@object_type(public=True, description="The customer with the new manager.")
class AssignRelationshipManagerPayload:
    """The customer with the new manager."""

    made: strawberry.Private[Made]
    customer: Customer | None = result(Customer, "The customer, with the new version.")


AssignRelationshipManagerResult = Annotated[
    AssignRelationshipManagerPayload | PendingApproval | Problem,
    strawberry.union(
        "AssignRelationshipManagerResult",
        description="The customer with the new manager, what waits for approval, or why not.",
    ),
]
Input = Annotated[AssignRelationshipManagerInput, strawberry.argument(description="Who it is.")]


async def _assign_relationship_manager(
    info: Info[Context, None],
    input: Input,  # noqa: A002  # Relay's name.
) -> AssignRelationshipManagerResult | None:
    command = assignment.AssignRelationshipManager(
        customer_id(info, input.customer_id, "customerId"),
        id_of(info, input.staff_id, "sta", "staffId").id,
        input.expected_version,
    )
    outcome = await assignment.assign(info.context, check_key(input.idempotency_key), command)
    return answer_or_ask(info, outcome, lambda made: AssignRelationshipManagerPayload(made=made))


@strawberry.type
class AssignmentMutation:
    """Making staff responsible for customers."""

    assign_relationship_manager: AssignRelationshipManagerResult | None = root_field(
        _assign_relationship_manager,
        requires=Permission.MANAGER_ASSIGN,
        description=(
            "Make somebody the manager of a customer. Who was it before no longer sees the "
            "customer, unless in another way." + second_person("assignRelationshipManager")
        ),
    )
