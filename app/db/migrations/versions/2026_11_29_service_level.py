"""When the service desk works, what it promises, who works on it, and each ticket's clock."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261129_service_level"
down_revision = "20261128_ticket"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create tables, columns and triggers; the statements stand beside this file."""
    _run(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Take them away; the release before neither counts time nor routes.

    What was due stays in ``due_at``, which it shows.
    """
    _run(
        """
        drop trigger counted on ticket;
        drop trigger reasoned on ticket;
        drop function count_open_tickets();
        drop function forget_why_assigned();
        drop function calendar_of_queue(text);
        alter table ticket
            drop column worked, drop column running_since, drop column due_for,
            drop column left_seconds, drop column due_soon_at, drop column due_soon_told_at,
            drop column breach_told_at, drop column urgent_at, drop column why_assigned;
        drop table staff_shift, staff_skill, service_agent, service_target, service_queue,
            special_day, service_hours, service_calendar;
        alter policy written on staff using (
            (select viewer() ->> 'staff') is not null or viewer_is_managed_by(id)
        );
        """
    )


def _run(script: str) -> None:
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))
