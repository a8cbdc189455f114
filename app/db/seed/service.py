"""Inventing tickets with their history and comments, and contacts with customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import Final
from uuid import UUID

from app.db.seed import texts
from app.db.seed.ledger import DAY_SECONDS
from app.db.seed.people import Member, Person, choose
from app.db.seed.plan import HISTORY_DAYS, Plan
from app.db.seed.rows import Chunk
from app.domain.customer import DataSource
from app.domain.service import (
    QUEUES,
    CallOutcome,
    CallPurpose,
    Channel,
    InteractionKind,
    TicketCategory,
    TicketEventKind,
    TicketPriority,
    TicketResolution,
    TicketStatus,
)

_TICKETS: Final = ((0.68, 0), (0.90, 1), (0.97, 2), (1.0, 3))
_STATUSES: Final = (
    (0.66, TicketStatus.CLOSED),
    (0.80, TicketStatus.RESOLVED),
    (0.88, TicketStatus.IN_PROGRESS),
    (0.94, TicketStatus.WAITING_FOR_CUSTOMER),
    (1.0, TicketStatus.OPEN),
)
_PRIORITIES: Final = (
    (0.2, TicketPriority.LOW),
    (0.8, TicketPriority.NORMAL),
    (0.95, TicketPriority.HIGH),
    (1.0, TicketPriority.URGENT),
)
# Hours in which a ticket is to be answered.
_DUE_HOURS: Final = {
    TicketPriority.LOW: 240,
    TicketPriority.NORMAL: 120,
    TicketPriority.HIGH: 48,
    TicketPriority.URGENT: 8,
}
_ENDED: Final = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
_RESOLUTIONS: Final = (
    TicketResolution.EXPLAINED,
    TicketResolution.EXPLAINED,
    TicketResolution.MONETARY_RELIEF,
    TicketResolution.NON_MONETARY_RELIEF,
    TicketResolution.NO_RELIEF,
)
_CHANNELS: Final = (Channel.MOBILE, Channel.WEB, Channel.PHONE, Channel.EMAIL, Channel.BRANCH)
_CONTACTS: Final = ((0.35, 0), (0.7, 1), (0.9, 2), (1.0, 3))
_KINDS: Final = (
    (0.55, InteractionKind.CALL),
    (0.75, InteractionKind.VISIT),
    (0.93, InteractionKind.MESSAGE),
    (1.0, InteractionKind.REVIEW),
)
_ANSWERED: Final = 0.9
_RATED: Final = 0.5
_NOTED: Final = 0.4
# Between the answer, the end and the customer's rating.
_CLOSING: Final = timedelta(minutes=20)

# When, what, by whom, and the status reached.
_Step = tuple[datetime, TicketEventKind, UUID | None, TicketStatus | None]
_SOURCE: Final = DataSource.SEED
# Running tickets are young: they were opened in the last weeks.
_RUNNING_DAYS: Final = 20
_OPENED_DAY_SECONDS: Final = 36_000
_OPENS_AT: Final = 8 * 3_600


@dataclass(frozen=True, slots=True)
class _Course:
    """How a ticket goes: when its steps are, in the order in which they are taken."""

    status: TicketStatus
    opened_at: datetime
    assigned_at: datetime
    answered_at: datetime
    ended_at: datetime
    due_at: datetime
    now: datetime
    csat: int | None

    @property
    def is_ended(self) -> bool:
        """Whether the customer has the answer."""
        return self.status in _ENDED

    @property
    def is_answered(self) -> bool:
        """Whether staff have written to the customer."""
        return self.is_ended or self.status is TicketStatus.WAITING_FOR_CUSTOMER

    @property
    def rated_at(self) -> datetime | None:
        """When the customer rated the service, which only closed tickets are."""
        if self.closed_at is None or self.csat is None:
            return None
        return self.closed_at + _CLOSING

    @property
    def closed_at(self) -> datetime | None:
        """When the ticket was closed, if it is."""
        return self.ended_at + _CLOSING if self.status is TicketStatus.CLOSED else None

    @property
    def is_late(self) -> bool:
        """Whether the answer came, or is still to come, after it was due."""
        return self.due_at < (self.ended_at if self.is_ended else self.now)

    def steps(self, agent: UUID | None) -> Iterator[_Step]:
        """Give what happened, not yet in the order of time."""
        yield self.opened_at, TicketEventKind.OPENED, None, TicketStatus.OPEN
        if agent is not None:
            yield self.assigned_at, TicketEventKind.ASSIGNED, agent, TicketStatus.IN_PROGRESS
        if self.is_answered:
            yield self.answered_at, TicketEventKind.REPLIED, agent, None
        if self.status is TicketStatus.WAITING_FOR_CUSTOMER:
            yield self.answered_at, TicketEventKind.STATUS_CHANGED, agent, self.status
        if self.is_late:
            yield self.due_at, TicketEventKind.BREACHED, None, None
        if self.is_ended:
            yield self.ended_at, TicketEventKind.RESOLVED, agent, TicketStatus.RESOLVED
        if self.closed_at is not None:
            yield self.closed_at, TicketEventKind.CLOSED, agent, TicketStatus.CLOSED
        if self.rated_at is not None:
            yield self.rated_at, TicketEventKind.RATED, None, None


class _Ticket:
    """Writes one ticket: its events, its comments, itself."""

    def __init__(
        self,
        chunk: Chunk,
        member: Member,
        number: str,
        course: _Course,
        category: TicketCategory,
    ) -> None:
        self._id = chunk.plan.id(course.opened_at, "ticket", number)
        self._chunk = chunk
        self._member = member
        self._number = number
        self._course = course
        self._category = category
        self._queue = QUEUES[category]
        self._comments = 0
        self._agent: UUID | None = None
        if course.status is not TicketStatus.OPEN:
            self._agent = chunk.plan.posts.agent(self._queue, member.person.number)

    def add_events(self) -> int:
        """Write the history in the order of time, numbered from 1; give its length."""
        steps = sorted(self._course.steps(self._agent), key=itemgetter(0))
        for number, (at, *what) in enumerate(steps, start=1):
            row_id = self._chunk.plan.id(at, "ticket event", self._number, str(number))
            kind, staff_id, status = what
            self._chunk.add(
                "ticket_event", self._member.person.id, row_id, self._id, number, kind, at,
                staff_id, status,
            )  # fmt: skip
        return len(steps)

    def add_comments(self, words: texts.Words) -> None:
        """Write what the customer asks, what staff note among themselves, what the bank says."""
        course, rng = self._course, self._member.rng
        self._comment(course.opened_at, words[1], None, internal=False)
        notes = texts.COMMENTS[self._member.person.language]
        if self._agent is not None and rng.random() < _NOTED:
            note = notes[int(rng.random() * len(notes))]
            self._comment(course.assigned_at, note, self._agent, internal=True)
        if course.is_answered:
            self._comment(course.answered_at, words[2], self._agent, internal=False)

    def _comment(self, at: datetime, body: str, staff_id: UUID | None, *, internal: bool) -> None:
        self._comments += 1
        row_id = self._chunk.plan.id(at, "ticket comment", self._number, str(self._comments))
        sealed = self._member.cipher.encrypt("ticket_comment.body_ciphertext", row_id, body)
        self._chunk.add(
            "ticket_comment", self._member.person.id, row_id, self._id, staff_id, internal, sealed,
            at,
        )  # fmt: skip

    def add(self, priority: TicketPriority) -> None:
        """Write the ticket with all that belongs to it."""
        person, rng, course = self._member.person, self._member.rng, self._course
        words = texts.TICKETS[person.language][self._category]
        self.add_comments(words)
        resolution = _RESOLUTIONS[int(rng.random() * len(_RESOLUTIONS))]
        self._chunk.add(
            "ticket", person.id, self._id, self._number, self._category, words[0], course.status,
            priority, _CHANNELS[int(rng.random() * len(_CHANNELS))], self._queue,
            self._agent, course.opened_at, course.due_at,
            course.due_at if course.is_late else None, course.closed_at,
            resolution if course.is_ended else None,
            course.csat if course.rated_at is not None else None, self.add_events(), _SOURCE,
            course.answered_at if course.is_answered else None,
            course.ended_at if course.is_ended else None, course.rated_at,
        )  # fmt: skip
        self._chunk.add("ticket_number", self._number, person.id, self._id)


def _moment(plan: Plan, person: Person, rng: Random, days_max: int = HISTORY_DAYS) -> datetime:
    """Give a moment in the bank's day, since the customer came and before the business date."""
    known = (plan.business_date - person.since).days
    days = HISTORY_DAYS - 1 - int(rng.random() * (min(days_max, known) - 1))
    return plan.moment(days * DAY_SECONDS + _OPENS_AT + int(rng.random() * _OPENED_DAY_SECONDS))


