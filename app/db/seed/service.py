"""Inventing tickets with their history and comments, and contacts with customers."""

from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final
from uuid import UUID

from app.db.seed import texts
from app.db.seed.people import Member, choose
from app.db.seed.rows import Chunk
from app.db.seed.ticket_course import Course, make_course, moment
from app.domain.customer import DataSource
from app.domain.service import (
    QUEUES,
    CallOutcome,
    CallPurpose,
    Channel,
    InteractionKind,
    TicketCategory,
    TicketPriority,
    TicketResolution,
    TicketStatus,
)

_TICKETS: Final = ((0.68, 0), (0.90, 1), (0.97, 2), (1.0, 3))
_PRIORITIES: Final = (
    (0.2, TicketPriority.LOW),
    (0.8, TicketPriority.NORMAL),
    (0.95, TicketPriority.HIGH),
    (1.0, TicketPriority.URGENT),
)
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
_NOTED: Final = 0.4
_SOURCE: Final = DataSource.SEED


class _Ticket:
    """Writes one ticket: its events, its comments, itself."""

    def __init__(
        self,
        chunk: Chunk,
        member: Member,
        number: str,
        course: Course,
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
            self._agent, course.opened_at, course.shown_due_at,
            course.due_at if course.is_late else None, course.closed_at,
            resolution if course.is_ended else None,
            course.csat if course.rated_at is not None else None, self.add_events(), _SOURCE,
            course.answered_at if course.is_answered else None,
            course.ended_at if course.is_ended else None, course.rated_at, *course.times(),
        )  # fmt: skip
        self._chunk.add("ticket_number", self._number, person.id, self._id)


def add_tickets(chunk: Chunk, member: Member) -> None:
    """Give some customers tickets of the last year in every state, with comments."""
    person, rng = member.person, member.rng
    for place in range(choose(_TICKETS, rng.random())):
        priority = choose(_PRIORITIES, rng.random())
        category = list(TicketCategory)[int(rng.random() * len(TicketCategory))]
        course = make_course(chunk.plan, member, priority, QUEUES[category])
        _Ticket(chunk, member, f"T{person.n:08d}{place}", course, category).add(priority)


def add_interactions(chunk: Chunk, member: Member) -> None:
    """Give most customers some contacts with the bank in the last year."""
    for place in range(choose(_CONTACTS, member.rng.random())):
        _add_interaction(chunk, member, place)


def _add_interaction(chunk: Chunk, member: Member, place: int) -> None:
    plan, person, rng = chunk.plan, member.person, member.rng
    kind = choose(_KINDS, rng.random())
    at = moment(plan, person, rng)
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
