"""What a rule says to a second person, and commands that are read again from where they wait."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from factories import Factory
from pydantic import ValidationError

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.approvals import Ask, FieldDiff, StaleRequestError, ask
from app.db.commands import Approved, Change, Command, Done, Maker
from app.db.keys import Keys
from app.db.scope import RowScope
from app.db.unit_of_work import Act, Unit, Writes
from app.domain.approval import ApprovalReason
from app.domain.audit import ErasureReason
from app.domain.problem import Problem, ProblemCode
from app.resolvers.approval import Approvable


class Place(NamedTuple):
    owner: UUID
    id: UUID


@dataclass(frozen=True)
class Line:
    amount: Decimal
    on: date


@dataclass(frozen=True)
class Order:
    """All kinds of values that a command says."""

    place: Place
    lines: tuple[Line, ...]
    reason: ErasureReason
    text: str | None
    count: int


def told(command: Command) -> Any:
    seen: list[Order] = []

    def act_of(order: Order) -> Act:
        async def act(_unit: Unit) -> Change:
            raise NotImplementedError

        seen.append(order)
        return act

    Approvable(Order, act_of).read(command)
    return seen[0]


def stored(payload: Mapping[str, Any]) -> Command:
    return Command("order", "", orjson.loads(Command("order", "key", payload).stored_payload))


def test_a_command_is_read_as_it_was_sent() -> None:
    lines = (
        Line(Decimal("0.10"), date(2018, 12, 31)),
        Line(Decimal("12345678901234.5600"), date.max),
    )
    order = Order(Place(uuid4(), uuid4()), lines, ErasureReason.COURT_ORDER, None, 3)
    again = stored(asdict(order))
    assert told(again) == order
    assert str(told(again).lines[1].amount) == "12345678901234.5600"
    # The record of the effect names the same command as that of the request.
    assert again.content == Command("order", "key", asdict(order)).content


def test_a_command_of_an_earlier_shape_is_not_guessed_at() -> None:
    with pytest.raises(ValidationError):
        told(stored({"place": [str(uuid4())], "count": "many"}))


def approving(base: str, own_customer: UUID | None = None) -> Unit:
    """A unit in which somebody approves what somebody else asked for."""
    role = Role.COMPLIANCE
    checker = Viewer(role, (role,), staff_id=uuid4(), own_customer_id=own_customer)
    approved = Approved(uuid4(), Maker(uuid4(), Role.TELLER), base)
    nothing = cast("Any", None)
    command = Command("eraseCustomer", "", {})
    return Unit(nothing, checker, nothing, datetime.now(UTC), command, approved=approved)


async def test_a_rule_goes_on_when_its_base_is_as_it_was() -> None:
    unit, customer = approving('{"account":3,"payee":"b"}'), uuid4()
    assert await ask(unit, Ask(customer, [], {"payee": "b", "account": 3})) is None
    assert unit.maker.role is Role.TELLER
    changed: list[dict[str, str | int]] = [{"payee": "b", "account": 4}, {"payee": "b"}, {}]
    for base in changed:
        with pytest.raises(StaleRequestError) as stale:
            await ask(unit, Ask(customer, [FieldDiff("x", "1", "2")], base))
        assert stale.value.fresh.diff == [FieldDiff("x", "1", "2")]


@pytest.mark.parametrize("place", ["owner", "payee"])
async def test_whoever_is_concerned_does_not_approve(place: str) -> None:
    oneself, other = uuid4(), uuid4()
    customer, concerned = (oneself, other) if place == "owner" else (other, oneself)
    wanted = Ask(customer, [], {}, concerned=frozenset({concerned}))
    with pytest.raises(Problem) as refused:
        await ask(approving("{}", oneself), wanted)
    assert refused.value.code is ProblemCode.CUSTOMER_IS_ONESELF
    assert await ask(approving("{}", uuid4()), wanted) is None


async def test_a_rule_may_ask_fewer_posts_than_the_table_names(
    database_url: str, keys: Keys, factory: Factory, owner: asyncpg.Connection
) -> None:
    customer, role = await factory.customer(), Role.COMPLIANCE
    scope = RowScope(Viewer(role, (role,), staff_id=uuid4()))
    writes = await Writes.connect(
        database_url, keys, 2, 15, wake=lambda: None, observe=lambda *_: None
    )

    async def act(unit: Unit) -> Change:
        required = frozenset({Role.RISK_OFFICER})
        wanted = Ask(customer.id, [], {}, ApprovalReason.ABOVE_LIMIT, required)
        asked = await ask(unit, wanted)
        assert asked is not None
        return asked

    try:
        command = Command("eraseCustomer", "key", {})
        assert isinstance(await writes.carry_out(command, scope, "request", act), Done)
    finally:
        await writes.close()
    row = await owner.fetchrow("select * from approval where customer_id = $1", customer.id)
    assert row is not None
    assert (row["required_roles"], row["reason"]) == (["RISK_OFFICER"], "ABOVE_LIMIT")
