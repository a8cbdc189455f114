"""The clock of service levels, worked by hand on the calendar of docs/service-levels.md."""

from datetime import datetime, timedelta

import pytest
from calendar_support import DESK, at, worked

from app.domain.customer import Tier
from app.domain.service import TicketPriority, TicketStatus
from app.domain.service_level import (
    TARGETS,
    Milestone,
    Target,
    answered,
    due,
    moved,
    opened,
    remaining,
    reopened,
)

PLATINUM_NORMAL = TARGETS[Tier.PLATINUM, TicketPriority.NORMAL]
OPENED_AT = "2026-02-27 16:00"


def test_every_tier_and_priority_has_a_target_and_better_ones_are_not_slower() -> None:
    tiers, priorities = list(Tier), list(TicketPriority)
    assert set(TARGETS) == {(tier, priority) for tier in tiers for priority in priorities}
    assert all(target.answer <= target.solution for target in TARGETS.values())
    for tier in tiers:
        solutions = [TARGETS[tier, priority].solution for priority in priorities]
        assert solutions == sorted(solutions, reverse=True)


def test_the_first_answer_is_due_first() -> None:
    found = due(opened(at(OPENED_AT)), PLATINUM_NORMAL, DESK)
    assert (found.milestone, found.left) == (Milestone.ANSWER, worked("2:00"))
    assert found.at == at("2026-02-27 18:30")
    assert found.soon_at == at("2026-02-27 17:30")


def test_then_the_solution_with_the_time_of_the_customer_left_out() -> None:
    clock = answered(opened(at(OPENED_AT)))
    clock = moved(clock, DESK, DESK, TicketStatus.WAITING_FOR_CUSTOMER, at("2026-02-27 17:00"))
    waiting = due(clock, PLATINUM_NORMAL, DESK)
    assert (waiting.at, waiting.soon_at, waiting.left) == (None, None, worked("15:00"))
    clock = moved(clock, DESK, DESK, TicketStatus.IN_PROGRESS, at("2026-02-28 11:00"))
    found = due(clock, PLATINUM_NORMAL, DESK)
    assert (found.milestone, found.at) == (Milestone.SOLUTION, at("2026-03-02 17:00"))
    assert found.soon_at == at("2026-03-02 12:00")


def test_asking_twice_counts_both_times_of_work() -> None:
    clock = answered(opened(at("2026-03-02 09:00")))
    for stops, starts in (("2026-03-02 10:00", "2026-03-03 09:00"), ("2026-03-03 11:00", None)):
        clock = moved(clock, DESK, DESK, TicketStatus.WAITING_FOR_CUSTOMER, at(stops))
        if starts is not None:
            clock = moved(clock, DESK, DESK, TicketStatus.IN_PROGRESS, at(starts))
    assert clock.worked == worked("3:00")


def test_a_status_that_changes_nothing_for_the_clock_leaves_it() -> None:
    clock = opened(at(OPENED_AT))
    assert moved(clock, DESK, DESK, TicketStatus.IN_PROGRESS, at("2026-02-27 17:00")) == clock
    still = moved(clock, DESK, DESK, TicketStatus.RESOLVED, at("2026-02-27 17:00"))
    assert moved(still, DESK, DESK, TicketStatus.CLOSED, at("2026-03-27 17:00")) == still


def test_a_target_that_was_passed_before_it_was_set_is_due_at_once() -> None:
    clock = answered(opened(at("2026-03-02 09:00")))
    clock = moved(clock, DESK, DESK, TicketStatus.WAITING_FOR_CUSTOMER, at("2026-03-02 19:00"))
    clock = moved(clock, DESK, DESK, TicketStatus.IN_PROGRESS, at("2026-03-04 09:00"))
    urgent = TARGETS[Tier.PLATINUM, TicketPriority.URGENT]
    found = due(clock, urgent, DESK)
    assert found.left == worked("2:00") - worked("8:30")
    assert found.at == found.soon_at == at("2026-03-04 09:00")


@pytest.mark.parametrize(
    ("resolved_at", "due_at"),
    [
        # One of 16 hours was worked; 15 are left.
        ("2026-03-02 09:30", "2026-03-05 15:00"),
        # All 16 were worked and more; the 2 hours of a first answer are left.
        ("2026-03-03 19:00", "2026-03-04 11:00"),
    ],
)
def test_a_reopened_ticket_gets_what_was_left_and_at_least_time_to_answer(
    resolved_at: str, due_at: str
) -> None:
    clock = answered(opened(at("2026-03-02 08:30")))
    clock = moved(clock, DESK, DESK, TicketStatus.RESOLVED, at(resolved_at))
    clock = reopened(clock, PLATINUM_NORMAL, at("2026-03-04 09:00"))
    assert due(clock, PLATINUM_NORMAL, DESK).at == at(due_at)


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("2026-02-14 19:30", "1:00"),
        ("2026-02-18 12:00", "0:30"),
        ("2026-02-24 09:00", "0:00"),
        ("2026-02-24 10:15", "-1:15"),
    ],
)
def test_what_remains_is_working_time_and_below_zero_once_it_is_past(now: str, left: str) -> None:
    sign = -1 if left.startswith("-") else 1
    found = remaining(at("2026-02-24 09:00"), timedelta(0), DESK, at(now))
    assert found == sign * worked(left.removeprefix("-"))


def test_while_the_clock_stands_still_what_was_left_remains() -> None:
    now: datetime = at("2026-03-02 12:00")
    assert remaining(None, worked("7:10"), DESK, now) == worked("7:10")


def test_a_solution_that_is_as_short_as_the_answer_can_be_reopened() -> None:
    target = Target(worked("2:00"), worked("2:00"))
    clock = moved(
        opened(at("2026-03-02 09:00")), DESK, DESK, TicketStatus.RESOLVED, at("2026-03-02 10:00")
    )
    assert due(reopened(clock, target, at("2026-03-03 09:00")), target, DESK).at == at(
        "2026-03-03 11:00"
    )
