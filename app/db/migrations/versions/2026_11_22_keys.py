"""What keeps customers' keys under the master key that is in force."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261122_keys"
down_revision = "20261122_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the functions and the trigger; the statements stand beside this file."""
    _run(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop them."""
    _run(
        "drop trigger wrapped on customer_key;"
        " drop function check_wrapping(); drop function wrapping_prefix();"
    )


def _run(script: str) -> None:
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))
