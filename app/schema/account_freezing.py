"""Keeping money from leaving accounts, and letting it go again."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain.account import HoldReason
from app.planner.declare import object_type, root_field
from app.resolvers import account_freezing
from app.resolvers.context import Context
from app.schema.account import Account
from app.schema.account_product import AccountHold
from app.schema.approval import PendingApproval, answer_or_ask, second_person
from app.schema.inputs import (
    MoneyInput,
    account_key,
    check_key,
    check_text,
    expected_version,
    id_of,
    idempotency_key,
)
from app.schema.problem import Problem, result


@strawberry.input(description="What may not leave an account, and why.")
class FreezeAccountInput:
    """What may not leave an account, and why."""

    idempotency_key: strawberry.ID = idempotency_key()
    account_id: strawberry.ID = strawberry.field(description="A demand account or a time deposit.")
    amount: MoneyInput | None = strawberry.field(
        default=None,
        description=("How much is held, also more than is there; left out for the whole account."),
    )
    reason: HoldReason = strawberry.field(description="Why.")
    note: str | None = strawberry.field(
        default=None, description="For the record, encrypted: at most 500 characters."
    )
    expected_version: int = expected_version()


@strawberry.input(description="What may leave an account again.")
class UnfreezeAccountInput:
    """What may leave an account again."""

    idempotency_key: strawberry.ID = idempotency_key()
    account_id: strawberry.ID = strawberry.field(description="The account.")
    hold_id: strawberry.ID | None = strawberry.field(
        default=None,
        description=(
            "The hold of an amount that is lifted; left out for what freezes the whole account."
        ),
    )
    note: str | None = strawberry.field(
        default=None, description="For the record, encrypted: at most 500 characters."
    )
    expected_version: int = expected_version()


@object_type(public=True, description="What is held now.")
class FreezeAccountPayload:
    """What is held now."""

    made: strawberry.Private[Made]
    hold: AccountHold | None = result(AccountHold, "The hold; its `account` has the new version.")


@object_type(public=True, description="The account that money may leave again.")
class UnfreezeAccountPayload:
    """The account that money may leave again."""

    made: strawberry.Private[Made]
    account: Account | None = result(Account, "The account, with the new version.")


FreezeAccountResult = Annotated[
    FreezeAccountPayload | PendingApproval | Problem,
    strawberry.union("FreezeAccountResult", description="The hold, or why there is none."),
]
UnfreezeAccountResult = Annotated[
    UnfreezeAccountPayload | PendingApproval | Problem,
    strawberry.union("UnfreezeAccountResult", description="The account, or why nothing changed."),
]
FreezeAccountArgument = Annotated[
    FreezeAccountInput, strawberry.argument(description="What is held.")
]
UnfreezeAccountArgument = Annotated[
    UnfreezeAccountInput, strawberry.argument(description="What is let go.")
]


def _note(text: str | None) -> str | None:
    return None if text is None else check_text("note", text)


async def _freeze_account(
    info: Info[Context, None],
    input: FreezeAccountArgument,  # noqa: A002  # Relay's name.
) -> FreezeAccountResult | None:
    amount = input.amount
    command = account_freezing.FreezeAccount(
        account_key(info, input.account_id, "accountId"),
        None if amount is None else amount.amount,
        None if amount is None else amount.currency,
        input.reason,
        _note(input.note),
        input.expected_version,
    )
    key = check_key(input.idempotency_key)
    outcome = await account_freezing.freeze(info.context, key, command)
    return answer_or_ask(info, outcome, lambda made: FreezeAccountPayload(made=made))


async def _unfreeze_account(
    info: Info[Context, None],
    input: UnfreezeAccountArgument,  # noqa: A002  # Relay's name.
) -> UnfreezeAccountResult | None:
    hold = input.hold_id
    command = account_freezing.UnfreezeAccount(
        account_key(info, input.account_id, "accountId"),
        None if hold is None else id_of(info, hold, "hld", "holdId").id,
        _note(input.note),
        input.expected_version,
    )
    key = check_key(input.idempotency_key)
    outcome = await account_freezing.unfreeze(info.context, key, command)
    return answer_or_ask(info, outcome, lambda made: UnfreezeAccountPayload(made=made))


@strawberry.type
class AccountFreezingMutation:
    """Keeping money from leaving accounts."""

    freeze_account: FreezeAccountResult | None = root_field(
        _freeze_account,
        requires=Permission.ACCOUNT_FREEZE,
        description=(
            "Keep money from leaving an account: an amount of it, or all. Money may still come "
            "in. NOTHING_TO_CHANGE where the whole account is frozen already."
            + second_person("freezeAccount")
        ),
    )
    unfreeze_account: UnfreezeAccountResult | None = root_field(
        _unfreeze_account,
        requires=Permission.ACCOUNT_FREEZE,
        description=(
            "Lift a hold of an amount, or what freezes the whole account; holds of amounts stay "
            "then." + second_person("unfreezeAccount")
        ),
    )
