"""Subscriptions over multipart responses, as Apollo's clients ask for them.

Protocol: "Multipart HTTP protocol for GraphQL subscriptions", subscriptionSpec 1.0. Each part is
JSON: ``{"payload": …}`` holds an answer, ``{}`` says that the response goes on.
"""

from typing import Final

from starlette.types import Scope

from app.long_response import LongResponse, Results

MULTIPART: Final = "multipart/mixed"
SPEC: Final = "subscriptionspec"
SPEC_VERSION: Final = "1.0"
_CONTENT_TYPE: Final = f'{MULTIPART};boundary="graphql";subscriptionSpec={SPEC_VERSION}'
# The delimiter that ends a part is written at once: clients read a part when they have seen it.
_DELIMITER: Final = b"\r\n--graphql"
_HEAD: Final = b"\r\nContent-Type: application/json\r\n\r\n"


class Multipart(LongResponse):
    """The parts of one subscription."""

    def __init__(
        self, results: Results, keep_alive_seconds: float, request_id: str, scope: Scope
    ) -> None:
        """Take what is told, and after how many silent seconds a part shows that it goes on."""
        headers = {"Content-Type": _CONTENT_TYPE, "X-Request-Id": request_id}
        super().__init__(results, keep_alive_seconds, headers, scope)

    def begin(self) -> bytes:
        """Give the first delimiter."""
        return _DELIMITER

    def part(self, body: bytes) -> bytes:
        """Write one answer as a part."""
        return b'%s{"payload":%s}%s' % (_HEAD, body, _DELIMITER)

    def silence(self) -> bytes:
        """Give a part that says nothing."""
        return b"%s{}%s" % (_HEAD, _DELIMITER)

    def end(self) -> bytes:
        """Close the last delimiter."""
        return b"--\r\n"
