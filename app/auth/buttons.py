"""Which operations on an object would be refused because of how it stands: reasons for buttons.

What the operations check under lock (app.domain.payment and the use cases), said beforehand from
what the viewer may see. A button that is offered may still be refused, for what is only known then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.auth.approvals import FOUR_EYES
from app.auth.limits import customer_limit, post_limit
from app.auth.permissions import Role, ViewerAction
from app.domain.account import AccountKind, AccountStatus, OrderStatus
from app.domain.customer import CustomerStatus, Tier
from app.domain.money import Currency
from app.domain.payment import Standing
from app.domain.problem import ProblemCode
from app.domain.service import TicketStatus
from app.domain.ticket import ENDED


@dataclass(frozen=True)
class Customers:
    """How a customer stands to the bank and to the viewer."""

    status: CustomerStatus
    is_oneself: bool


@dataclass(frozen=True)
class Accounts:
    """How an account stands.

    ``standing`` is what the viewer is to it; an owner whom the viewer does not see counts as
    active. ``is_in_use`` as far as the viewer sees what depends on it. ``is_oneself`` for staff
    who are the owner.
    """

    kind: AccountKind
    status: AccountStatus
    standing: Standing
    owner_is_active: bool
    is_oneself: bool
    is_held: bool
    is_in_use: bool
    is_overdrawn: bool


@dataclass(frozen=True)
class StandingOrders:
    """How a standing order stands, and what the viewer is to its account."""

    status: OrderStatus
    standing: Standing
    is_oneself: bool


@dataclass(frozen=True)
class Tickets:
    """How a ticket stands, and what an agent of the service desk is to its queue.

    Of one that is answered: whether that was long ago for reopening or rating it, and whether the
    answer was rated.
    """

    status: TicketStatus
    is_oneself: bool
    is_elsewhere: bool
    is_past_reopening: bool
    is_past_rating: bool
    is_rated: bool


@dataclass(frozen=True)
class _Operation:
    """What accounts take an operation, who orders it, and whether money leaves by it."""

    kinds: frozenset[AccountKind]
    ordered_by: frozenset[Standing] = frozenset(Standing)
    of_active: bool = True
    leaves: bool = True


_DEMAND: Final = frozenset({AccountKind.DEMAND})
_TERM: Final = frozenset({AccountKind.TIME_DEPOSIT})
_OWNER: Final = frozenset({Standing.OWNER})
_OWNERS: Final = _OWNER | {Standing.JOINT_HOLDER}
_OPERATIONS: Final[Mapping[ViewerAction, _Operation]] = {
    ViewerAction.DEPOSIT_CASH: _Operation(_DEMAND, of_active=False, leaves=False),
    ViewerAction.WITHDRAW_CASH: _Operation(_DEMAND),
    ViewerAction.TRANSFER_MONEY: _Operation(_DEMAND),
    ViewerAction.CREATE_STANDING_ORDER: _Operation(_DEMAND, _OWNERS),
    ViewerAction.OPEN_TIME_DEPOSIT: _Operation(_DEMAND, _OWNER),
    ViewerAction.WITHDRAW_TIME_DEPOSIT: _Operation(_TERM, _OWNER),
    ViewerAction.FREEZE_ACCOUNT: _Operation(_DEMAND | _TERM, of_active=False, leaves=False),
    ViewerAction.UNFREEZE_ACCOUNT: _Operation(_DEMAND | _TERM, of_active=False, leaves=False),
    ViewerAction.CLOSE_ACCOUNT: _Operation(_DEMAND | _TERM, _OWNER),
}
# What has the limit of a post, and of these what has that of a customer who pays others.
_LIMITED: Final = frozenset(
    {
        ViewerAction.CLOSE_ACCOUNT,
        ViewerAction.CREATE_STANDING_ORDER,
        ViewerAction.OPEN_TIME_DEPOSIT,
        ViewerAction.TRANSFER_MONEY,
        ViewerAction.WITHDRAW_CASH,
        ViewerAction.WITHDRAW_TIME_DEPOSIT,
    }
)
_PAYING_OTHERS: Final = frozenset({ViewerAction.CREATE_STANDING_ORDER, ViewerAction.TRANSFER_MONEY})
# The mutations of what nobody does alone (app.auth.approvals).
_COMMANDS: Final[Mapping[ViewerAction, str]] = {
    ViewerAction.ASSIGN_MANAGER: "assignRelationshipManager",
    ViewerAction.FREEZE_ACCOUNT: "freezeAccount",
    ViewerAction.UNFREEZE_ACCOUNT: "unfreezeAccount",
}
_OF_CUSTOMERS: Final = frozenset({ViewerAction.ADD_PAYEE, ViewerAction.OPEN_ACCOUNT})
# What agents do with tickets of their own queues only.
_DESK_WORK: Final = frozenset(
    {
        ViewerAction.ASSIGN_TICKET,
        ViewerAction.CHANGE_TICKET_STATUS,
        ViewerAction.ESCALATE_TICKET,
        ViewerAction.RESOLVE_TICKET,
    }
)


def of_customer(action: ViewerAction, seen: Customers) -> ProblemCode | None:
    """Say why an operation on a customer would be refused; None where it would not."""
    if action is ViewerAction.OPEN_TICKET:
        # Whoever is blocked or has become no customer has the more to ask.
        return ProblemCode.CUSTOMER_IS_ONESELF if seen.is_oneself else None
    if action not in _OF_CUSTOMERS:
        return None
    if seen.status is not CustomerStatus.ACTIVE:
        return ProblemCode.CUSTOMER_NOT_ACTIVE
    return ProblemCode.CUSTOMER_IS_ONESELF if seen.is_oneself else None


def of_account(action: ViewerAction, seen: Accounts) -> ProblemCode | None:
    """Say why an operation on an account would be refused; None where it would not."""
    operation = _OPERATIONS.get(action)
    if operation is None:
        return None
    refusals = (
        (seen.is_oneself, ProblemCode.CUSTOMER_IS_ONESELF),
        (operation.of_active and not seen.owner_is_active, ProblemCode.CUSTOMER_NOT_ACTIVE),
        (seen.status is AccountStatus.CLOSED, ProblemCode.ACCOUNT_CLOSED),
        (seen.kind not in operation.kinds, ProblemCode.ACCOUNT_NOT_FITTING),
        (seen.standing not in operation.ordered_by, ProblemCode.HOLDER_MAY_NOT),
        (operation.leaves and seen.status is AccountStatus.FROZEN, ProblemCode.ACCOUNT_FROZEN),
    )
    found = next((code for holds, code in refusals if holds), None)
    return found or _of_its_own(action, seen)


def _of_its_own(action: ViewerAction, seen: Accounts) -> ProblemCode | None:
    if action is ViewerAction.CLOSE_ACCOUNT:
        if seen.is_held or seen.is_in_use:
            return ProblemCode.ACCOUNT_IN_USE
        return ProblemCode.BALANCE_LEFT if seen.is_overdrawn else None
    is_free = seen.status is not AccountStatus.FROZEN and not seen.is_held
    if action is ViewerAction.UNFREEZE_ACCOUNT and is_free:
        return ProblemCode.NOTHING_TO_CHANGE
    return None


def of_standing_order(action: ViewerAction, seen: StandingOrders) -> ProblemCode | None:
    """Say why ending a standing order would be refused; None where it would not."""
    if action is not ViewerAction.CANCEL_STANDING_ORDER:
        return None
    if seen.is_oneself:
        return ProblemCode.CUSTOMER_IS_ONESELF
    if seen.standing not in _OWNERS:
        return ProblemCode.HOLDER_MAY_NOT
    ended = seen.status is OrderStatus.CANCELLED
    return ProblemCode.NOTHING_TO_CHANGE if ended else None


def of_ticket(action: ViewerAction, seen: Tickets) -> ProblemCode | None:
    """Say why an operation on a ticket would be refused; None where it would not."""
    if seen.is_oneself:
        return ProblemCode.CUSTOMER_IS_ONESELF
    if action in _DESK_WORK and seen.is_elsewhere:
        return ProblemCode.TICKET_NOT_IN_QUEUE
    if action in {ViewerAction.REOPEN_TICKET, ViewerAction.RATE_TICKET}:
        return _of_answer(seen, is_rating=action is ViewerAction.RATE_TICKET)
    if action is ViewerAction.CHANGE_TICKET_STATUS:
        is_closed = seen.status is TicketStatus.CLOSED
        return ProblemCode.STATUS_NOT_FITTING if is_closed else None
    return ProblemCode.TICKET_ENDED if seen.status in ENDED else None


def _of_answer(seen: Tickets, *, is_rating: bool) -> ProblemCode | None:
    if seen.status not in ENDED:
        return ProblemCode.TICKET_NOT_ENDED
    if seen.is_past_rating if is_rating else seen.is_past_reopening:
        return ProblemCode.TICKET_TIME_OVER
    return ProblemCode.ALREADY_RATED if is_rating and seen.is_rated else None


def needs_second(action: ViewerAction) -> bool:
    """Tell whether a second person must agree whatever it is about; `limit_of` tells of amounts."""
    command = _COMMANDS.get(action)
    return command is not None and FOUR_EYES[command].always


def limit_of(
    action: ViewerAction, role: Role, tier: Tier | None, currency: Currency
) -> Decimal | None:
    """Give up to which amount somebody orders alone; ``tier`` is that of a customer who orders."""
    if action not in _LIMITED:
        return None
    if role is not Role.CUSTOMER:
        return post_limit(role, currency)
    if action not in _PAYING_OTHERS or tier is None:
        return None
    return customer_limit(tier, currency).order
