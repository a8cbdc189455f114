"""Payees and standing orders."""

from datetime import date
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.account import OrderFrequency, OrderPurpose
from app.planner.declare import object_type, root_field
from app.resolvers import payee, standing_order
from app.resolvers.context import Context
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.inputs import (
    MoneyInput,
    account_key,
    check_key,
    customer_id,
    expected_version,
    id_of,
    idempotency_key,
    text_given,
)
from app.schema.payment import PayeeAccountInput, TransferTo, beneficiary
from app.schema.problem import Problem, answer, result
from app.schema.standing_order import Payee, StandingOrder


@strawberry.input(description="Whom a customer wants to pay again.")
class AddPayeeInput:
    """Whom a customer wants to pay again."""

    idempotency_key: strawberry.ID = idempotency_key()
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    payee: PayeeAccountInput = strawberry.field(
        description=(
            "Whose account it is; at this bank there must be one of that number and name, else "
            "PAYEE_UNKNOWN."
        )
    )


@strawberry.input(description="What is paid again and again.")
class CreateStandingOrderInput:
    """What is paid again and again."""

    idempotency_key: strawberry.ID = idempotency_key()
    from_account_id: strawberry.ID = strawberry.field(
        description="The demand account that it draws on."
    )
    amount: MoneyInput = strawberry.field(description="How much each time.")
    to: TransferTo = strawberry.field(description="Where it goes.")
    purpose: OrderPurpose = strawberry.field(
        default=OrderPurpose.OTHER, description="What it pays."
    )
    frequency: OrderFrequency = strawberry.field(description="How often.")
    first_on: date = strawberry.field(
        description="First payment: the business date or later, else INVALID_DATE."
    )
    ends_on: date | None = strawberry.field(
        default=None, description="No payment after this day; left out for no end."
    )
    text: str | None = strawberry.field(
        default=None, description="What statements say of it; at most 500 characters."
    )


@strawberry.input(description="Which order ends.")
class CancelStandingOrderInput:
    """Which order ends."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = strawberry.field(description="The order.")
    expected_version: int = expected_version()


@object_type(public=True, description="The payee that was added.")
class AddPayeePayload:
    """The payee that was added."""

    made: strawberry.Private[Made]
    payee: Payee | None = result(Payee, "The payee.")


@object_type(public=True, description="The order that was taken on.")
class CreateStandingOrderPayload:
    """The order that was taken on."""

    made: strawberry.Private[Made]
    order: StandingOrder | None = result(StandingOrder, "The order.")


@object_type(public=True, description="The order that ended.")
class CancelStandingOrderPayload:
    """The order that ended."""

    made: strawberry.Private[Made]
    order: StandingOrder | None = result(StandingOrder, "The order, with the new version.")


AddPayeeResult = Annotated[
    AddPayeePayload | Problem,
    strawberry.union("AddPayeeResult", description="The payee, or why there is none."),
]
CreateStandingOrderResult = Annotated[
    CreateStandingOrderPayload | PendingApproval | Problem,
    strawberry.union("CreateStandingOrderResult", description="The order, or why there is none."),
]
CancelStandingOrderResult = Annotated[
    CancelStandingOrderPayload | Problem,
    strawberry.union("CancelStandingOrderResult", description="The order, or why it goes on."),
]
AddPayeeArgument = Annotated[AddPayeeInput, strawberry.argument(description="Whom to add.")]
CreateStandingOrderArgument = Annotated[
    CreateStandingOrderInput, strawberry.argument(description="What is paid.")
]
CancelStandingOrderArgument = Annotated[
    CancelStandingOrderInput, strawberry.argument(description="What ends.")
]


async def _add_payee(
    info: Info[Context, None],
    input: AddPayeeArgument,  # noqa: A002  # Relay's name.
) -> AddPayeeResult | None:
    command = payee.AddPayee(
        customer_id(info, input.customer_id, "customerId"), input.payee.account()
    )
    outcome = await payee.add(info.context, check_key(input.idempotency_key), command)
    return answer(info, outcome, lambda made: AddPayeePayload(made=made))


async def _create_standing_order(
    info: Info[Context, None],
    input: CreateStandingOrderArgument,  # noqa: A002  # Relay's name.
) -> CreateStandingOrderResult | None:
    command = standing_order.CreateStandingOrder(
        account_key(info, input.from_account_id, "fromAccountId"),
        input.amount.amount,
        input.amount.currency,
        beneficiary(info, input.to),
        input.purpose,
        input.frequency,
        input.first_on,
        input.ends_on,
        text_given(input.text),
    )
    outcome = await standing_order.create(info.context, check_key(input.idempotency_key), command)
    return answer_or_ask(info, outcome, lambda made: CreateStandingOrderPayload(made=made))


async def _cancel_standing_order(
    info: Info[Context, None],
    input: CancelStandingOrderArgument,  # noqa: A002  # Relay's name.
) -> CancelStandingOrderResult | None:
    order = id_of(info, input.id, "sto", "id")
    key = check_key(input.idempotency_key)
    outcome = await standing_order.cancel(info.context, key, order, input.expected_version)
    return answer(info, outcome, lambda made: CancelStandingOrderPayload(made=made))


@strawberry.type
class OrderMutation:
    """Payees and standing orders."""

    add_payee: AddPayeeResult | None = root_field(
        _add_payee,
        requires=Permission.PAYEE_KEEP,
        description=("Keep a payee of a customer; PAYEE_KNOWN where the customer has it already."),
    )
    create_standing_order: CreateStandingOrderResult | None = root_field(
        _create_standing_order,
        requires=Permission.MONEY_TRANSFER,
        description=(
            "Pay the same amount again and again, from the first day on. The owner or a joint "
            "holder orders it, or a post that serves them." + second_person("createStandingOrder")
        ),
    )
    cancel_standing_order: CancelStandingOrderResult | None = root_field(
        _cancel_standing_order,
        requires=Permission.MONEY_TRANSFER,
        description=("End a standing order. What it has paid stays paid."),
    )
