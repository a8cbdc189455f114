"""Serving, for a while and on the record, a customer who came, called or wrote."""

from dataclasses import dataclass
from typing import Final

from app.db import begun_service as services
from app.db.commands import Change, Command, Done, Made
from app.db.ids import new_id
from app.db.lookup import LookUp, find_customers
from app.db.unit_of_work import Unit
from app.domain.audit import ServiceEvidence, ServiceReason
from app.domain.begun_service import SERVICE_LASTS, SERVICES_COUNTED_FOR, SERVICES_MAX
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import GlobalId
from app.resolvers.context import Context, carry_out, check_value, note_look_up

PREFIX: Final = "svc"


@dataclass(frozen=True)
class BeginService:
    """Whom to serve, found by one complete value, and why; ``field`` is the value's place."""

    by: LookUp
    value: str
    field: str
    evidence: ServiceEvidence
    reason: ServiceReason
    note: str | None


async def begin(context: Context, key: str, command: BeginService) -> Done | Problem:
    """Begin to serve the one customer with a value, wherever in the bank.

    Refuses with bad input an empty or overlong value.
    """
    check_value(command.field, command.value)

    async def act(unit: Unit) -> Change:
        if not await services.lock_colleague(unit):
            raise Problem(ProblemCode.STAFF_NOT_FITTING)
        if await services.count_begun(unit, SERVICES_COUNTED_FOR) >= SERVICES_MAX:
            raise Problem(ProblemCode.TOO_MANY_SERVICES)
        found = await find_customers(
            lambda sql, values: unit.fetch(sql, *values),
            unit.keys.index,
            command.by,
            command.value,
        )
        customers = await services.served_among(unit, found)
        if not customers:
            raise Problem(ProblemCode.NOT_FOUND, command.field)
        if len(customers) > 1:
            raise Problem(ProblemCode.SEVERAL_CUSTOMERS, command.field)
        (customer,) = customers
        if customer == unit.viewer.own_customer_id:
            raise Problem(ProblemCode.CUSTOMER_IS_ONESELF, command.field)
        service = new_id()
        how = {"reason": command.reason.value, "evidence": command.evidence.value}
        await services.begin(unit, customer, service, SERVICE_LASTS, **how)
        detail = how | {
            "note": command.note,
            "foundBy": command.by.value,
            "endsAt": unit.at + SERVICE_LASTS,
        }
        made = Made(PREFIX, customer, service)
        return Change(made, "service.begun", customer, detail=detail)

    outcome = await carry_out(context, Command("beginService", key, command), act)
    if isinstance(outcome, Done):
        note_look_up(context, command.by, outcome.made.owner)
    return outcome


async def end(context: Context, key: str, service: GlobalId) -> Done | Problem:
    """End a service of the viewer's own before its time."""

    async def act(unit: Unit) -> Change:
        row = await services.lock_own(unit, service.owner, service.id)
        if row is None:
            raise Problem(ProblemCode.NOT_FOUND, "id")
        if row["ends_at"] <= unit.at:
            raise Problem(ProblemCode.SERVICE_ENDED, "id")
        await services.end(unit, service.owner, service.id)
        made = Made(PREFIX, service.owner, service.id)
        return Change(made, "service.ended", service.owner)

    payload = {"owner": service.owner, "id": service.id}
    return await carry_out(context, Command("endService", key, payload), act)
