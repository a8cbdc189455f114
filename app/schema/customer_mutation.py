"""Mutations of customers' data."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.customer_data import PostalAddress
from app.domain.service import Channel
from app.planner.declare import object_type, root_field
from app.resolvers import customer_data
from app.resolvers.context import Context
from app.schema.customer import Customer
from app.schema.inputs import check_key, customer_id, given, idempotency_key, values_given
from app.schema.problem import Problem, answer, result


@strawberry.input(description="A postal address.")
class AddressInput:
    """A postal address."""

    line1: str = strawberry.field(description="Street and number.")
    line2: str | None = strawberry.field(
        default=None, description="Flat, floor or building, when there is one."
    )
    city: str = strawberry.field(description="Town or city.")
    region: str | None = strawberry.field(default=None, description="State or province.")
    postal_code: str | None = strawberry.field(default=None, description="Postal code.")
    country: str = strawberry.field(description="ISO 3166-1 alpha-2 code, such as `CN`.")


@strawberry.input(
    description=(
        "New contact data and preferences. What is left out stays; null takes a value away."
    )
)
class UpdateCustomerInput:
    """New contact data and preferences."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = strawberry.field(description="The customer.")
    expected_version: int = strawberry.field(
        description="`Customer.version` as it was read; refused as STALE_VERSION when it has risen."
    )
    phone: str | None = given("Telephone number with the country's code: `+86 139 1234 5678`.")
    email: str | None = given("E-mail address.")
    address: AddressInput | None = given("Postal address.")
    language: str | None = given("Preferred language (BCP 47).")
    preferred_channel: Channel | None = given("Preferred channel.")


@object_type(public=True, description="The customer as changed.")
class UpdateCustomerPayload:
    """The customer as changed."""

    made: strawberry.Private[Made]
    customer: Customer | None = result(Customer, "The customer, with the new version.")


UpdateCustomerResult = Annotated[
    UpdateCustomerPayload | Problem,
    strawberry.union("UpdateCustomerResult", description="The customer as changed, or why not."),
]
_FIELDS = ("phone", "email", "address", "language", "preferred_channel")


Input = Annotated[UpdateCustomerInput, strawberry.argument(description="What changes.")]


async def _update_customer(
    info: Info[Context, None],
    input: Input,  # noqa: A002  # Relay's name.
) -> UpdateCustomerResult | None:
    values = values_given(input, *_FIELDS)
    if values.get("address") is not None:
        values["address"] = PostalAddress(**vars(values["address"]))
    command = customer_data.UpdateCustomer(
        customer_id(info, input.id), input.expected_version, values
    )
    outcome = await customer_data.update(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: UpdateCustomerPayload(made=made))


@strawberry.type
class CustomerMutation:
    """Mutations of customers' data."""

    update_customer: UpdateCustomerResult | None = root_field(
        _update_customer,
        requires=Permission.CUSTOMER_UPDATE,
        description="Change a customer's contact data and preferences.",
    )
