"""Services that were begun for customers who came, called or wrote."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission, Role
from app.db import tables
from app.db.commands import Made
from app.db.lookup import LookUp
from app.domain.audit import ServiceEvidence, ServiceReason
from app.planner.declare import Node, column, object_type, projection, relation, root_field
from app.planner.enums import graphql_enum
from app.planner.projection import Order
from app.resolvers import begun_service as services
from app.resolvers.context import Context
from app.schema.bank import Staff
from app.schema.customer import Customer
from app.schema.inputs import (
    CustomerBy,
    check_key,
    check_text,
    id_of,
    idempotency_key,
    place_given,
    value_given,
)
from app.schema.problem import Problem, answer, result

graphql_enum(ServiceEvidence)
graphql_enum(ServiceReason)


@projection(
    tables.BegunService,
    prefix="svc",
    requires=Permission.SERVICE_BEGIN,
    description=(
        "A member of staff serves a customer: until it ends, the customer is in that person's "
        "scope, in the role that it was begun in."
    ),
    orders={"ENDING": Order(("ends_at",), "Next to end first.")},
)
class BegunService(Node):
    """A service that was begun."""

    reason: ServiceReason = column(description="What it is for.")
    evidence: ServiceEvidence = column(description="How the customer was recognised.")
    role: Role = column(description="The post that it was begun in.")
    begun_at: datetime = column(description="When it began (UTC).")
    ends_at: datetime = column(description="When it ends, or ended (UTC).")
    customer: Customer | None = relation(
        ("customer_id", "id"), description="Whom it was begun for."
    )
    staff: Staff | None = relation(("staff_id", "id"), description="Who began it.")


@strawberry.input(
    description=(
        "Whom to serve, and why. What a post sees of the customer is what it sees of every other."
    )
)
class BeginServiceInput:
    """Whom to serve, and why."""

    idempotency_key: strawberry.ID = idempotency_key()
    by: CustomerBy = strawberry.field(
        description="The customer by one complete value; need not be in your scope."
    )
    evidence: ServiceEvidence = strawberry.field(description="How you recognised the customer.")
    reason: ServiceReason = strawberry.field(description="What the service is for.")
    note: str | None = strawberry.field(
        default=None, description="For the record, encrypted: at most 500 characters."
    )


@object_type(public=True, description="The service as it was begun.")
class BeginServicePayload:
    """The service as it was begun."""

    made: strawberry.Private[Made]
    service: BegunService | None = result(
        BegunService, "The service; `endsAt` says for how long. Null once it has ended."
    )
    customer: Customer | None = result(
        Customer, "Whom you serve; null once the service has ended.", of_owner=True
    )


BeginServiceResult = Annotated[
    BeginServicePayload | Problem,
    strawberry.union("BeginServiceResult", description="The service as begun, or why not."),
]
BeginInput = Annotated[BeginServiceInput, strawberry.argument(description="Whom to serve.")]


async def _begin_service(
    info: Info[Context, None],
    input: BeginInput,  # noqa: A002  # Relay's name.
) -> BeginServiceResult | None:
    name, value = value_given(input.by)
    command = services.BeginService(
        LookUp(name),
        value,
        place_given(name),
        input.evidence,
        input.reason,
        None if input.note is None else check_text("note", input.note),
    )
    outcome = await services.begin(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: BeginServicePayload(made=made))


@strawberry.input(description="The service to end before its time.")
class EndServiceInput:
    """The service to end."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = strawberry.field(
        description="A service that you began in the post that you act in."
    )


@object_type(public=True, description="The service that was ended.")
class EndServicePayload:
    """The service that was ended."""

    id: strawberry.ID = strawberry.field(description="Its id, for caches to forget it by.")


EndServiceResult = Annotated[
    EndServicePayload | Problem,
    strawberry.union("EndServiceResult", description="The service that was ended, or why not."),
]
EndInput = Annotated[EndServiceInput, strawberry.argument(description="The service.")]


async def _end_service(
    info: Info[Context, None],
    input: EndInput,  # noqa: A002  # Relay's name.
) -> EndServiceResult | None:
    service = id_of(info, input.id, services.PREFIX, "id")
    outcome = await services.end(info.context, check_key(input.idempotency_key), service)
    write = info.context.reader.identities.write
    return answer(
        info,
        outcome,
        lambda made: EndServicePayload(id=strawberry.ID(write(made.prefix, made.owner, made.id))),
    )


@strawberry.type
class BegunServiceMutation:
    """Mutations of services."""

    begin_service: BeginServiceResult | None = root_field(
        _begin_service,
        requires=Permission.SERVICE_BEGIN,
        description=(
            "Serve for 30 minutes a customer who came, called or wrote, in whosever scope: it is "
            "recorded who, why, and how the customer was recognised. Begun again for the same "
            "customer, a service lasts another 30 minutes and the one before ends. At most 30 an "
            "hour are begun by one person (`TOO_MANY_SERVICES`); each counts as a look-up. Blocked "
            "and closed customers may be served; a value that several customers share is refused "
            "(`SEVERAL_CUSTOMERS`), and so is serving oneself (`CUSTOMER_IS_ONESELF`)."
        ),
    )
    end_service: EndServiceResult | None = root_field(
        _end_service,
        requires=Permission.SERVICE_BEGIN,
        description="End a service before its time: the customer leaves your scope at once.",
    )
