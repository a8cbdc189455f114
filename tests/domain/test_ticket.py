"""The states of a ticket, and what leads from one to another."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import ticket as rules
from app.domain.problem import Problem, ProblemCode
from app.domain.service import (
    TicketEventKind,
    TicketPriority,
    TicketResolution,
    TicketStatus,
    TicketTopic,
)
from app.domain.ticket import RATING, REOPENING, Step, TicketState
from app.domain.ticket_number import NUMBERS, ticket_number

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
AGENT = UUID(int=7)
OPEN, AT_WORK = TicketStatus.OPEN, TicketStatus.IN_PROGRESS
WAITING, RESOLVED = TicketStatus.WAITING_FOR_CUSTOMER, TicketStatus.RESOLVED
CLOSED = TicketStatus.CLOSED


def standing(status: TicketStatus, assignee: UUID | None = None) -> TicketState:
    """A ticket of a status, answered a moment ago if at all."""
    ended = status in rules.ENDED
    return TicketState(
        status,
        TicketPriority.NORMAL,
        "PAYMENTS",
        assignee,
        resolution=TicketResolution.EXPLAINED if ended else None,
        resolved_at=NOW if ended else None,
        closed_at=NOW if status is CLOSED else None,
    )


def moved(status: TicketStatus, name: str, assignee: UUID | None) -> TicketStatus | ProblemCode:
    """Where a ticket comes to by a step, or why it does not."""
    ticket = standing(status, assignee)
    steps: dict[str, Callable[[], Step]] = {
        "customer writes": lambda: rules.answered_by_customer(ticket),
        "staff write": lambda: rules.answered_by_staff(ticket, NOW, waits=False),
        "staff write and wait": lambda: rules.answered_by_staff(ticket, NOW, waits=True),
        "note": lambda: rules.commented(ticket),
        "assign": lambda: rules.assigned(ticket, UUID(int=8)),
        "give back": lambda: rules.assigned(ticket, None),
        "escalate": lambda: rules.escalated(ticket, None),
        "move": lambda: rules.escalated(ticket, "CARDS"),
        "resolve": lambda: rules.resolved(ticket, TicketResolution.EXPLAINED, NOW),
        "close": lambda: rules.status_changed(ticket, CLOSED, NOW),
        "begin": lambda: rules.status_changed(ticket, AT_WORK, NOW),
        "wait": lambda: rules.status_changed(ticket, WAITING, NOW),
        "reopen": lambda: rules.reopened(ticket, NOW),
        "rate": lambda: rules.rated(ticket, 5, NOW),
    }
    try:
        return steps[name]().after.status
    except Problem as problem:
        return problem.code


ENDED, RUNS = ProblemCode.TICKET_ENDED, ProblemCode.TICKET_NOT_ENDED
SAME, UNFIT = ProblemCode.NOTHING_TO_CHANGE, ProblemCode.STATUS_NOT_FITTING
# What happens, and where it leads from each status: docs/tickets.md shows the same.
TABLE = {
    "customer writes": (OPEN, AT_WORK, AT_WORK, ENDED, ENDED),
    "staff write": (AT_WORK, AT_WORK, WAITING, ENDED, ENDED),
    "staff write and wait": (WAITING, WAITING, WAITING, ENDED, ENDED),
    "note": (OPEN, AT_WORK, WAITING, RESOLVED, CLOSED),
    "assign": (AT_WORK, AT_WORK, WAITING, ENDED, ENDED),
    "give back": (OPEN, OPEN, WAITING, ENDED, ENDED),
    "escalate": (OPEN, AT_WORK, WAITING, ENDED, ENDED),
    "move": (OPEN, OPEN, WAITING, ENDED, ENDED),
    "resolve": (RESOLVED, RESOLVED, RESOLVED, ENDED, ENDED),
    "close": (UNFIT, UNFIT, UNFIT, CLOSED, SAME),
    "begin": (AT_WORK, SAME, AT_WORK, UNFIT, UNFIT),
    "wait": (WAITING, WAITING, SAME, UNFIT, UNFIT),
    "reopen": (RUNS, RUNS, RUNS, AT_WORK, AT_WORK),
    "rate": (RUNS, RUNS, RUNS, RESOLVED, CLOSED),
}


@pytest.mark.parametrize("name", list(TABLE))
def test_where_each_step_leads(name: str) -> None:
    assert tuple(moved(status, name, AGENT) for status in TicketStatus) == TABLE[name]


def test_a_ticket_that_nobody_has_waits_for_somebody() -> None:
    assert moved(WAITING, "customer writes", None) is OPEN
    assert moved(RESOLVED, "reopen", None) is OPEN
    assert moved(OPEN, "give back", None) is SAME


def test_the_first_answer_is_kept() -> None:
    first = rules.answered_by_staff(standing(OPEN), NOW, waits=True).after
    assert first.first_answered_at == NOW
    later = rules.answered_by_staff(first, NOW + timedelta(hours=1), waits=False).after
    assert later.first_answered_at == NOW
    at_once = rules.resolved(standing(OPEN), TicketResolution.RELIEF, NOW).after
    assert (at_once.first_answered_at, at_once.resolved_at) == (NOW, NOW)


def test_escalation_ends_at_urgent() -> None:
    ticket, seen = standing(OPEN), []
    while ticket.priority is not TicketPriority.URGENT:
        ticket = rules.escalated(ticket, None).after
        seen.append(ticket.priority)
    assert seen == [TicketPriority.HIGH, TicketPriority.URGENT]
    with pytest.raises(Problem) as refused:
        rules.escalated(ticket, ticket.queue)
    assert refused.value.code is ProblemCode.NOTHING_TO_CHANGE
    assert rules.escalated(ticket, "CARDS").after.queue == "CARDS"


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (REOPENING, rules.reopened),
        (RATING, lambda ticket, at: rules.rated(ticket, 1, at)),
    ],
)
def test_what_is_answered_has_its_time(
    span: timedelta, step: Callable[[TicketState, datetime], Step]
) -> None:
    assert step(standing(RESOLVED), NOW + span)
    closed = replace(standing(CLOSED), resolved_at=None)
    assert step(closed, NOW + span)
    unknown = replace(closed, closed_at=None)
    for ticket, at in (
        (standing(RESOLVED), NOW + span + timedelta(microseconds=1)),
        (unknown, NOW),
    ):
        with pytest.raises(Problem) as refused:
            step(ticket, at)
        assert refused.value.code is ProblemCode.TICKET_TIME_OVER


def test_each_answer_is_rated_once() -> None:
    rated = rules.rated(standing(RESOLVED), 2, NOW).after
    assert (rated.csat, rated.rated_at) == (2, NOW)
    with pytest.raises(Problem) as refused:
        rules.rated(rated, 5, NOW)
    assert refused.value.code is ProblemCode.ALREADY_RATED
    again = rules.resolved(rules.reopened(rated, NOW).after, TicketResolution.RELIEF, NOW).after
    assert again.csat == 2
    assert rules.rated(again, 5, NOW).after.csat == 5


def test_only_notes_are_internal() -> None:
    assert rules.commented(standing(OPEN)).internal
    assert rules.commented(standing(OPEN)).kind is TicketEventKind.COMMENTED
    assert not rules.escalated(standing(OPEN), None).internal


def test_what_presses_comes_first() -> None:
    assert rules.priority_of(TicketTopic.CARD_LOST) is TicketPriority.URGENT
    assert rules.priority_of(TicketTopic.TRANSFER_UNUSUAL) is TicketPriority.HIGH
    assert rules.priority_of(TicketTopic.PRODUCT) is TicketPriority.NORMAL


@given(st.integers(0, NUMBERS - 1), st.integers(1, 11), st.integers(1, 9))
def test_a_ticket_number_finds_each_wrong_digit(place: int, at: int, off: int) -> None:
    number = ticket_number(place)
    wrong = f"{number[:at]}{(int(number[at]) + off) % 10}{number[at + 1 :]}"
    assert wrong != ticket_number(int(wrong[1:-1]))
