"""What the kit refuses of a reader's input; each carries a code of the API's closed list."""

from typing import Final

from graphql import GraphQLError

BAD_USER_INPUT: Final = "BAD_USER_INPUT"
FORBIDDEN: Final = "FORBIDDEN"
LIMIT_EXCEEDED: Final = "LIMIT_EXCEEDED"
RATE_LIMITED: Final = "RATE_LIMITED"


class RefusedError(GraphQLError):
    """An error whose text is meant for the client."""

    def __init__(self, message: str, code: str) -> None:
        """Take the sentence and the code that stands in ``extensions``."""
        super().__init__(message, extensions={"code": code})


def bad_input(message: str) -> RefusedError:
    """Refuse a malformed value."""
    return RefusedError(message, BAD_USER_INPUT)


def too_large(message: str) -> RefusedError:
    """Refuse a request above a limit."""
    return RefusedError(message, LIMIT_EXCEEDED)
