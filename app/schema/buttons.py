"""`viewerCan` of each type: the actions, and the columns that decide on them."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from app.auth import buttons
from app.auth.permissions import (
    ACCOUNT_ACTIONS,
    CUSTOMER_ACTIONS,
    LOAN_ACTIONS,
    ORDER_ACTIONS,
    TICKET_ACTIONS,
    Role,
    ViewerAction,
)
from app.auth.viewer import Viewer
from app.db import standings
from app.domain.account import AccountKind, AccountStatus, OrderStatus
from app.domain.customer import CustomerStatus, Tier
from app.domain.money import Currency, rounded
from app.domain.payment import Standing
from app.domain.problem import Language
from app.domain.service import TicketStatus
from app.domain.ticket import RATING, REOPENING
from app.planner.declare import spoken
from app.schema.access import ViewerCan, told
from app.schema.scalars import Money

_DESCRIPTION: Final = "What the viewer may do with it, up to which amount, and why not."


def _is_oneself(viewer: Viewer, owner: UUID) -> bool:
    """Tell whether a member of staff is the customer."""
    return viewer.staff_id is not None and viewer.own_customer_id == owner


def _standing(viewer: Viewer, owner: UUID, *, is_joint: bool, sees_owner: bool) -> Standing:
    """Say what the viewer is to an account; who serves the owner counts as the owner."""
    is_owner = viewer.customer_id == owner if viewer.role is Role.CUSTOMER else sees_owner
    if is_owner:
        return Standing.OWNER
    return Standing.JOINT_HOLDER if is_joint else Standing.AUTHORISED_USER


def _of_customer(viewer: Viewer, language: Language, *, owner: UUID, status: str) -> Any:
    seen = buttons.Customers(CustomerStatus[status], _is_oneself(viewer, owner))
    refused = partial(buttons.of_customer, seen=seen)
    return told(CUSTOMER_ACTIONS, viewer, language, refused)


def _of_account(viewer: Viewer, language: Language, **row: Any) -> list[ViewerCan]:
    owner, owner_status, currency = row["owner"], row["owner_status"], Currency[row["currency"]]
    tier = None if row["tier"] is None else Tier[row["tier"]]
    seen = buttons.Accounts(
        AccountKind[row["kind"]],
        AccountStatus[row["status"]],
        _standing(viewer, owner, is_joint=row["is_joint"], sees_owner=owner_status is not None),
        owner_status in {None, CustomerStatus.ACTIVE.value},
        _is_oneself(viewer, owner),
        row["is_held"],
        row["is_in_use"],
        bool(row["is_overdrawn"]),
    )

    def limit(action: ViewerAction) -> Money | None:
        amount = buttons.limit_of(action, viewer.role, tier, currency)
        if amount is None:
            return None
        return Money(amount=rounded(amount, currency), currency=currency)

    refused = partial(buttons.of_account, seen=seen)
    return told(ACCOUNT_ACTIONS, viewer, language, refused, limit)


def _of_order(viewer: Viewer, language: Language, **row: Any) -> list[ViewerCan]:
    owner, sees_owner = row["owner"], row["owner_status"] is not None
    seen = buttons.StandingOrders(
        OrderStatus[row["status"]],
        _standing(viewer, owner, is_joint=row["is_joint"], sees_owner=sees_owner),
        _is_oneself(viewer, owner),
    )
    refused = partial(buttons.of_standing_order, seen=seen)
    return told(ORDER_ACTIONS, viewer, language, refused)


def _of_ticket(viewer: Viewer, language: Language, **row: Any) -> list[ViewerCan]:
    seen = buttons.Tickets(
        TicketStatus[row["status"]],
        _is_oneself(viewer, row["owner"]),
        viewer.role is Role.SERVICE_AGENT and not row["is_in_queue"],
        row["is_past_reopening"],
        row["is_past_rating"],
        row["is_rated"],
    )
    return told(TICKET_ACTIONS, viewer, language, partial(buttons.of_ticket, seen=seen))


def of_customer() -> Any:
    """Declare the field of a customer."""
    return spoken(
        _of_customer,
        owner=lambda row: row.c.id,
        status=lambda row: row.c.status,
        description=_DESCRIPTION,
    )


def of_account() -> Any:
    """Declare the field of an account."""
    return spoken(
        _of_account,
        owner=lambda row: row.c.customer_id,
        kind=lambda row: row.c.kind,
        status=lambda row: row.c.status,
        currency=lambda row: row.c.currency,
        is_held=lambda row: row.c.held > 0,
        is_overdrawn=lambda row: row.c.balance < 0,
        owner_status=standings.owner_status,
        tier=standings.viewer_tier,
        is_joint=lambda row: standings.is_joint(row.c.customer_id, row.c.id),
        is_in_use=standings.is_in_use,
        description=_DESCRIPTION,
    )


def of_standing_order() -> Any:
    """Declare the field of a standing order."""
    return spoken(
        _of_order,
        owner=lambda row: row.c.customer_id,
        status=lambda row: row.c.status,
        owner_status=standings.owner_status,
        is_joint=lambda row: standings.is_joint(row.c.customer_id, row.c.account_id),
        description=_DESCRIPTION,
    )


def of_ticket() -> Any:
    """Declare the field of a ticket."""
    return spoken(
        _of_ticket,
        owner=lambda row: row.c.customer_id,
        status=lambda row: row.c.status,
        is_in_queue=standings.is_in_own_queue,
        is_past_reopening=lambda row: standings.is_ended_before(row, REOPENING),
        is_past_rating=lambda row: standings.is_ended_before(row, RATING),
        is_rated=lambda row: row.c.rated_at.is_not(None),
        description=_DESCRIPTION,
    )


def of_loan() -> Any:
    """Declare the field of a loan: the post alone decides."""
    tell: Callable[..., list[ViewerCan]] = partial(told, LOAN_ACTIONS)
    return spoken(tell, description=_DESCRIPTION)
