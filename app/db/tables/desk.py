"""The service desk: when it works, what it promises, and who works on it (reference tables).

Hours are texts such as ``08:30-12:00 13:00-17:30`` (app.domain.bank_calendar.read_hours).
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from app.db.tables import columns
from app.domain.bank_calendar import SHIFT_FORMAT, SpecialDayKind
from app.domain.customer import Tier
from app.domain.service import TicketCategory, TicketPriority


def _hours_check() -> CheckConstraint:
    # A shift is followed by the next one, or by the end.
    return CheckConstraint(f"hours ~ '^({SHIFT_FORMAT}( (?!$)|$))*$'", name="hours")


class ServiceCalendar(SQLModel, table=True):
    """The working hours of a place: its time zone, and the country whose public holidays are off.

    ``country`` is null where no public holiday is.
    """

    __tablename__ = "service_calendar"
    __table_args__ = (CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),)

    code: str = columns.text(primary_key=True)
    name: str = columns.text()
    zone: str = columns.text()
    country: str | None = columns.text(null=True)


class ServiceHours(SQLModel, table=True):
    """The hours of one weekday (ISO 8601: Monday is 1); a weekday without a row is off."""

    __tablename__ = "service_hours"
    __table_args__ = (CheckConstraint("weekday between 1 and 7", name="weekday"), _hours_check())

    calendar_code: str = columns.text(primary_key=True, references="service_calendar.code")
    weekday: int = columns.smallint_key()
    hours: str = columns.text()


class SpecialDay(SQLModel, table=True):
    """A day that differs from its weekday and from the public holidays, and who says so.

    It is worked as the weekday ``follows``, or in its own ``hours``; with neither it is off.
    """

    __tablename__ = "special_day"
    __table_args__ = (CheckConstraint("follows between 1 and 7", name="follows"), _hours_check())

    calendar_code: str = columns.text(primary_key=True, references="service_calendar.code")
    day_on: date = columns.day(primary_key=True)
    kind: str = columns.closed("kind", SpecialDayKind)
    follows: int | None = columns.smallint(null=True)
    hours: str | None = columns.text(null=True)
    name: str = columns.text()
    source: str = columns.text()


class ServiceQueue(SQLModel, table=True):
    """A queue of the service desk, and the calendar that its tickets' time is counted on."""

    __tablename__ = "service_queue"

    code: str = columns.text(primary_key=True)
    calendar_code: str = columns.text(references="service_calendar.code")


class ServiceTarget(SQLModel, table=True):
    """How long a ticket may take, in minutes of working time since it was opened."""

    __tablename__ = "service_target"
    __table_args__ = (
        CheckConstraint("answer_minutes between 1 and solution_minutes", name="answer_minutes"),
    )

    tier: str = columns.closed("tier", Tier, primary_key=True)
    priority: str = columns.closed("priority", TicketPriority, primary_key=True)
    answer_minutes: int = columns.integer()
    solution_minutes: int = columns.integer()


class ServiceAgent(SQLModel, table=True):
    """A member of staff to whom tickets are routed.

    ``open_tickets`` counts the tickets that are the agent's and not resolved; a trigger of
    ``ticket`` keeps it. Routing gives nobody more than ``capacity``.
    """

    __tablename__ = "service_agent"
    __table_args__ = (
        CheckConstraint("capacity > 0", name="capacity"),
        CheckConstraint("open_tickets >= 0", name="open_tickets"),
    )

    staff_id: UUID = Field(foreign_key="staff.id", primary_key=True)
    capacity: int = columns.smallint()
    languages: list[str] = columns.texts()
    tiers: list[str] = columns.texts()
    open_tickets: int = columns.integer(default="0")
    last_assigned_at: datetime | None = columns.moment(null=True)


class StaffSkill(SQLModel, table=True):
    """What an agent is trained for: 1 trained, 2 experienced, 3 expert."""

    __tablename__ = "staff_skill"
    __table_args__ = (CheckConstraint("level between 1 and 3", name="level"),)

    staff_id: UUID = Field(foreign_key="staff.id", primary_key=True)
    category: str = columns.closed("category", TicketCategory, primary_key=True)
    level: int = columns.smallint()


class StaffShift(SQLModel, table=True):
    """When an agent is on, on days that are worked as a weekday."""

    __tablename__ = "staff_shift"
    __table_args__ = (CheckConstraint("weekday between 1 and 7", name="weekday"), _hours_check())

    staff_id: UUID = Field(foreign_key="staff.id", primary_key=True)
    weekday: int = columns.smallint_key()
    hours: str = columns.text()