def _course(plan: Plan, member: Member, priority: TicketPriority) -> _Course:
    person, rng = member.person, member.rng
    status = choose(_STATUSES, rng.random())
    days_max = HISTORY_DAYS if status in _ENDED else _RUNNING_DAYS
    opened_at = _moment(plan, person, rng, days_max)
    now = plan.moment(HISTORY_DAYS * DAY_SECONDS)
    hours = _DUE_HOURS[priority]
    spent = timedelta(hours=hours * (0.2 + 1.0 * rng.random()))
    # Steps take shares of what is left, so that none comes after the history's end.
    spent = min(spent, (now - opened_at) * 0.85)
    return _Course(
        status=status,
        opened_at=opened_at,
        assigned_at=opened_at + _whole_seconds(spent * (0.05 + 0.1 * rng.random())),
        answered_at=opened_at + _whole_seconds(spent * (0.3 + 0.3 * rng.random())),
        ended_at=opened_at + _whole_seconds(spent),
        due_at=opened_at + timedelta(hours=hours),
        now=now,
        csat=1 + int(rng.random() ** 0.4 * 5) if rng.random() < _RATED else None,
    )


def _whole_seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=int(span.total_seconds()))


def add_tickets(chunk: Chunk, member: Member) -> None:
    """Give some customers tickets of the last year in every state, with comments."""
    person, rng = member.person, member.rng
    for place in range(choose(_TICKETS, rng.random())):
        priority = choose(_PRIORITIES, rng.random())
        category = list(TicketCategory)[int(rng.random() * len(TicketCategory))]
        course = _course(chunk.plan, member, priority)
        _Ticket(chunk, member, f"T{person.n:08d}{place}", course, category).add(priority)


