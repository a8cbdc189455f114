"""What every way of filling a bank shares: posts and who holds them, queues, moments, sums."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID
from zlib import crc32

import asyncpg

from app.auth.permissions import Role
from app.domain.customer import Tier
from app.domain.money import Currency
from app.domain.service import QUEUES

BRANCH_POSTS: Final = (
    Role.BRANCH_MANAGER,
    Role.RELATIONSHIP_MANAGER,
    Role.RELATIONSHIP_MANAGER,
    Role.TELLER,
    Role.TELLER,
    Role.LOAN_OFFICER,
    Role.SERVICE_AGENT,
    Role.WEALTH_ADVISOR,
)
HEAD_OFFICE_POSTS: Final = (
    Role.RISK_OFFICER,
    Role.MARKETER,
    Role.ANALYST,
    Role.EXECUTIVE,
    Role.COMPLIANCE,
    Role.ADMIN,
)
# Two people of the first branch hold a second post, so that acting in one role can be shown. The
# key is the place in BRANCH_POSTS, counted from 1.
SECOND_POSTS: Final = {2: Role.LOAN_OFFICER, 4: Role.SERVICE_AGENT}
ADVISED_TIERS: Final = frozenset({Tier.GOLD, Tier.PLATINUM})


def midnight(day: date) -> datetime:
    """Give the moment at which a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


# Agents who can stand in for each other, where there are enough.
_AGENTS_OF_A_QUEUE: Final = 2


class Posts:
    """Who holds which post in which branch; the head office is the branch None."""

    def __init__(self) -> None:
        self._holders: dict[tuple[UUID | None, Role], list[UUID]] = {}
        self._agents: list[UUID] = []
        self._agents_of: dict[str, list[UUID]] = {}

    def add(self, person_id: UUID, branch_id: UUID | None, roles: tuple[Role, ...]) -> None:
        """Note a person under each of the person's posts."""
        for role in roles:
            self._holders.setdefault((branch_id, role), []).append(person_id)
        if Role.SERVICE_AGENT in roles:
            self._agents.append(person_id)
            self._agents_of.clear()

    def holder(self, branch_id: UUID, role: Role, share_by: str) -> UUID:
        """Choose one holder of a post in a branch; equal ``share_by`` gives the same one."""
        return _choose(self._holders[branch_id, role], share_by)

    def agent(self, queue: str, share_by: str) -> UUID:
        """Choose one agent of a queue; equal ``share_by`` gives the same one."""
        if not self._agents_of:
            for agent, name in self.queues():
                self._agents_of.setdefault(name, []).append(agent)
        return _choose(self._agents_of[queue], share_by)

    def queues(self) -> Iterator[tuple[UUID, str]]:
        """Deal the service desk's queues to its agents, in the order in which these were added."""
        names = sorted(set(QUEUES.values()))
        turns = min(len(names), len(self._agents))
        for place, agent in enumerate(self._agents):
            for number, name in enumerate(names):
                if (number - place) % turns < _AGENTS_OF_A_QUEUE:
                    yield agent, name


def _choose(holders: Sequence[UUID], share_by: str) -> UUID:
    return holders[crc32(share_by.encode()) % len(holders)]


async def ledger_sums(connection: asyncpg.Connection) -> dict[Currency, Decimal]:
    """Sum all postings of the bank per currency; each is zero in a balanced ledger."""
    found = await connection.fetch("select currency, sum(amount) from posting group by currency")
    return {Currency[row[0]]: row[1] for row in found}
