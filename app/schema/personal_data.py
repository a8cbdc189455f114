"""Mutations of a customer's right to what the bank knows, and to be forgotten."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.audit import ErasureReason
from app.planner.declare import object_type, root_field
from app.planner.enums import graphql_enum
from app.planner.global_id import format_id
from app.resolvers import personal_data
from app.resolvers.context import Context
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.customer import Customer
from app.schema.inputs import check_key, customer_id, idempotency_key
from app.schema.problem import Problem, answer, result

graphql_enum(ErasureReason)


@strawberry.input(description="Whose personal data is destroyed, and why.")
class EraseCustomerInput:
    """Whose personal data is destroyed, and why."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = strawberry.field(description="The customer.")
    expected_version: int = strawberry.field(
        description="`Customer.version` as it was read; refused as STALE_VERSION when it has risen."
    )
    reason: ErasureReason = strawberry.field(description="Why; it is recorded.")


@object_type(public=True, description="The customer without anything personal.")
class EraseCustomerPayload:
    """The customer without anything personal."""

    made: strawberry.Private[Made]
    customer: Customer | None = result(Customer, "The customer: closed, and without personal data.")


EraseCustomerResult = Annotated[
    EraseCustomerPayload | PendingApproval | Problem,
    strawberry.union(
        "EraseCustomerResult",
        description="The customer as erased, what waits for approval, or why not.",
    ),
]


@strawberry.input(description="Whose data is given out.")
class ExportCustomerDataInput:
    """Whose data is given out."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = strawberry.field(description="The customer.")


@object_type(public=True, description="One kind of row in an export.")
class ExportSection:
    """One kind of row in an export."""

    name: str = strawberry.field(description="The section's name in the document.")
    rows: int = strawberry.field(description="How many rows it has.")
    sha256: str = strawberry.field(
        description="SHA-256 (hexadecimal) of the section's JSON text as it stands in the document."
    )


@object_type(public=True, description="All data of a customer.")
class CustomerExport:
    """All data of a customer."""

    document: str = strawberry.field(
        description=(
            "JSON: `manifest` (customer, producedAt, producedBy, sections with row counts and "
            "hashes) and `sections`, a list of rows for each. Money is text."
        )
    )
    sections: list[ExportSection] = strawberry.field(description="What stands in the document.")
    produced_at: datetime = strawberry.field(description="When it was read.")


async def _export(
    self: "ExportCustomerDataPayload", info: Info[Context, None]
) -> CustomerExport | None:
    customer = self.made.id
    found = await personal_data.read_export(
        info.context, customer, format_id("cus", customer, customer)
    )
    if found is None:
        return None
    made, at = found
    sections = [ExportSection(**vars(section)) for section in made.sections]
    return CustomerExport(document=made.document, sections=sections, produced_at=at)


@object_type(public=True, description="All data of the customer, as it is now.")
class ExportCustomerDataPayload:
    """All data of the customer, as it is now."""

    made: strawberry.Private[Made]
    export: CustomerExport | None = root_field(_export, description="The data, as it is now.")


ExportCustomerDataResult = Annotated[
    ExportCustomerDataPayload | Problem,
    strawberry.union(
        "ExportCustomerDataResult", description="All data of the customer, or why not."
    ),
]

EraseInput = Annotated[
    EraseCustomerInput, strawberry.argument(name="input", description="Whose, and why.")
]
ExportInput = Annotated[
    ExportCustomerDataInput, strawberry.argument(name="input", description="Whose.")
]


async def _erase_customer(
    info: Info[Context, None],
    input: EraseInput,  # noqa: A002  # Relay's name.
) -> EraseCustomerResult | None:
    command = personal_data.EraseCustomer(
        customer_id(info, input.id), input.expected_version, input.reason
    )
    outcome = await personal_data.erase(info.context, check_key(input.idempotency_key), command)
    return answer_or_ask(info, outcome, lambda made: EraseCustomerPayload(made=made))


async def _export_customer_data(
    info: Info[Context, None],
    input: ExportInput,  # noqa: A002  # Relay's name.
) -> ExportCustomerDataResult | None:
    outcome = await personal_data.begin_export(
        info.context, check_key(input.idempotency_key), customer_id(info, input.id)
    )
    return answer(info, outcome, lambda made: ExportCustomerDataPayload(made=made))


@strawberry.type
class PersonalDataMutation:
    """Mutations of a customer's right to what the bank knows, and to be forgotten."""

    erase_customer: EraseCustomerResult | None = root_field(
        _erase_customer,
        requires=Permission.CUSTOMER_ERASE,
        description=(
            "Destroy the personal data of a customer with whom all business has ended. The ledger "
            "stays. It cannot be undone." + second_person("eraseCustomer")
        ),
    )
    export_customer_data: ExportCustomerDataResult | None = root_field(
        _export_customer_data,
        requires=Permission.CUSTOMER_EXPORT,
        description=(
            "Give out all data of a customer as JSON, with a manifest. It is recorded. Sent again "
            "with the same key, it is checked and recorded again, and gives out what there is by "
            "then."
        ),
    )
