"""Whom a ticket goes to, worked by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from calendar_support import DESK, DESK_HOURS, at

from app.domain.bank_calendar import read_hours
from app.domain.customer import Tier
from app.domain.routing import Agent, Choice, Reason, RoutingCriterion, Wanted, explained, ranked
from app.domain.service import TicketCategory

MORNING = at("2026-03-02 09:00")
WANTED = Wanted(TicketCategory.LOAN, "zh", Tier.GOLD, UUID(int=77))
PLAIN = Agent(
    UUID(int=1),
    UUID(int=70),
    frozenset({"en"}),
    {},
    frozenset({Tier.NORMAL}),
    dict.fromkeys(range(1, 6), DESK_HOURS),
    open_tickets=4,
    capacity=8,
    last_assigned_at=datetime(2026, 3, 1, tzinfo=UTC),
)
SPEAKS = frozenset({"zh", "en"})


def _other(number: int, **changes: object) -> Agent:
    return replace(PLAIN, id=UUID(int=number), **changes)  # type: ignore[arg-type]


def _route(*agents: Agent, wanted: Wanted = WANTED, when: datetime = MORNING) -> Choice:
    return explained(wanted, ranked(wanted, agents, DESK, when))


# Each beats every one before it.
ASCENDING = [
    PLAIN,
    _other(2, last_assigned_at=None),
    _other(3, open_tickets=7, capacity=15),
    _other(4, branch_id=WANTED.branch_id),
    _other(5, open_tickets=1),
    _other(6, tiers=frozenset(Tier), open_tickets=7),
    _other(7, skills={TicketCategory.LOAN: 1}, open_tickets=7),
    _other(8, skills={TicketCategory.LOAN: 3}, open_tickets=7),
    _other(9, languages=SPEAKS, open_tickets=7),
]


def test_the_first_criterion_in_which_agents_differ_decides() -> None:
    order = ranked(WANTED, ASCENDING, DESK, MORNING)
    assert [agent.id.int for agent in order] == [9, 8, 7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("better", "criterion"),
    [
        (1, RoutingCriterion.IDLE),
        (2, RoutingCriterion.LOAD),
        (3, RoutingCriterion.BRANCH),
        (4, RoutingCriterion.SPARE),
        (5, RoutingCriterion.TIER),
        (6, RoutingCriterion.SKILL),
        (7, RoutingCriterion.SKILL),
        (8, RoutingCriterion.LANGUAGE),
    ],
)
def test_the_reasons_name_the_one_that_decided(better: int, criterion: RoutingCriterion) -> None:
    choice = _route(*ASCENDING[: better + 1])
    assert choice.agent == ASCENDING[better]
    assert choice.considered == better + 1
    assert [reason.criterion for reason in choice.reasons if reason.is_decisive] == [criterion]


def test_the_reasons_say_what_is_not_met_too() -> None:
    choice = _route(PLAIN)
    assert choice.considered == 1
    assert {reason.criterion for reason in choice.reasons if not reason.is_met} == {
        RoutingCriterion.LANGUAGE,
        RoutingCriterion.SKILL,
        RoutingCriterion.TIER,
        RoutingCriterion.BRANCH,
    }
    assert choice.reasons[-1] == Reason(RoutingCriterion.IDLE, is_met=True)


def test_equals_are_told_apart_by_their_ids_and_no_reason_decides() -> None:
    choice = _route(_other(12), _other(11))
    assert choice.agent.id == UUID(int=11)
    assert not any(reason.is_decisive for reason in choice.reasons)


@pytest.mark.parametrize(
    "agent",
    [
        _other(20, open_tickets=8),
        _other(21, open_tickets=9),
        _other(22, plan={1: read_hours("13:00-20:00")}),
        _other(23, plan={2: DESK_HOURS}),
        _other(24, plan={}),
    ],
    ids=["full", "over full", "comes later", "comes tomorrow", "has no plan"],
)
def test_who_is_full_or_not_on_shift_gets_nothing(agent: Agent) -> None:
    assert ranked(WANTED, [agent], DESK, MORNING) == []


def test_who_is_excluded_gets_nothing() -> None:
    wanted = replace(WANTED, excluded=frozenset({PLAIN.id}))
    assert ranked(wanted, [PLAIN], DESK, MORNING) == []


def test_nobody_works_while_the_bank_is_closed() -> None:
    assert ranked(WANTED, [_other(30, plan=dict.fromkeys(range(1, 8), DESK_HOURS))], DESK,
                  at("2026-02-16 09:00")) == []  # fmt: skip


def test_on_a_make_up_day_those_work_who_are_on_for_its_weekday() -> None:
    saturday = at("2026-02-28 09:00")
    on_mondays, on_saturdays = _other(40, plan={1: DESK_HOURS}), _other(41, plan={6: DESK_HOURS})
    assert ranked(WANTED, [on_mondays, on_saturdays], DESK, saturday) == [on_mondays]


def test_a_night_shift_is_on_after_midnight() -> None:
    night = read_hours("22:00-06:00")
    calendar = replace(DESK, country=None, special={}, week={5: night})
    agent = _other(50, plan={5: night})
    assert agent.is_on_shift(calendar, at("2026-03-07 02:00"))
    assert not agent.is_on_shift(calendar, at("2026-03-07 06:00"))
    assert not agent.is_on_shift(calendar, at("2026-03-06 02:00"))


def test_an_unknown_language_is_spoken_by_everybody() -> None:
    choice = _route(PLAIN, wanted=replace(WANTED, language=None))
    assert choice.reasons[0] == Reason(RoutingCriterion.LANGUAGE, is_met=True)
