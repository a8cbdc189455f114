"""Tickets that are worked on: their topics, and who a step of their history may concern."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261128_ticket"
down_revision = "20261127_scopes"
branch_labels = None
depends_on = None

_POLICIES = ("visible", "written")
_TABLES = ("ticket", "ticket_event")
_STEPS = (
    "'INTEREST', 'POSTING', 'MATURITIES', 'STANDING_ORDERS', 'INTERNAL_ACCOUNTS', 'APPROVALS',"
    " 'PROMISES', 'IDEMPOTENCY_KEYS'"
)
_KINDS = (
    "'OPENED', 'ASSIGNED', 'FORWARDED', 'REPLIED', 'STATUS_CHANGED', 'BREACHED', 'RESOLVED',"
    " 'CLOSED', 'RATED'"
)


def upgrade() -> None:
    """Add the columns and replace the policies; the statements stand beside this file."""
    _run(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Take the columns away, and put the policies of 20261127_scopes back.

    Refused by PostgreSQL where a history has steps of the new kinds: nothing takes history back.
    Tickets that were closed at the ends of days stay so.
    """
    before = Path(__file__).with_name("2026_11_27_scopes.sql").read_text(encoding="utf-8")
    policies = [
        statement
        for statement in before.split("alter policy ")
        if statement.startswith(tuple(f"{kind} on {t} " for kind in _POLICIES for t in _TABLES))
    ]
    _run(
        f"""
        alter table ticket_event
            drop constraint ck_ticket_event_kind,
            add constraint ck_ticket_event_kind check (kind in ({_KINDS})),
            drop column queue, drop column assignee_id, drop column left_queue,
            drop column left_assignee_id, drop column internal_before, drop column comment_id,
            drop column record_id;
        delete from business_day_step where step = 'TICKETS';
        alter table business_day_step
            drop constraint ck_business_day_step_step,
            add constraint ck_business_day_step_step check (step in ({_STEPS}));
        {"".join(f"alter policy {policy}" for policy in policies)}
        alter table ticket_event drop column internal;
        alter table ticket
            drop column topic, drop column account_id, drop column first_answered_at,
            drop column resolved_at, drop column rated_at, drop column internal_event_count;
        """
    )


def _run(script: str) -> None:
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))
