"""Closing accounts, and taking money out of time deposits before their end."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.planner.declare import object_type, root_field
from app.resolvers import account_closing
from app.resolvers.context import Context
from app.schema.account import Account
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.inputs import MoneyInput, account_key, check_key, expected_version, idempotency_key
from app.schema.problem import Problem, result


@strawberry.input(description="Which account ends, and where its money goes.")
class CloseAccountInput:
    """Which account ends, and where its money goes."""

    idempotency_key: strawberry.ID = idempotency_key()
    account_id: strawberry.ID = strawberry.field(description="A demand account or a time deposit.")
    to_account_id: strawberry.ID | None = strawberry.field(
        default=None,
        description=(
            "The demand account that the money goes to; left out for where a time deposit pays "
            "out, and for an account that is empty."
        ),
    )
    expected_version: int = expected_version()


@strawberry.input(description="A part of a time deposit, before its end.")
class WithdrawTimeDepositInput:
    """A part of a time deposit, before its end."""

    idempotency_key: strawberry.ID = idempotency_key()
    account_id: strawberry.ID = strawberry.field(description="A time deposit.")
    amount: MoneyInput = strawberry.field(
        description=(
            "How much goes; at least the product's minimum stays, else BELOW_MINIMUM. All of it "
            "is `closeAccount`."
        )
    )


@object_type(public=True, description="The account that was closed.")
class CloseAccountPayload:
    """The account that was closed."""

    made: strawberry.Private[Made]
    account: Account | None = result(Account, "The account, with the new version.")


@object_type(public=True, description="The time deposit, with what is left on it.")
class WithdrawTimeDepositPayload:
    """The time deposit, with what is left on it."""

    made: strawberry.Private[Made]
    account: Account | None = result(Account, "The account, with the new version.")


CloseAccountResult = Annotated[
    CloseAccountPayload | PendingApproval | Problem,
    strawberry.union(
        "CloseAccountResult", description="The closed account, or why it is open still."
    ),
]
WithdrawTimeDepositResult = Annotated[
    WithdrawTimeDepositPayload | PendingApproval | Problem,
    strawberry.union(
        "WithdrawTimeDepositResult", description="The time deposit, or why nothing was paid out."
    ),
]
CloseAccountArgument = Annotated[CloseAccountInput, strawberry.argument(description="What ends.")]
WithdrawTimeDepositArgument = Annotated[
    WithdrawTimeDepositInput, strawberry.argument(description="What is paid out.")
]


async def _close_account(
    info: Info[Context, None],
    input: CloseAccountArgument,  # noqa: A002  # Relay's name.
) -> CloseAccountResult | None:
    target = input.to_account_id
    command = account_closing.CloseAccount(
        account_key(info, input.account_id, "accountId"),
        None if target is None else account_key(info, target, "toAccountId"),
        input.expected_version,
    )
    key = check_key(input.idempotency_key)
    outcome = await account_closing.close(info.context, key, command)
    return answer_or_ask(info, outcome, lambda made: CloseAccountPayload(made=made))


async def _withdraw_time_deposit(
    info: Info[Context, None],
    input: WithdrawTimeDepositArgument,  # noqa: A002  # Relay's name.
) -> WithdrawTimeDepositResult | None:
    command = account_closing.WithdrawTimeDeposit(
        account_key(info, input.account_id, "accountId"),
        input.amount.amount,
        input.amount.currency,
    )
    key = check_key(input.idempotency_key)
    outcome = await account_closing.withdraw_early(info.context, key, command)
    return answer_or_ask(info, outcome, lambda made: WithdrawTimeDepositPayload(made=made))


@strawberry.type
class AccountClosingMutation:
    """Closing accounts."""

    close_account: CloseAccountResult | None = root_field(
        _close_account,
        requires=Permission.ACCOUNT_CLOSE,
        description=(
            "Pay out what is on an account, with the interest earned, and close it. A time "
            "deposit before its end earns the demand rate of today from its term's first day. "
            "What depends on the account ends first, else ACCOUNT_IN_USE."
            + second_person("closeAccount")
        ),
    )
    withdraw_time_deposit: WithdrawTimeDepositResult | None = root_field(
        _withdraw_time_deposit,
        requires=Permission.DEPOSIT_OPEN,
        description=(
            "Pay out a part of a time deposit to where it pays out, with interest at the demand "
            "rate of today from the term's first day. The rest keeps its rate."
            + second_person("withdrawTimeDeposit")
        ),
    )
