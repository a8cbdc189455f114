"""Many subscribers over graphql-transport-ws with little effort: for benches, in one process.

They share the machine with what they wait for, so a peer does no more than find where a message
ends and note when it came.
"""

import asyncio
import base64
import os
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Final, cast

import orjson

_MASK: Final = bytes(4)
_TEXT: Final = 1
_CLOSE: Final = 8
_PING: Final = 9
_PONG: Final = 10
_SHORT_MAX: Final = 125
_LONG: Final = 126
_LONGER: Final = 127
_NEXT: Final = b'"type":"next"'
_ACK: Final = b'"type":"connection_ack"'


def _frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """Write a client's frame (RFC 6455, section 5.2), whose mask changes nothing."""
    if len(payload) <= _SHORT_MAX:
        head = bytes([0x80 | opcode, 0x80 | len(payload)])
    else:
        head = bytes([0x80 | opcode, 0x80 | _LONG]) + len(payload).to_bytes(2, "big")
    return head + _MASK + payload


class Peer(asyncio.Protocol):
    """One connection with one subscription; ``came`` has when each event came."""

    def __init__(
        self, init: Mapping[str, Any], payload: Mapping[str, Any], *, tells_position: bool
    ) -> None:
        """Take what the connection begins with, and what it subscribes to.

        A server that ``tells_position`` says itself when a subscription has begun.
        """
        self.came: list[float] = []
        self.subscribed = asyncio.get_running_loop().create_future()
        self.lost: str | None = None
        self._init = init
        self._payload = payload
        self._tells_position = tells_position
        self._read = bytearray()
        self._upgraded = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /graphql HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ]
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def connection_lost(self, _error: Exception | None) -> None:
        """Note that it is over."""
        self.lost = self.lost or "the server hung up"
        if not self.subscribed.done():
            self.subscribed.set_exception(ConnectionError(self.lost))

    def data_received(self, data: bytes) -> None:
        """Look for whole frames."""
        self._read += data
        if not self._upgraded:
            head, found, rest = bytes(self._read).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.lost = head.decode()
                return
            self._upgraded, self._read = True, bytearray(rest)
            self._send({"type": "connection_init", "payload": self._init})
        while (frame := self._frame()) is not None:
            self._take(*frame)

    def _frame(self) -> tuple[int, bytes] | None:
        read = self._read
        if len(read) < len(b"xx"):
            return None
        begin, size = 2, read[1] & 0x7F
        if size == _LONG:
            begin, size = 4, int.from_bytes(read[2:4], "big")
        elif size == _LONGER:
            begin, size = 10, int.from_bytes(read[2:10], "big")
        if len(read) < begin + size:
            return None
        opcode, payload = read[0] & 0x0F, bytes(read[begin : begin + size])
        del read[: begin + size]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes) -> None:
        assert self._transport is not None
        if opcode == _PING:
            self._transport.write(_frame(payload, _PONG))
        elif opcode == _CLOSE:
            self.lost = payload.decode(errors="replace")
        elif _NEXT in payload:
            if b'"StreamPosition"' not in payload:
                self.came.append(perf_counter())
            elif not self.subscribed.done():
                self.subscribed.set_result(None)
        elif _ACK in payload:
            self._send({"type": "subscribe", "id": "1", "payload": self._payload})
            # Whoever tells no position has taken a subscription once it answers a ping.
            self._send({"type": "ping"})
        elif b'"type":"pong"' in payload:
            if not self.subscribed.done() and not self._tells_position:
                self.subscribed.set_result(None)
        elif opcode == _TEXT:
            self.lost = payload.decode()
            self._transport.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._transport is not None
        self._transport.write(_frame(orjson.dumps(message)))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()


async def subscribe(
    port: int,
    inits: Sequence[Mapping[str, Any]],
    payload: Mapping[str, Any],
    *,
    tells_position: bool,
    at_once: int = 50,
) -> list[Peer]:
    """Connect a peer for each ``connection_init``, some at once; all have subscribed then."""
    loop = asyncio.get_running_loop()
    turn = asyncio.Semaphore(at_once)

    async def connected(init: Mapping[str, Any]) -> Peer:
        async with turn:
            _, peer = await loop.create_connection(
                lambda: Peer(init, payload, tells_position=tells_position), "127.0.0.1", port
            )
            await peer.subscribed
            return peer

    return list(await asyncio.gather(*map(connected, inits)))
