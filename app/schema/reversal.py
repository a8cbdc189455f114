"""Taking bookings back."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.planner.declare import object_type, root_field
from app.planner.errors import bad_input
from app.resolvers import reversal
from app.resolvers.context import Context
from app.schema.account import Transaction
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.inputs import check_key, check_text, id_of, idempotency_key, text_given
from app.schema.problem import Problem, result


@strawberry.input(description="Which booking is taken back, and why.")
class ReverseTransactionInput:
    """Which booking is taken back, and why."""

    idempotency_key: strawberry.ID = idempotency_key()
    transaction_id: strawberry.ID = strawberry.field(
        description="The booking on either side; the whole entry is reversed, fees too."
    )
    reason: str = strawberry.field(description="Why, for the record: 1 to 500 characters.")
    text: str | None = strawberry.field(
        default=None, description="What statements say of it; at most 500 characters."
    )


@object_type(public=True, description="The booking that takes the other back.")
class ReverseTransactionPayload:
    """The booking that takes the other back."""

    made: strawberry.Private[Made]
    transaction: Transaction | None = result(
        Transaction, "The new booking, of kind REVERSAL, on the same account."
    )


ReverseTransactionResult = Annotated[
    ReverseTransactionPayload | PendingApproval | Problem,
    strawberry.union(
        "ReverseTransactionResult", description="The new booking, or why there is none."
    ),
]
ReverseTransactionArgument = Annotated[
    ReverseTransactionInput, strawberry.argument(description="What is taken back.")
]


async def _reverse_transaction(
    info: Info[Context, None],
    input: ReverseTransactionArgument,  # noqa: A002  # Relay's name.
) -> ReverseTransactionResult | None:
    transaction = id_of(info, input.transaction_id, "txn", "transactionId")
    reason = check_text("reason", input.reason)
    if not reason:
        message = "reason: say why"
        raise bad_input(message)
    key, text = check_key(input.idempotency_key), text_given(input.text)
    command = reversal.ReverseTransaction(transaction.owner, transaction.id, reason, text)
    outcome = await reversal.reverse(info.context, key, command)
    return answer_or_ask(info, outcome, lambda made: ReverseTransactionPayload(made=made))


@strawberry.type
class ReversalMutation:
    """Taking bookings back."""

    reverse_transaction: ReverseTransactionResult | None = root_field(
        _reverse_transaction,
        requires=Permission.ENTRY_REVERSE,
        description=(
            "Take a deposit, withdrawal or transfer back by a new entry that mirrors it, once. "
            "The accounts must be open and the money there still: nobody is overdrawn by a "
            "correction." + second_person("reverseTransaction")
        ),
    )
