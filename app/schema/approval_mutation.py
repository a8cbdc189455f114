"""Mutations of requests for a second person: approve, reject, withdraw."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import Permission
from app.db.commands import Made
from app.domain import problem
from app.domain.problem import ProblemCode
from app.planner.declare import object_type, root_field
from app.planner.global_id import GlobalId
from app.resolvers import (
    account_closing,
    account_freezing,
    account_opening,
    approval,
    assignment,
    payment,
    personal_data,
    reversal,
    standing_order,
)
from app.resolvers.approval import Approvable, Decision
from app.resolvers.context import Context
from app.schema.approval import Approval
from app.schema.inputs import check_key, check_text, id_of, idempotency_key
from app.schema.problem import Problem, answer, refusal, result

# Every command that app.auth.approvals names, and the rule that carries it out once approved.
APPROVABLE: Final[dict[str, Approvable[Any]]] = {
    "assignRelationshipManager": Approvable(
        assignment.AssignRelationshipManager, assignment.assigning
    ),
    "closeAccount": Approvable(account_closing.CloseAccount, account_closing.closing),
    "createStandingOrder": Approvable(standing_order.CreateStandingOrder, standing_order.creating),
    "eraseCustomer": Approvable(personal_data.EraseCustomer, personal_data.erasing),
    "freezeAccount": Approvable(account_freezing.FreezeAccount, account_freezing.freezing),
    "openTimeDeposit": Approvable(
        account_opening.OpenTimeDeposit, account_opening.opening_time_deposit
    ),
    "reverseTransaction": Approvable(reversal.ReverseTransaction, reversal.reversing),
    "transfer": Approvable(payment.Transfer, payment.transferring),
    "unfreezeAccount": Approvable(account_freezing.UnfreezeAccount, account_freezing.unfreezing),
    "withdraw": Approvable(payment.CashOrder, payment.withdrawing),
    "withdrawTimeDeposit": Approvable(
        account_closing.WithdrawTimeDeposit, account_closing.withdrawing_early
    ),
}


class UnknownCommandError(Exception):
    """The table of posts and the rules name different commands."""


if APPROVABLE.keys() != FOUR_EYES.keys():
    raise UnknownCommandError(APPROVABLE.keys() ^ FOUR_EYES.keys())


def _version() -> Any:
    return strawberry.field(
        description="`Approval.version` as it was read; refused as STALE_VERSION when it has risen."
    )


def _request() -> Any:
    return strawberry.field(description="The request.")


@strawberry.input(description="Which request to approve.")
class ApproveRequestInput:
    """Which request to approve."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = _request()
    expected_version: int = _version()


@strawberry.input(description="Which request to reject, and why.")
class RejectRequestInput:
    """Which request to reject, and why."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = _request()
    expected_version: int = _version()
    reason: str = strawberry.field(description="Why, for who asked: 10 to 500 characters.")


@strawberry.input(description="Which request to withdraw.")
class WithdrawRequestInput:
    """Which request to withdraw."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = _request()
    expected_version: int = _version()


@object_type(public=True, description="The request as it was approved, and so carried out.")
class ApproveRequestPayload:
    """The request as it was approved."""

    made: strawberry.Private[Made]
    approval: Approval | None = result(
        Approval, "The request; `resultId` names what it made or changed."
    )


@object_type(
    public=True,
    description=(
        "The approval failed, because what the request would change has changed since it was "
        "asked. Nothing was carried out, and the request has ended: who asked may ask anew."
    ),
)
class StaleApproval:
    """The approval failed, because what it would change has changed."""

    made: strawberry.Private[Made]
    problem: Problem = strawberry.field(description="The refusal, with the code REQUEST_STALE.")
    approval: Approval | None = result(
        Approval, "The request; `freshDiff` beside `diff` shows what has changed."
    )


