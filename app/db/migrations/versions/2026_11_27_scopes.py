"""What row-level security has found out of a customer is remembered for the statement."""

import re
from pathlib import Path
from typing import Any

from alembic import op

revision = "20261127_scopes"
down_revision = "20261126_requirements"
branch_labels = None
depends_on = None

_SCRIPT = Path(__file__).with_suffix(".sql")
# What the release before did not have, and what stands for it there.
_REMEMBERED = re.compile(r"\n +or \(select viewer_moment\(\)\) [^\n]+")
_AT_A_GLANCE = re.compile(r"case when (.+)\n +then viewer_remembers.+ end$", re.MULTILINE)
_REMEMBERS = "return viewer_remembers(viewer_moment(), viewer_serves.customer)"


def upgrade() -> None:
    """Replace function and policies; the statements stand beside this file."""
    _run(_SCRIPT.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Put the policies and the function back that remember nothing."""
    script = _SCRIPT.read_text(encoding="utf-8")
    script = script[script.index("create or replace function viewer_serves") :]
    script = script.replace(_REMEMBERS, "return true")
    script = _AT_A_GLANCE.sub(r"\1", _REMEMBERED.sub("", script))
    dropped = "drop function viewer_remembers(text, uuid); drop function viewer_moment();"
    _run(f"{script}\n{dropped}")


def _run(script: str) -> None:
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's own execute takes many statements at once; SQLAlchemy's prepares one.
    connection.run_async(lambda driver: driver.execute(script))
