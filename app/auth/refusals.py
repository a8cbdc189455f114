"""Why somebody is not let in; every text is fit for the client and tells no more than it must."""

from collections.abc import Sequence

from app.auth.permissions import Role


class TokenError(Exception):
    """A token is not accepted: the request is UNAUTHENTICATED."""


class ActingRoleError(Exception):
    """The holder of an accepted token may not act as asked: the request is FORBIDDEN."""

    def __init__(self, message: str, roles: Sequence[Role]) -> None:
        """Take the sentence, and the roles that may be chosen instead."""
        super().__init__(message)
        self.roles = roles


class IssuerUnavailableError(Exception):
    """Tokens cannot be checked, because the issuer has not told its keys; it is asked again."""
