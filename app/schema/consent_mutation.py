"""Recording what customers allow and forbid."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.audit import ConsentPurpose
from app.domain.service import Channel
from app.planner.declare import object_type, root_field
from app.resolvers import consent
from app.resolvers.context import Context
from app.schema.consent import Consent
from app.schema.customer import Customer
from app.schema.inputs import check_key, customer_id, idempotency_key
from app.schema.problem import Problem, answer, result


@strawberry.input(description="What a customer says of one purpose.")
class RecordConsentInput:
    """What a customer says of one purpose."""

    idempotency_key: strawberry.ID = idempotency_key()
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    purpose: ConsentPurpose = strawberry.field(description="What it is about.")
    granted: bool = strawberry.field(description="Whether the customer allows it.")
    channel: Channel = strawberry.field(description="How the bank heard of it.")


@object_type(public=True, description="The consent as recorded, and whose it is.")
class RecordConsentPayload:
    """The consent as recorded, and whose it is."""

    made: strawberry.Private[Made]
    consent: Consent | None = result(Consent, "The consent that was recorded.")
    customer: Customer | None = result(Customer, "The customer.", of_owner=True)


RecordConsentResult = Annotated[
    RecordConsentPayload | Problem,
    strawberry.union("RecordConsentResult", description="The consent as recorded, or why not."),
]
Input = Annotated[RecordConsentInput, strawberry.argument(description="What the customer says.")]


async def _record_consent(
    info: Info[Context, None],
    input: Input,  # noqa: A002  # Relay's name.
) -> RecordConsentResult | None:
    command = consent.RecordConsent(
        customer_id(info, input.customer_id, "customerId"),
        input.purpose,
        input.granted,
        input.channel,
    )
    outcome = await consent.record(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: RecordConsentPayload(made=made))


@strawberry.type
class ConsentMutation:
    """Recording what customers allow and forbid."""

    record_consent: RecordConsentResult | None = root_field(
        _record_consent,
        requires=Permission.CONSENT_RECORD,
        description=(
            "Record what a customer allows or forbids; NOTHING_TO_CHANGE when that holds already. "
            "A blocked or closed customer may take consent back, but not give it."
        ),
    )