def add_interactions(chunk: Chunk, member: Member) -> None:
    """Give most customers some contacts with the bank in the last year."""
    for place in range(choose(_CONTACTS, member.rng.random())):
        _add_interaction(chunk, member, place)


def _add_interaction(chunk: Chunk, member: Member, place: int) -> None:
    plan, person, rng = chunk.plan, member.person, member.rng
    kind = choose(_KINDS, rng.random())
    at = _moment(plan, person, rng)
    row_id = plan.id(at, "interaction", person.number, str(place))
    is_call = kind is InteractionKind.CALL
    is_answered = is_call and rng.random() < _ANSWERED
    seconds = 20 + int(rng.expovariate(1 / 240))
    outcome = CallOutcome.AGENT if is_answered else CallOutcome.HANG_UP
    words = texts.INTERACTIONS[person.language].get(kind, ())
    text = words[int(rng.random() * len(words))] if words else None

    def sealed(column: str, value: str | None) -> bytes | None:
        place_of = f"interaction.{column}"
        return None if value is None else member.cipher.encrypt(place_of, row_id, value)

    chunk.add(
        "interaction", person.id, row_id, kind, _CHANNEL_OF[kind], None,
        None if is_call else person.branch.id, at,
        at + timedelta(seconds=seconds) if is_call else None,
        list(CallPurpose)[int(rng.random() * len(CallPurpose))] if is_call else None,
        outcome if is_call else None,
        plan.pools[person.language].given_name(rng, male=False) if is_answered else None,
        1 + int(rng.random() ** 0.5 * 5) if kind is InteractionKind.REVIEW else None,
        sealed("phone_ciphertext", person.phone if is_call else None),
        sealed("text_ciphertext", text), _SOURCE,
    )  # fmt: skip


_CHANNEL_OF: Final = {
    InteractionKind.CALL: Channel.PHONE,
    InteractionKind.VISIT: Channel.BRANCH,
    InteractionKind.MESSAGE: Channel.EMAIL,
    InteractionKind.REVIEW: Channel.WEB,
}
