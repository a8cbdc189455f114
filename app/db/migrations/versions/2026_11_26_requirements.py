"""What transfers are asked for: promises, codes, and what new payees are paid on a day."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261126_requirements"
down_revision = "20261123_money"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create table and column; the statements stand beside this file."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Take the table and the column away: promises last for minutes."""
    op.drop_column("daily_outgoing", "to_new")
    op.drop_table("transfer_promise")
