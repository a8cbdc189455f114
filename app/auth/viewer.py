"""Who is asking."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.auth.permissions import Role
from app.auth.refusals import ActingRoleError, TokenError

ACTING_ROLE_HEADER: Final = "X-Acting-Role"
ALWAYS: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Viewer:
    """A signed-in person acting in exactly one role.

    ``customer_id`` is set for a customer, ``staff_id`` for anybody who works for the bank. From
    ``expires_at`` (UTC) on, what the viewer signed in with is not accepted any more; None is never.
    A strong authentication counts before ``strong_until`` (UTC); None is no strong authentication.
    ``own_customer_id`` is the customer that a member of staff is too, where the token says so.
    """

    role: Role
    roles: tuple[Role, ...]
    customer_id: UUID | None = None
    staff_id: UUID | None = None
    expires_at: datetime | None = None
    strong_until: datetime | None = None
    own_customer_id: UUID | None = None

    @property
    def strongly_authenticated(self) -> bool:
        """Whether the person signed in with more than a password, recently enough for now."""
        return self.strong_until is not None and datetime.now(UTC) < self.strong_until

    @property
    def id(self) -> UUID:
        """The person's id, which names nobody."""
        found = self.customer_id or self.staff_id
        assert found is not None
        return found


@dataclass(frozen=True)
class Holder:
    """The person that a token speaks for, before a role is chosen to act in.

    ``role`` is the one that the token names, if it names one; it is among ``roles``. Of the ids
    both are set for a member of staff who is a customer too.
    """

    roles: tuple[Role, ...]
    role: Role | None
    customer_id: UUID | None
    staff_id: UUID | None
    expires_at: datetime
    strong_until: datetime | None = None
    token_id: str | None = None

    def acting_as(self, wished: str | None) -> Viewer:
        """Give the viewer that acts in the role ``wished``, or without a wish in the token's.

        Raises ActingRoleError when the holder has not that role or several to choose from, and
        TokenError when the token does not say who the holder is in that role.
        """
        role = self._role(wished)
        is_customer = role is Role.CUSTOMER
        customer_id = self.customer_id if is_customer else None
        staff_id = None if is_customer else self.staff_id
        if customer_id is None and staff_id is None:
            message = "the token is not accepted: it does not say for whom it speaks"
            raise TokenError(message)
        return Viewer(
            role,
            self.roles,
            customer_id,
            staff_id,
            self.expires_at,
            self.strong_until,
            self.customer_id,
        )

    def _role(self, wished: str | None) -> Role:
        role = self.role
        if wished is not None:
            role = next((held for held in self.roles if held.value == wished.strip()), None)
        elif role is None and len(self.roles) == 1:
            role = self.roles[0]
        if role is None:
            held = ", ".join(self.roles)
            reason = "that role is not yours" if wished else "a request acts in exactly one role"
            message = f"{reason}: name one of yours in {ACTING_ROLE_HEADER} ({held})"
            raise ActingRoleError(message, self.roles)
        return role
