"""Recording what customers allow and forbid."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.db import consents
from app.db.commands import Change, Command, Done, Made
from app.db.unit_of_work import Unit
from app.domain.audit import ConsentPurpose
from app.domain.customer import CustomerStatus
from app.domain.problem import Problem, ProblemCode
from app.domain.service import Channel
from app.resolvers.context import Context, carry_out

PREFIX: Final = "con"


@dataclass(frozen=True)
class RecordConsent:
    """What a customer says of one purpose, and how the bank heard of it."""

    customer_id: UUID
    purpose: ConsentPurpose
    granted: bool
    channel: Channel


async def record(context: Context, key: str, command: RecordConsent) -> Done | Problem:
    """Add what the customer says now; what was said before stays in the history."""

    async def act(unit: Unit) -> Change:
        row = await unit.lock_customer(command.customer_id)
        _check(row, granted=command.granted)
        before = await consents.consent_of(unit, row["id"], command.purpose)
        if before is command.granted:
            raise Problem(ProblemCode.NOTHING_TO_CHANGE)
        consent = await consents.append(
            unit, row["id"], command.purpose, granted=command.granted, channel=command.channel
        )
        detail = {command.purpose.value: {"before": before, "after": command.granted}}
        made = Made(PREFIX, row["id"], consent)
        return Change(made, "consent.recorded", row["id"], ["consents"], detail)

    return await carry_out(context, Command("recordConsent", key, command), act)


def _check(row: Any, *, granted: bool) -> None:
    """Refuse consent from whom there is no business with; taking it back is always possible.

    GDPR, article 7(3): it shall be as easy to withdraw as to give consent.
    """
    is_erased = row["erased_at"] is not None or row["wrapped_key"] is None
    is_stopped = row["status"] in {CustomerStatus.BLOCKED, CustomerStatus.CLOSED}
    if is_erased or (granted and is_stopped):
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE)
