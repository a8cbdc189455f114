"""One client's connection over graphql-transport-ws, from ``connection_init`` to its end."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from app.accept import preferred_language
from app.addresses import network_of
from app.auth.refusals import ActingRoleError, IssuerUnavailableError, TokenError
from app.auth.viewer import ACTING_ROLE_HEADER, Viewer
from app.operation import Answer
from app.planner.errors import LIMIT_EXCEEDED
from app.request import GraphQLRequest, RequestError, bearer_token, check_request
from app.stopping import stopping_of
from app.streaming import Streams
from app.telling import StreamBrokenError
from app.websocket_messages import (
    CANNOT_VERIFY,
    EXPIRED,
    FORBIDDEN,
    GOING_AWAY,
    INITIALISATION_TIMEOUT,
    INTERNAL_ERROR,
    ROLE_NOT_HELD,
    STREAM_BROKEN,
    TOO_MANY_INITIALISATIONS,
    UNAUTHORIZED,
    VIEWER_HAS_TOO_MANY,
    Close,
    ClosedError,
    Message,
    malformed,
    read_message,
    subscriber_exists,
)

_log = structlog.get_logger("bank360.websocket")

# How long a client may take to answer a close. When the server stops, operations that run have so
# much less time.
CLOSE_SECONDS: Final = 3.0
# Where clients name the role to act in: as they name the header, or as JavaScript names things.
_ACTING_ROLE: Final = (ACTING_ROLE_HEADER, ACTING_ROLE_HEADER.lower(), "actingRole")
# What RFC 6455, section 7.4.1, calls a close without a code.
_NO_CODE: Final = 1005


@dataclass(frozen=True)
class ConnectionLimits:
    """The most that one connection may take of each; a viewer may have several connections."""

    init_seconds: float
    drain_seconds: float
    operations: int
    connections_of_viewer: int


class Connection:
    """Reads the client's messages and runs its operations, each with its own context."""

    def __init__(
        self,
        socket: WebSocket,
        streams: Streams,
        verify: Callable[[str, str | None], Awaitable[Viewer]],
        limits: ConnectionLimits,
        of_viewer: Counter[UUID],
    ) -> None:
        """Take an accepted socket; ``of_viewer`` counts the connections of each person."""
        self._socket = socket
        self._streams = streams
        self._run = partial(streams.operations.run, network=network_of(socket))
        self._verify = verify
        self._limits = limits
        self._of_viewer = of_viewer
        self._language = preferred_language(socket.headers.get("accept-language", ""))
        self._id = secrets.token_hex(8)
        self._begun = 0
        self._initialised = False
        self._stopping = False
        self._viewer: Viewer | None = None
        self._token = ""
        self._acting_role: str | None = None
        # An id is free for another operation once its last message is on its way, or at once
        # when the client gives it up; its task may then still be ending.
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        # Those that do not end by themselves.
        self._subscribed: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Speak with the client until either side ends it; whatever still runs is cancelled."""
        try:
            close = await self._talk()
        finally:
            self._leave()
        if not close.by_peer:
            # The client may be gone, or may read nothing of what it was sent before.
            with suppress(WebSocketDisconnect, WebSocketDisconnected, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._socket.close(close.code, close.reason)
        _log.info(
            "connection",
            connection=self._id,
            viewer=self._viewer and str(self._viewer.id),
            role=self._viewer and self._viewer.role.value,
            operations=self._begun,
            code=close.code,
        )

    async def _talk(self) -> Close:
        """Read messages until the connection is over; gives how it ends."""
        ended: ExceptionGroup[Exception] | None = None
        try:
            async with (
                asyncio.timeout(self._limits.init_seconds) as self._deadline,
                asyncio.TaskGroup() as self._tasks,
            ):
                stopping = stopping_of(self._socket.scope)
                if stopping is not None:
                    stopping.when(self._stop)
                await self._read()
        except TimeoutError:
            return INITIALISATION_TIMEOUT if self._viewer is None else EXPIRED
        except ExceptionGroup as group:
            ended = group
        error = ended.exceptions[0] if ended else None
        if isinstance(error, ClosedError):
            return error.close
        _log.error("failed", connection=self._id, exc_info=error)
        return INTERNAL_ERROR

    def _leave(self) -> None:
        if self._viewer is None:
            return
        self._of_viewer[self._viewer.id] -= 1
        if not self._of_viewer[self._viewer.id]:
            del self._of_viewer[self._viewer.id]

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._draining = self._tasks.create_task(self._drain())

    async def _drain(self) -> None:
        """Let what runs end, within bounds, when the server is going to stop.

        An operation that has not begun is left to the client: it begins it again elsewhere. So it
        does with subscriptions, from the position that it was told last.
        """
        for task in self._subscribed:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=self._limits.drain_seconds)
        raise ClosedError(GOING_AWAY)

    async def _read(self) -> None:
        while True:
            # Named nowhere here: the last message would be kept until the next one comes.
            await self._take(await self._socket.receive())

    async def _take(self, received: MutableMapping[str, Any]) -> None:
        if received["type"] == "websocket.disconnect":
            raise ClosedError(Close(received.get("code", _NO_CODE), by_peer=True))
        message = read_message(received.get("text"))
        match message.type:
            case "connection_init":
                await self._initialise(message)
            case "ping":
                await self._send("pong", payload=message.payload)
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                self._complete(message)

    async def _initialise(self, message: Message) -> None:
        if self._initialised:
            raise ClosedError(TOO_MANY_INITIALISATIONS)
        self._initialised = True
        payload = message.payload or {}
        self._token = bearer_token(self._given(payload, "Authorization", "authorization") or "")
        self._acting_role = self._given(payload, *_ACTING_ROLE)
        viewer = await self._verified()
        if self._of_viewer[viewer.id] >= self._limits.connections_of_viewer:
            raise ClosedError(VIEWER_HAS_TOO_MANY)
        self._viewer = viewer
        self._of_viewer[viewer.id] += 1
        self._deadline.reschedule(_loop_time(viewer.expires_at))
        # Nobody asks for the handshake's headers any more: 3 KB for as long as the connection.
        self._socket.scope["headers"] = []
        vars(self._socket).pop("_headers", None)
        await self._send("connection_ack")

    async def _verified(self) -> Viewer:
        """Verify the token, once more for every operation: it may have been revoked meanwhile."""
        try:
            return await self._verify(self._token, self._acting_role)
        except TokenError as error:
            raise ClosedError(FORBIDDEN) from error
        except ActingRoleError as error:
            raise ClosedError(ROLE_NOT_HELD) from error
        except IssuerUnavailableError as error:
            raise ClosedError(CANNOT_VERIFY) from error

    def _given(self, payload: Mapping[str, Any], *names: str) -> str | None:
        """Find a value: browsers cannot set headers of a handshake, other clients can."""
        for name in names:
            if payload.get(name) is not None:
                return str(payload[name])
        return self._socket.headers.get(names[0])

    async def _subscribe(self, message: Message) -> None:
        if self._viewer is None:
            raise ClosedError(UNAUTHORIZED)
        if message.id in self._operations:
            raise ClosedError(subscriber_exists(message.id))
        if self._stopping:
            return
        try:
            checked = check_request(message.payload)
            asked = replace(checked, language=self._language, streams=True)
        except RequestError as error:
            raise ClosedError(malformed(str(error))) from error
        if len(self._running) >= self._limits.operations:
            text = f"the connection has {self._limits.operations} operations running already"
            refusal = [{"message": text, "extensions": {"code": LIMIT_EXCEEDED}}]
            await self._send("error", message.id, refusal)
            return
        self._begun += 1
        operation = self._operate(message.id, asked, f"{self._id}.{self._begun}")
        task = self._tasks.create_task(operation)
        self._operations[message.id] = task
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _operate(self, id_: str, asked: GraphQLRequest, request_id: str) -> None:
        answer = await self._run(asked, await self._verified(), request_id)
        if answer.subscription is not None:
            # The document is known, and its text is no longer needed.
            asked = replace(asked, query=None)
            await self._follow(id_, asked, answer, request_id)
            return
        if answer.executed:
            await self._send("next", id_, answer.body)
            del self._operations[id_]
            await self._send("complete", id_)
        else:
            del self._operations[id_]
            await self._send("error", id_, answer.body["errors"])

    async def _follow(
        self, id_: str, asked: GraphQLRequest, began: Answer, request_id: str
    ) -> None:
        """Tell what a subscription tells, until either side ends it."""
        task = self._operations[id_]
        self._subscribed.add(task)
        task.add_done_callback(self._subscribed.discard)
        # Written once: only the payload differs from one message to the next.
        head = '{"type":"next","id":' + orjson.dumps(id_).decode() + ',"payload":'
        told = self._streams.told(asked, began, self._verified, request_id)
        try:
            async with aclosing(told):
                async for result in told:
                    if isinstance(result, Answer):
                        del self._operations[id_]
                        await self._send("error", id_, result.body["errors"])
                        return
                    await self._send_text(f"{head}{result}}}")
        except StreamBrokenError as error:
            raise ClosedError(STREAM_BROKEN) from error
        del self._operations[id_]
        await self._send("complete", id_)

    def _complete(self, message: Message) -> None:
        """Give an operation up; one that just ended is no fault of the client."""
        task = self._operations.pop(message.id, None)
        if task is not None:
            task.cancel()

    async def _send(self, type_: str, id_: str | None = None, payload: Any = None) -> None:
        message = {"type": type_, "id": id_, "payload": payload}
        given = {name: value for name, value in message.items() if value is not None}
        await self._send_text(orjson.dumps(given).decode())

    async def _send_text(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except WebSocketDisconnect as error:
            raise ClosedError(Close(error.code, by_peer=True)) from error


def _loop_time(moment: datetime | None) -> float | None:
    """Give a moment on the event loop's clock."""
    if moment is None:
        return None
    return asyncio.get_running_loop().time() + (moment - datetime.now(UTC)).total_seconds()