@object_type(public=True, description="The request as it was rejected. Nothing was carried out.")
class RejectRequestPayload:
    """The request as it was rejected."""

    made: strawberry.Private[Made]
    approval: Approval | None = result(Approval, "The request, with `answer`.")


@object_type(public=True, description="The request as it was withdrawn. Nothing was carried out.")
class WithdrawRequestPayload:
    """The request as it was withdrawn."""

    made: strawberry.Private[Made]
    approval: Approval | None = result(Approval, "The request.")


ApproveRequestResult = Annotated[
    ApproveRequestPayload | StaleApproval | Problem,
    strawberry.union("ApproveRequestResult", description="The request as approved, or why not."),
]
RejectRequestResult = Annotated[
    RejectRequestPayload | Problem,
    strawberry.union("RejectRequestResult", description="The request as rejected, or why not."),
]
WithdrawRequestResult = Annotated[
    WithdrawRequestPayload | Problem,
    strawberry.union("WithdrawRequestResult", description="The request as withdrawn, or why not."),
]
ApproveInput = Annotated[ApproveRequestInput, strawberry.argument(description="Which request.")]
RejectInput = Annotated[RejectRequestInput, strawberry.argument(description="Which, and why.")]
WithdrawInput = Annotated[WithdrawRequestInput, strawberry.argument(description="Which request.")]


def _found(info: Info[Context, None], given: str) -> GlobalId:
    return id_of(info, given, approval.PREFIX, "id")


async def _approve_request(
    info: Info[Context, None],
    input: ApproveInput,  # noqa: A002  # Relay's name.
) -> ApproveRequestResult | None:
    decision = Decision(_found(info, input.id), input.expected_version)
    key = check_key(input.idempotency_key)
    outcome = await approval.approve(info.context, key, decision, APPROVABLE)
    if isinstance(outcome, problem.Problem) and outcome.code is ProblemCode.REQUEST_STALE:
        return StaleApproval(made=Made(*decision.request), problem=refusal(info, outcome))
    return answer(info, outcome, lambda made: ApproveRequestPayload(made=made))


async def _reject_request(
    info: Info[Context, None],
    input: RejectInput,  # noqa: A002  # Relay's name.
) -> RejectRequestResult | None:
    words = check_text("reason", input.reason)
    decision = Decision(_found(info, input.id), input.expected_version, words)
    outcome = await approval.reject(info.context, check_key(input.idempotency_key), decision)
    return answer(info, outcome, lambda made: RejectRequestPayload(made=made))


async def _withdraw_request(
    info: Info[Context, None],
    input: WithdrawInput,  # noqa: A002  # Relay's name.
) -> WithdrawRequestResult | None:
    decision = Decision(_found(info, input.id), input.expected_version)
    outcome = await approval.withdraw(info.context, check_key(input.idempotency_key), decision)
    return answer(info, outcome, lambda made: WithdrawRequestPayload(made=made))


@strawberry.type
class ApprovalMutation:
    """Mutations of requests for a second person."""

    approve_request: ApproveRequestResult | None = root_field(
        _approve_request,
        requires=Permission.APPROVAL_DECIDE,
        description=(
            "Approve what somebody else asked for, which carries it out at once. Nobody approves "
            "their own (`REQUEST_IS_OWN`), in whatever post, nor what concerns themselves as a "
            "customer (`CUSTOMER_IS_ONESELF`). Answers `StaleApproval` with fresh differences "
            "when what it would change has changed. Where a rule of the bank stands against it "
            "by now, that rule's code is answered and the request goes on waiting."
        ),
    )
    reject_request: RejectRequestResult | None = root_field(
        _reject_request,
        requires=Permission.APPROVAL_DECIDE,
        description="Refuse what somebody else asked for, and say why.",
    )
    withdraw_request: WithdrawRequestResult | None = root_field(
        _withdraw_request,
        requires=Permission.APPROVAL_WITHDRAW,
        description=(
            "Take back what you asked for; anybody else is refused with `REQUEST_IS_NOT_OWN`."
        ),
    )
