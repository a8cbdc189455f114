"""Opening accounts."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.interest import AutoRenewal
from app.planner.declare import object_type, root_field
from app.resolvers import account_opening
from app.resolvers.context import Context
from app.schema.account import Account
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.inputs import (
    MoneyInput,
    account_key,
    check_key,
    customer_id,
    id_of,
    idempotency_key,
)
from app.schema.problem import Problem, answer, result


@strawberry.input(description="A demand account for a customer.")
class OpenAccountInput:
    """A demand account for a customer."""

    idempotency_key: strawberry.ID = idempotency_key()
    customer_id: strawberry.ID = strawberry.field(description="Who becomes its owner.")
    product_id: strawberry.ID = strawberry.field(
        description="What is opened: an offered `AccountProduct` of kind DEMAND."
    )


@strawberry.input(description="Money put aside for a term.")
class OpenTimeDepositInput:
    """Money put aside for a term."""

    idempotency_key: strawberry.ID = idempotency_key()
    from_account_id: strawberry.ID = strawberry.field(
        description=("The demand account that the money comes from; its owner owns the deposit.")
    )
    product_id: strawberry.ID = strawberry.field(
        description="What is opened: an offered `AccountProduct` of kind TIME_DEPOSIT."
    )
    amount: MoneyInput = strawberry.field(
        description="How much: at least what the product asks for, else BELOW_MINIMUM."
    )
    auto_renewal: AutoRenewal = strawberry.field(
        default=AutoRenewal.NONE, description="What becomes of it when the term ends."
    )
    settlement_account_id: strawberry.ID | None = strawberry.field(
        default=None,
        description=(
            "The demand account of the same owner that it pays out to; left out for the one that "
            "the money comes from."
        ),
    )


@object_type(public=True, description="The account that was opened.")
class OpenAccountPayload:
    """The account that was opened."""

    made: strawberry.Private[Made]
    account: Account | None = result(Account, "The new account, empty, with a number of its own.")


@object_type(public=True, description="The time deposit that was opened.")
class OpenTimeDepositPayload:
    """The time deposit that was opened."""

    made: strawberry.Private[Made]
    account: Account | None = result(Account, "The new account, with the money on it.")


OpenAccountResult = Annotated[
    OpenAccountPayload | Problem,
    strawberry.union("OpenAccountResult", description="The new account, or why there is none."),
]
OpenTimeDepositResult = Annotated[
    OpenTimeDepositPayload | PendingApproval | Problem,
    strawberry.union("OpenTimeDepositResult", description="The new account, or why there is none."),
]
OpenAccountArgument = Annotated[
    OpenAccountInput, strawberry.argument(description="What is opened for whom.")
]
OpenTimeDepositArgument = Annotated[
    OpenTimeDepositInput, strawberry.argument(description="What is put aside.")
]


async def _open_account(
    info: Info[Context, None],
    input: OpenAccountArgument,  # noqa: A002  # Relay's name.
) -> OpenAccountResult | None:
    command = account_opening.OpenAccount(
        customer_id(info, input.customer_id, "customerId"),
        id_of(info, input.product_id, "acp", "productId").id,
    )
    key = check_key(input.idempotency_key)
    outcome = await account_opening.open_account(info.context, key, command)
    return answer(info, outcome, lambda made: OpenAccountPayload(made=made))


async def _open_time_deposit(
    info: Info[Context, None],
    input: OpenTimeDepositArgument,  # noqa: A002  # Relay's name.
) -> OpenTimeDepositResult | None:
    settlement = input.settlement_account_id
    command = account_opening.OpenTimeDeposit(
        account_key(info, input.from_account_id, "fromAccountId"),
        id_of(info, input.product_id, "acp", "productId").id,
        input.amount.amount,
        input.amount.currency,
        input.auto_renewal,
        None if settlement is None else account_key(info, settlement, "settlementAccountId"),
    )
    key = check_key(input.idempotency_key)
    outcome = await account_opening.open_time_deposit(info.context, key, command)
    return answer_or_ask(info, outcome, lambda made: OpenTimeDepositPayload(made=made))


@strawberry.type
class AccountOpeningMutation:
    """Opening accounts."""

    open_account: OpenAccountResult | None = root_field(
        _open_account,
        requires=Permission.ACCOUNT_OPEN,
        description=(
            "Open a demand account for a customer, empty, on the terms of a product. The bank "
            "deals in the currency from then on."
        ),
    )
    open_time_deposit: OpenTimeDepositResult | None = root_field(
        _open_time_deposit,
        requires=Permission.DEPOSIT_OPEN,
        description=(
            "Open a time deposit with money of a demand account, for the product's term and at "
            "its rate of today. Only the owner of the account orders it, or a post that serves "
            "the owner." + second_person("openTimeDeposit")
        ),
    )
