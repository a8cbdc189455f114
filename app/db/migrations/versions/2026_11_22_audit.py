"""The audit trail, keys that make writes safe, begun services, consents, and erasure."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261122_audit"
down_revision = "20261121_first"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; the statements stand beside this file, as PostgreSQL reads them."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Refuse: an audit trail that a release can drop proves nothing."""
    message = "the audit trail is not dropped; restore a backup of the release before instead"
    raise RuntimeError(message)
