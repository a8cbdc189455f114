"""Commands that are read again from where they wait for a second person."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import orjson
import pytest
from pydantic import ValidationError

from app.db.commands import Change, Command
from app.db.unit_of_work import Act, Unit
from app.domain.audit import ErasureReason
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
