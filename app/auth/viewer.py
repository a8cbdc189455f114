"""Who is asking."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.auth.permissions import Role


@dataclass(frozen=True)
class Viewer:
    """A signed-in person acting in exactly one role.

    ``customer_id`` is set for a customer, ``staff_id`` for anybody who works for the bank. From
    ``expires_at`` (UTC) on, what the viewer signed in with is not accepted any more; None is never.
    """

    role: Role
    roles: tuple[Role, ...]
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    strongly_authenticated: bool = False
    expires_at: datetime | None = None

    @property
    def id(self) -> UUID:
        """The person's id, which names nobody."""
        found = self.customer_id or self.staff_id
        assert found is not None
        return found
