"""Accounts and their money: products, holds, payees, standing orders and what is booked."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "20261123_money"
down_revision = "20261122_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and columns; the statements stand beside this file."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Refuse: who ordered a payment to whom would be gone."""
    message = "holds, payees and texts of bookings are not taken back; restore a backup"
    raise RuntimeError(message)
