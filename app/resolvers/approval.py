"""Deciding what somebody else asked for, and taking back what one asked for oneself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter

from app.auth.scopes import ROW_SCOPES, ScopeKind
from app.db import approvals, assignments
from app.db.approvals import Ending, StaleRequestError
from app.db.commands import APPROVAL_PREFIX, Change, Command, Done, Effect, Made
from app.db.unit_of_work import Act, Unit
from app.domain.approval import ApprovalState, check_reason
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import GlobalId, format_id
from app.resolvers.context import Context, carry_out

PREFIX: Final = APPROVAL_PREFIX
CommandT = TypeVar("CommandT")


@dataclass(frozen=True)
class Approvable(Generic[CommandT]):
    """A command that may need a second person: what it says, and the rule that carries it out."""

    kind: type[CommandT]
    act: Callable[[CommandT], Act]

    def read(self, command: Command) -> Act:
        """Give the rule for a command as it was stored."""
        return self.act(TypeAdapter(self.kind).validate_python(command.payload))


@dataclass(frozen=True)
class Decision:
    """Which request, as it was read; ``answer`` are the words of who rejects it."""

    request: GlobalId
    expected_version: int
    answer: str | None = None

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the command says."""
        _, owner, row = self.request
        said = {"owner": owner, "id": row, "expected_version": self.expected_version}
        return said if self.answer is None else said | {"answer": self.answer}


async def approve(
    context: Context, key: str, decision: Decision, approvables: Mapping[str, Approvable[Any]]
) -> Done | Problem:
    """Carry out what somebody else asked for, unless what it rests upon has changed."""

    async def act(unit: Unit) -> Change:
        row = await _lock_to_decide(unit, decision)
        if row["expires_at"] <= unit.at:
            return await _expired(unit, row)
        command = approvals.command_of(unit, row)
        rule = approvables[command.name].read(command)
        given = replace(unit, command=command, approved=approvals.approved(row))
        try:
            change = await rule(given)
        except StaleRequestError as stale:
            await approvals.end(unit, row, Ending(ApprovalState.STALE, fresh=stale.fresh))
            refusal = Problem(ProblemCode.REQUEST_STALE, "id")
            return replace(_change(row, "approval.stale"), refusal=refusal)
        except Problem as problem:
            # The rule names fields of an input that the checker did not write.
            raise Problem(problem.code, "id") from problem
        await approvals.end(unit, row, Ending(ApprovalState.APPROVED, result=change.made))
        named = (*change.fields, f"APPROVED_BY:{format_id('sta', unit.viewer.id, unit.viewer.id)}")
        effect = Effect(command, given.maker, replace(change, fields=named))
        return replace(_change(row, "approval.approved"), effect=effect)

    return await carry_out(context, Command("approveRequest", key, decision.payload), act)


async def reject(context: Context, key: str, decision: Decision) -> Done | Problem:
    """Refuse what somebody else asked for, with words for who asked."""

    async def act(unit: Unit) -> Change:
        check_reason(decision.answer or "")
        row = await _lock_to_decide(unit, decision)
        if row["expires_at"] <= unit.at:
            return await _expired(unit, row)
        await approvals.end(unit, row, Ending(ApprovalState.REJECTED, answer=decision.answer))
        return _change(row, "approval.rejected")

    return await carry_out(context, Command("rejectRequest", key, decision.payload), act)


async def withdraw(context: Context, key: str, decision: Decision) -> Done | Problem:
    """Take back what one asked for oneself."""

    async def act(unit: Unit) -> Change:
        _, row = await approvals.lock(unit, decision.request.owner, decision.request.id)
        _check_waiting(row, decision)
        if row["maker_id"] != unit.viewer.id:
            raise Problem(ProblemCode.REQUEST_IS_NOT_OWN, "id")
        if row["expires_at"] <= unit.at:
            return await _expired(unit, row)
        await approvals.end(unit, row, Ending(ApprovalState.WITHDRAWN))
        return _change(row, "approval.withdrawn")

    return await carry_out(context, Command("withdrawRequest", key, decision.payload), act)


async def _lock_to_decide(unit: Unit, decision: Decision) -> Any:
    """Lock a request that waits for somebody like the viewer."""
    customer, row = await approvals.lock(unit, decision.request.owner, decision.request.id)
    if row["maker_id"] in {unit.viewer.id, unit.viewer.own_customer_id}:
        raise Problem(ProblemCode.REQUEST_IS_OWN, "id")
    if row["customer_id"] == unit.viewer.own_customer_id:
        raise Problem(ProblemCode.CUSTOMER_IS_ONESELF, "id")
    # A begun service shows customers of other branches; it makes nobody their checker.
    of_branch = ROW_SCOPES[unit.viewer.role] is ScopeKind.BRANCH
    if of_branch and not await assignments.works_for(unit, unit.viewer.id, customer["branch_id"]):
        raise Problem(ProblemCode.STAFF_NOT_FITTING)
    _check_waiting(row, decision)
    if customer["wrapped_key"] is None:
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE, "id")
    return row


def _check_waiting(row: Any, decision: Decision) -> None:
    if row["state"] != ApprovalState.PENDING:
        raise Problem(ProblemCode.REQUEST_DECIDED, "id")
    if row["version"] != decision.expected_version:
        raise Problem(ProblemCode.STALE_VERSION, "expectedVersion")


async def _expired(unit: Unit, row: Any) -> Change:
    """End a request that nobody decided in time: whoever comes too late is refused."""
    await approvals.end(unit, row, Ending(ApprovalState.EXPIRED))
    refusal = Problem(ProblemCode.REQUEST_EXPIRED, "id")
    return replace(_change(row, "approval.expired"), refusal=refusal)


def _change(row: Any, event: str) -> Change:
    """Tell what became of a request; the record names its command and its maker."""
    made = Made(PREFIX, row["customer_id"], row["id"])
    return Change(made, event, row["customer_id"], approvals.named(row))
