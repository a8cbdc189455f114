"""How a connection, or one statement, is told who is asking."""

from typing import Final

# JSON that row-level security reads; app.db.policies says what it holds.
VIEWER_SETTING: Final = "bank360.viewer"
SET_VIEWER: Final = f"select set_config('{VIEWER_SETTING}', $1, false)"


def telling(sql: str, values: int) -> str:
    """Give a statement of one value, with so many parameters, that is told who is asking itself.

    Who it is comes as a last parameter. The condition of a CASE is evaluated first, and sub-queries
    when they are needed; were that ever otherwise, they would read as nobody.
    """
    tell = f"set_config('{VIEWER_SETTING}', ${values + 1}, true)"
    return f"select case when {tell} is not null then ({sql}) end"
