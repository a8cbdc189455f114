"""Requests for a second person."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261124_approval"
down_revision = "20261123_money"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; the statements stand beside this file, as PostgreSQL reads them."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Drop it: what was decided stays in the audit trail."""
    op.drop_table("approval")
