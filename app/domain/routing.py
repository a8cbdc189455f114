"""Which agent a ticket goes to, and why.

An agent must work the ticket's queue, be on shift, and have room. Among those the order of the
criteria below decides: the first in which two agents differ. docs/service-levels.md says why in
this order.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from app.domain.bank_calendar import ONE_DAY, BankCalendar, Hours
from app.domain.closed_set import ClosedSet
from app.domain.customer import Tier
from app.domain.service import TicketCategory

# Loads that differ by less than such a part of the capacity count as equal, until the branch has
# been asked.
_LOAD_PARTS: Final = 4
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RoutingCriterion(ClosedSet):
    """What routing goes by, in this order."""

    LANGUAGE = "LANGUAGE", "The agent speaks the customer's language."
    SKILL = "SKILL", "The agent is trained for the ticket's category."
    TIER = "TIER", "The agent serves the customer's tier."
    SPARE = "SPARE", "The agent is among those with the most room, in quarters of the capacity."
    BRANCH = "BRANCH", "The agent works in the customer's branch."
    LOAD = "LOAD", "The agent has the smallest share of the capacity in use."
    IDLE = "IDLE", "The agent has waited longest for a ticket."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a ticket asks of its agent; None where it is not known or does not matter."""

    category: TicketCategory
    language: str | None
    tier: Tier
    branch_id: UUID | None
    excluded: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent of the ticket's queue.

    ``plan`` has hours by the weekday they are on for; ``skills`` a level from 1 to 3 by category;
    ``tiers`` are those that the agent serves; ``open_tickets`` and ``capacity`` count tickets.
    """

    id: UUID
    branch_id: UUID | None
    languages: frozenset[str]
    skills: Mapping[TicketCategory, int]
    tiers: frozenset[Tier]
    plan: Mapping[int, Hours]
    open_tickets: int
    capacity: int
    last_assigned_at: datetime | None = None

    @property
    def has_room(self) -> bool:
        """Whether one more ticket may be given to the agent."""
        return self.open_tickets < self.capacity

    def is_on_shift(self, calendar: BankCalendar, at: datetime) -> bool:
        """Tell whether the bank works at a moment and the agent is on.

        The plan is by weekday: on a day that is worked instead of another, whoever is on for that
        weekday is on.
        """
        if not calendar.is_open(at):
            return False
        today = at.astimezone(calendar.zone).date()
        for on in (today - ONE_DAY, today):
            weekday = calendar.weekday(on)
            hours = self.plan.get(weekday, ()) if weekday is not None else ()
            spans = (shift.within(on, calendar.zone) for shift in hours)
            if any(span.begins <= at < span.ends for span in spans):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Reason:
    """How the agent who was chosen stands in one criterion.

    ``is_decisive`` where it told the agent from the one who came second.
    """

    criterion: RoutingCriterion
    is_met: bool
    is_decisive: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a ticket goes to, and why; ``considered`` agents were on shift and had room."""

    agent: Agent
    considered: int
    reasons: tuple[Reason, ...]


def _speaks(agent: Agent, wanted: Wanted) -> int:
    return int(wanted.language is None or wanted.language in agent.languages)


def _skill(agent: Agent, wanted: Wanted) -> int:
    return agent.skills.get(wanted.category, 0)


def _serves(agent: Agent, wanted: Wanted) -> int:
    return int(wanted.tier in agent.tiers)


def _spare(agent: Agent, _wanted: Wanted) -> int:
    return (agent.capacity - agent.open_tickets) * _LOAD_PARTS // agent.capacity


def _same_branch(agent: Agent, wanted: Wanted) -> int:
    return int(wanted.branch_id is not None and agent.branch_id == wanted.branch_id)


def _load(agent: Agent, _wanted: Wanted) -> float:
    return -agent.open_tickets / agent.capacity


def _idle(agent: Agent, _wanted: Wanted) -> float:
    return -(agent.last_assigned_at or _LONG_AGO).timestamp()


# More is better. The dictionary's order is that of the criteria.
_MERITS: Final[Mapping[RoutingCriterion, Callable[[Agent, Wanted], float]]] = MappingProxyType(
    {
        RoutingCriterion.LANGUAGE: _speaks,
        RoutingCriterion.SKILL: _skill,
        RoutingCriterion.TIER: _serves,
        RoutingCriterion.SPARE: _spare,
        RoutingCriterion.BRANCH: _same_branch,
        RoutingCriterion.LOAD: _load,
        RoutingCriterion.IDLE: _idle,
    }
)
# In these an agent is compared with the others; the rest are facts of the agent alone.
_RELATIVE: Final = frozenset({RoutingCriterion.SPARE, RoutingCriterion.LOAD, RoutingCriterion.IDLE})


def ranked(
    wanted: Wanted, agents: Iterable[Agent], calendar: BankCalendar, at: datetime
) -> list[Agent]:
    """Give the agents who may take a ticket now, best first; equals by their ids."""
    fit = [
        agent
        for agent in agents
        if agent.id not in wanted.excluded and agent.has_room and agent.is_on_shift(calendar, at)
    ]
    return sorted(fit, key=lambda agent: (*(-merit for merit in _merits(agent, wanted)), agent.id))


def explained(wanted: Wanted, candidates: Sequence[Agent]) -> Choice:
    """Choose the first of candidates who are ``ranked``, and say why not the others."""
    chosen, *rest = candidates
    mine, theirs = _merits(chosen, wanted), [_merits(agent, wanted) for agent in rest]
    decisive = None
    if theirs:
        pairs = enumerate(zip(mine, theirs[0], strict=True))
        decisive = next((place for place, (ours, second) in pairs if ours > second), None)
    reasons = tuple(
        Reason(
            criterion,
            all(mine[place] >= merits[place] for merits in theirs)
            if criterion in _RELATIVE
            else mine[place] > 0,
            is_decisive=place == decisive,
        )
        for place, criterion in enumerate(_MERITS)
    )
    return Choice(chosen, len(candidates), reasons)


def _merits(agent: Agent, wanted: Wanted) -> tuple[float, ...]:
    return tuple(merit(agent, wanted) for merit in _MERITS.values())
