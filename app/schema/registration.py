"""Taking on a customer."""

from datetime import date
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.customer import Gender
from app.domain.customer_data import PostalAddress
from app.domain.registration import Application, NationalId, PartyType
from app.domain.service import Channel
from app.planner.declare import object_type, root_field
from app.planner.enums import graphql_enum
from app.resolvers import registration
from app.resolvers.context import Context
from app.schema.customer import Customer
from app.schema.customer_mutation import AddressInput
from app.schema.inputs import check_key, id_of, idempotency_key
from app.schema.problem import Problem, answer, result

graphql_enum(PartyType)


@strawberry.input(description="An identity number, and the country that gave it out.")
class NationalIdInput:
    """An identity number, and the country that gave it out."""

    country: str = strawberry.field(
        description=(
            "ISO 3166-1 alpha-2 code, such as `CN`; a country whose numbers cannot be checked is "
            "refused as COUNTRY_NOT_SUPPORTED."
        )
    )
    value: str = strawberry.field(
        description=(
            "The number as the document has it; its check digits are verified. In China the "
            "resident identity number of a person, the unified social credit code of a business."
        )
    )


@strawberry.input(
    description=(
        "Who becomes a customer. Birth date, gender and occupation are a natural person's; the "
        "birth date is needed there. Where the identity number tells birth date or gender, they "
        "must agree with it, else IDENTITY_NOT_MATCHING."
    )
)
class RegisterCustomerInput:
    """Who becomes a customer."""

    idempotency_key: strawberry.ID = idempotency_key()
    type: PartyType = strawberry.field(description="What kind of party.")
    name: str = strawberry.field(description="Full name, as the document has it.")
    national_id: NationalIdInput = strawberry.field(
        description="Identity number; one that a customer has is refused as ALREADY_REGISTERED."
    )
    birth_date: date | None = strawberry.field(default=None, description="Date of birth.")
    gender: Gender | None = strawberry.field(
        default=None, description="Gender as recorded with the identity document."
    )
    occupation: str | None = strawberry.field(default=None, description="Occupation.")
    phone: str | None = strawberry.field(
        default=None,
        description="Telephone number with the country's code: `+86 139 1234 5678`.",
    )
    email: str | None = strawberry.field(default=None, description="E-mail address.")
    address: AddressInput | None = strawberry.field(default=None, description="Postal address.")
    language: str | None = strawberry.field(
        default=None, description="Preferred language (BCP 47)."
    )
    preferred_channel: Channel | None = strawberry.field(
        default=None, description="Preferred channel."
    )
    branch_id: strawberry.ID | None = strawberry.field(
        default=None, description="The branch; the registrar's own when left out."
    )

    def application(self) -> Application:
        """Give what the rules of registration check."""
        address = self.address
        return Application(
            type=self.type,
            name=self.name,
            national_id=NationalId(**vars(self.national_id)),
            birth_date=self.birth_date,
            gender=self.gender,
            occupation=self.occupation,
            phone=self.phone,
            email=self.email,
            address=PostalAddress(**vars(address)) if address is not None else None,
            language=self.language,
            preferred_channel=self.preferred_channel,
        )


@object_type(public=True, description="The customer who was taken on.")
class RegisterCustomerPayload:
    """The customer who was taken on."""

    made: strawberry.Private[Made]
    customer: Customer | None = result(
        Customer,
        "The new customer. The registrar sees it for 30 minutes, or as its manager; then null "
        "also in the answer to the same command.",
    )


RegisterCustomerResult = Annotated[
    RegisterCustomerPayload | Problem,
    strawberry.union("RegisterCustomerResult", description="The new customer, or why not."),
]
Input = Annotated[RegisterCustomerInput, strawberry.argument(description="Who it is.")]


async def _register_customer(
    info: Info[Context, None],
    input: Input,  # noqa: A002  # Relay's name.
) -> RegisterCustomerResult | None:
    branch = input.branch_id
    command = registration.RegisterCustomer(
        input.application(),
        None if branch is None else id_of(info, branch, "bra", "branchId").id,
    )
    key = check_key(input.idempotency_key)
    outcome = await registration.register(info.context, key, command)
    return answer(info, outcome, lambda made: RegisterCustomerPayload(made=made))


@strawberry.type
class RegistrationMutation:
    """Taking on a customer."""

    register_customer: RegisterCustomerResult | None = root_field(
        _register_customer,
        requires=Permission.CUSTOMER_REGISTER,
        description=(
            "Take on a new customer: tier NORMAL, status ACTIVE, identity still to be verified. A "
            "customer manager who registers somebody for the own branch becomes the manager. "
            "Counts as a look-up in the limits of rates."
        ),
    )
