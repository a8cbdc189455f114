"""The messages of graphql-transport-ws, and the codes that a connection is closed with.

Protocol: the file PROTOCOL.md of the JavaScript library graphql-ws, whose server is the reference.
"""

from dataclasses import dataclass
from typing import Any, Final

from app.request import RequestError, read_json

SUBPROTOCOL: Final = "graphql-transport-ws"

# A close frame has room for 123 bytes of text beside its code (RFC 6455, section 5.5).
_REASON_BYTES_MAX: Final = 123
_TYPES: Final = ("connection_init", "ping", "pong", "subscribe", "complete")


@dataclass(frozen=True)
class Close:
    """How a connection ends; ``by_peer`` when the client ended it."""

    code: int
    reason: str = ""
    by_peer: bool = False


# Clients connect again by themselves after 1012 and 1013, and stop at most codes above 4400.
GOING_AWAY: Final = Close(1012, "Service restart")
VIEWER_HAS_TOO_MANY: Final = Close(1013, "Try again later: you have too many connections")
STREAM_BROKEN: Final = Close(1013, "Try again later: events cannot be read now")
UNAUTHORIZED: Final = Close(4401, "Unauthorized")
FORBIDDEN: Final = Close(4403, "Forbidden")
ROLE_NOT_HELD: Final = Close(4403, "Forbidden: a connection acts in exactly one of your roles")
CANNOT_VERIFY: Final = Close(1013, "Tokens cannot be checked now: try again later")
EXPIRED: Final = Close(4403, "Forbidden: the token has expired")
SUBPROTOCOL_NOT_ACCEPTABLE: Final = Close(4406, "Subprotocol not acceptable")
INITIALISATION_TIMEOUT: Final = Close(4408, "Connection initialisation timeout")
TOO_MANY_INITIALISATIONS: Final = Close(4429, "Too many initialisation requests")
INTERNAL_ERROR: Final = Close(4500, "Internal server error")


def malformed(why: str) -> Close:
    """Refuse a message that the protocol does not know."""
    return _cut(4400, f"Bad request: {why}")


def subscriber_exists(id_: str) -> Close:
    """Refuse a second operation under the id of one that runs."""
    return _cut(4409, f"Subscriber for {id_} already exists")


def _cut(code: int, reason: str) -> Close:
    # Cutting may split a character, of which nothing is left then.
    return Close(code, reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore"))


class ClosedError(Exception):
    """The connection is over, or has to be."""

    def __init__(self, close: Close) -> None:
        """Take how it ends."""
        super().__init__(close.code)
        self.close = close


@dataclass(frozen=True)
class Message:
    """A message of the client; ``id`` is empty and ``payload`` None where its type has none."""

    type: str
    id: str = ""
    payload: dict[str, Any] | None = None


def read_message(text: str | None) -> Message:
    """Parse a message; raises ClosedError for what the protocol does not know.

    ``text`` is None for a binary frame.
    """
    if text is None:
        raise ClosedError(malformed("messages are text"))
    try:
        given = read_json(text, "the message")
    except RequestError as error:
        raise ClosedError(malformed(str(error))) from error
    if not isinstance(given, dict):
        raise ClosedError(malformed("a message must be a JSON object"))
    type_: Any = given.get("type")
    id_: Any = given.get("id")
    payload: Any = given.get("payload")
    if type_ not in _TYPES:
        raise ClosedError(malformed(f"the field 'type' must be one of {', '.join(_TYPES)}"))
    if type_ in {"subscribe", "complete"} and (not isinstance(id_, str) or not id_):
        raise ClosedError(malformed("the field 'id' must be a text that is not empty"))
    if type_ == "complete":
        return Message(type_, id_)
    if not isinstance(payload, dict) and (payload is not None or type_ == "subscribe"):
        raise ClosedError(malformed("the field 'payload' must be an object"))
    return Message(type_, id_ if type_ == "subscribe" else "", payload)
