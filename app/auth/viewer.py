"""Who is asking."""

from dataclasses import dataclass
from uuid import UUID

from app.auth.permissions import Role


@dataclass(frozen=True)
class Viewer:
    """A signed-in person acting in exactly one role.

    ``customer_id`` is set for a customer, ``staff_id`` for anybody who works for the bank.
    """

    role: Role
    roles: tuple[Role, ...]
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    strongly_authenticated: bool = False
