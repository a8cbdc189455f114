"""The end of a business day: its steps, payments of standing orders, closed balances, the queue."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261125_worker"
down_revision = "20261124_approval"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, columns and the queue; the statements stand beside this file."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Refuse: how far a day's end has come would be gone, and its interest be posted again."""
    message = "what a business day's end has done is not taken back; restore a backup"
    raise RuntimeError(message)
