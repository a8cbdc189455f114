"""Bodies whose senders decide how long they are."""

from collections.abc import AsyncIterable


class BodyTooLongError(Exception):
    """A body has more bytes than are taken."""

    def __init__(self, bytes_max: int) -> None:
        """Take how many bytes would have been taken."""
        super().__init__(f"more than {bytes_max} bytes")


async def read_bounded(chunks: AsyncIterable[bytes], bytes_max: int) -> bytes:
    """Give a body of at most ``bytes_max`` bytes; raises BodyTooLongError once it has more.

    What a sender says of the length beforehand need not be true, and need not be said.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > bytes_max:
            raise BodyTooLongError(bytes_max)
    return bytes(body)
