"""What transfers are asked for, and the codes that confirm them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.auth.limits import needs_second
from app.auth.permissions import Permission, Role
from app.db.commands import Made
from app.domain import problem
from app.domain.customer import Tier
from app.domain.money import rounded
from app.domain.requirement import RequirementReason, TransferStep
from app.planner.declare import object_type, root_field
from app.planner.enums import graphql_enum
from app.resolvers import requirement
from app.resolvers.context import Context
from app.resolvers.requirement import AskedTransfer, Promised
from app.schema.customer import Customer
from app.schema.inputs import MoneyInput, account_key, check_key, idempotency_key
from app.schema.payment import TransferTo, beneficiary
from app.schema.problem import Problem, answer, refusal, result
from app.schema.scalars import Money

graphql_enum(TransferStep)
graphql_enum(RequirementReason)


@strawberry.input(description="A transfer that might be ordered.")
class TransferRequirementsInput:
    """A transfer that might be ordered."""

    from_account_id: strawberry.ID = strawberry.field(
        description="The demand account that the money would come from."
    )
    amount: MoneyInput = strawberry.field(description="How much.")
    to: TransferTo = strawberry.field(description="Where it would go.")


@object_type(public=True, description="Why a transfer is asked for something, or for nothing.")
class TransferReason:
    """Why a transfer is asked for something, or for nothing."""

    code: RequirementReason = strawberry.field(description="Why, for programs.")
    message: str = strawberry.field(
        description="Why, for people: English or Chinese, by `Accept-Language`."
    )
    step: TransferStep | None = strawberry.field(
        description="What it calls for; null when it speaks for asking nothing."
    )
    limit: Money | None = strawberry.field(
        description="The amount that the transfer was compared with, when it was."
    )


@object_type(
    public=True,
    description=(
        "What a transfer will be asked for, and why. It is a promise: until `validUntil`, the "
        "transfer with its `token` is asked for no more, whatever changes meanwhile. Money that is "
        "not there, a frozen or closed account, or a used-up day's limit refuse it all the same."
    ),
)
class TransferRequirements:
    """What a transfer will be asked for, and why."""

    steps: list[TransferStep] = strawberry.field(
        description="What it will be asked for; empty when nothing."
    )
    reasons: list[TransferReason] = strawberry.field(
        description="Why: tier, payee, amount, and the account's own past."
    )
    cooling_off_until: datetime | None = strawberry.field(
        description=(
            "From when on it may be ordered (UTC), if the payee is kept by now; null without "
            "COOLING_OFF."
        )
    )
    second_persons: list[Role] = strawberry.field(
        description="The posts of which one agrees; empty without SECOND_PERSON."
    )
    tier: Tier | None = strawberry.field(
        description="The tier of the customer who orders; null when it does not matter."
    )
    order_limit: Money | None = strawberry.field(
        description="What the customer may pay others with one order; null for staff."
    )
    day_limit: Money | None = strawberry.field(
        description="What the customer may pay others on one business date; null for staff."
    )
    token: str = strawberry.field(
        description=(
            "For `requirementsToken`: of you, in this role, for this account, payee, amount and "
            "currency, and for one transfer. Opaque; store nothing by it."
        )
    )
    valid_until: datetime = strawberry.field(
        description="Until when the promise holds (UTC): ten minutes."
    )


TransferRequirementsResult = Annotated[
    TransferRequirements | Problem,
    strawberry.union(
        "TransferRequirementsResult",
        description="What is asked for, or why the transfer would be refused anyway.",
    ),
]


def _asked(info: Info[Context, None], given: TransferRequirementsInput) -> AskedTransfer:
    payer = account_key(info, given.from_account_id, "fromAccountId")
    amount = given.amount
    return AskedTransfer(payer, amount.amount, amount.currency, beneficiary(info, given.to))


async def transfer_requirements(
    info: Info[Context, None],
    input: Annotated[  # noqa: A002  # Relay's name.
        TransferRequirementsInput, strawberry.argument(description="The transfer.")
    ],
) -> TransferRequirementsResult | None:
    """Say what a transfer will be asked for."""
    try:
        found = await requirement.ask(info.context, _asked(info, input))
    except problem.Problem as refused:
        return refusal(info, refused)
    return _described(info, found)


def _described(info: Info[Context, None], found: Promised) -> TransferRequirements:
    wanted, currency, limit = found.requirement, found.currency, found.limit
    language, role = info.context.language, info.context.viewer.role

    def money(amount: Decimal | None) -> Money | None:
        if amount is None:
            return None
        return Money(amount=rounded(amount, currency), currency=currency)

    asks = TransferStep.SECOND_PERSON in wanted.steps
    return TransferRequirements(
        steps=sorted(wanted.steps),
        reasons=[
            TransferReason(
                code=reason.code,
                message=reason.code.message_in(language),
                step=reason.step,
                limit=money(reason.limit),
            )
            for reason in wanted.reasons
        ],
        cooling_off_until=wanted.cooling_off_until,
        second_persons=sorted(needs_second(role, found.amount, currency)) if asks else [],
        tier=found.tier,
        order_limit=money(limit.order if limit else None),
        day_limit=money(limit.day if limit else None),
        token=found.token,
        valid_until=found.valid_until,
    )


@strawberry.input(description="Which promise a code is needed for.")
class SendConfirmationCodeInput:
    """Which promise a code is needed for."""

    idempotency_key: strawberry.ID = idempotency_key()
    requirements_token: str = strawberry.field(
        description="The token of `transferRequirements` that says CONFIRMATION_CODE."
    )


@object_type(public=True, description="The code was sent.")
class SendConfirmationCodePayload:
    """The code was sent."""

    made: strawberry.Private[Made]
    customer: Customer | None = result(Customer, "Whose phone it was sent to.")


SendConfirmationCodeResult = Annotated[
    SendConfirmationCodePayload | Problem,
    strawberry.union("SendConfirmationCodeResult", description="That it was sent, or why not."),
]


async def _send_code(
    info: Info[Context, None],
    input: Annotated[  # noqa: A002  # Relay's name.
        SendConfirmationCodeInput, strawberry.argument(description="Which promise.")
    ],
) -> SendConfirmationCodeResult | None:
    key = check_key(input.idempotency_key)
    outcome = await requirement.send_code(info.context, key, input.requirements_token)
    return answer(info, outcome, lambda made: SendConfirmationCodePayload(made=made))


@strawberry.type
class RequirementMutation:
    """Codes that confirm transfers."""

    send_confirmation_code: SendConfirmationCodeResult | None = root_field(
        _send_code,
        requires=Permission.MONEY_TRANSFER,
        description=(
            "Send a code to your own phone, for the one transfer that was asked about. It counts "
            "as long as the promise does, until a fifth wrong one is given; at most ten an hour "
            "are sent. Sent again with the same key, no other code is sent."
        ),
    )
