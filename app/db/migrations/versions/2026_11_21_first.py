"""The whole bank: every table with its constraints and indexes, triggers and grants."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261121_first"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything; the statements stand beside this file, as PostgreSQL reads them."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Refuse: before the first revision there is no bank, and dropping one is no migration."""
    message = "the first revision cannot be taken back; drop the database instead"
    raise RuntimeError(message)
