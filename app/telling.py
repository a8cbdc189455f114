"""What one event shows to one subscriber, read once for all whom it shows the same.

An event carries no data. Each subscriber is told what its selection shows of it with the rights of
that moment.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeVar

import orjson
import structlog
from graphql import ExecutionResult, FieldNode, GraphQLError, VariableNode

from app.auth.permissions import Access
from app.auth.viewer import Viewer
from app.db.events import Event
from app.db.feed import Resync
from app.db.reads import Exposed, ReadsNotRecordedError
from app.execution import Prepared
from app.operation import NAME_LENGTH_MAX, Answer, Operations, answered
from app.planner.enforcement import Needs
from app.request import GraphQLRequest
from app.resolvers.context import Context
from app.resolvers.following import AFTER, Following, Happening, Position, UnseenError, unseen

_log = structlog.get_logger("bank360.stream")

# Rights may change at any moment, so what was read for one subscriber is soon not another's.
_SHARED_SECONDS: Final = 1.0
_SHARED_MAX: Final = 1_000
_ATTEMPTS_MAX: Final = 4
_BACKOFF_SECONDS: Final = 0.2
T = TypeVar("T")


class FaultError(Exception):
    """Something of an event could not be read, for a fault that is not the client's."""


class StreamBrokenError(Exception):
    """An event could not be read now: the client goes on from what it was told last."""


@dataclass(frozen=True)
class Shown:
    """What one event shows: the answers' bodies by their parts; nothing more where it ``ends``."""

    bodies: tuple[tuple[int, str], ...]
    ends: bool = False


@dataclass
class Subscription:
    """One subscription that runs.

    ``shape`` is what of the request may change what an event shows. Where it ``is_alike``, all
    whom an event is told in one post are shown the same.
    """

    asked: GraphQLRequest
    prepared: Prepared
    request_id: str
    key: str
    needs: Needs
    following: Following
    shape: Hashable
    is_alike: bool
    after: Position | None
    viewer: Viewer
    told: int = 0
    started: float = field(default_factory=perf_counter)

    @property
    def name(self) -> str | None:
        """The operation's name, cut to what logs and records have room for."""
        return self.prepared.name and self.prepared.name[:NAME_LENGTH_MAX]


@dataclass(frozen=True)
class _Body:
    text: str
    exposed: Exposed


@dataclass
class Teller:
    """Reads what events show; one for a process."""

    operations: Operations
    _shared: "OrderedDict[Hashable, tuple[float, asyncio.Task[_Body]]]" = field(
        default_factory=OrderedDict
    )

    async def shown(self, opened: Subscription, viewer: Viewer, event: Event) -> Shown:
        """Give what an event shows to a viewer, once it is recorded that it does.

        Raises StreamBrokenError.
        """
        access, _ = opened.needs.access(viewer)
        if access is not Access.CLEAR:
            # The field's own guard says what is missing now.
            body = await self._again(opened, lambda: self._body(opened, viewer, None))
            return Shown(((1, body.text),), ends=True)
        try:
            found = await self._again(opened, lambda: self._told(opened, viewer, event))
        except UnseenError:
            error = unseen(opened.key)
            error.path = [opened.key]
            ended = answered(ExecutionResult({opened.key: None}, [error]), opened.request_id)
            return Shown(((1, _text(ended)),), ends=True)
        bodies = [(each.part, await self._shared_body(opened, viewer, each)) for each in found]
        return Shown(tuple(bodies), any(each.last for each in found))

    async def standing(self, opened: Subscription, viewer: Viewer, told: Position | Resync) -> str:
        """Give the body that tells where the stream stands."""
        return (await self._again(opened, lambda: self._body(opened, viewer, told))).text

    async def _told(self, opened: Subscription, viewer: Viewer, event: Event) -> Any:
        # What it asks of the database is bounded there.
        context = self.operations.context_of(opened.asked, viewer, opened.request_id)
        return await opened.following.tell(context, event)

    async def _shared_body(self, opened: Subscription, viewer: Viewer, told: Happening) -> str:
        """Give what is shown of a happening, read for this viewer or for another like it."""
        shares = opened.is_alike and not told.personal
        rights = _of_post(viewer) if shares else _of_person(viewer)
        key = (told.position, told.what, opened.shape, rights)
        now = asyncio.get_running_loop().time()
        self._forget(now)
        known = self._shared.get(key)
        if known is None:
            read = self._again(opened, lambda: self._body(opened, viewer, told))
            known = self._shared[key] = now, asyncio.create_task(read)
            known[1].add_done_callback(partial(self._drop_failed, key))
        reading = known[1]
        # It is read for others too, when this one leaves.
        body = reading.result() if reading.done() else await asyncio.shield(reading)
        if body.exposed:
            reads = self.operations.reads
            try:
                await reads.record(viewer, body.exposed, opened.name, opened.request_id)
            except ReadsNotRecordedError as error:
                raise StreamBrokenError from error
        return body.text

    def _drop_failed(self, key: Hashable, read: "asyncio.Task[_Body]") -> None:
        """Let whoever comes again try again."""
        if read.cancelled() or read.exception() is not None:
            self._shared.pop(key, None)

    def _forget(self, now: float) -> None:
        while self._shared:
            oldest = next(iter(self._shared.values()))[0]
            if oldest > now - _SHARED_SECONDS and len(self._shared) < _SHARED_MAX:
                return
            self._shared.popitem(last=False)

    async def _again(self, opened: Subscription, work: Callable[[], Awaitable[T]]) -> T:
        """Await work, again where it fails, as when the database has just gone away."""
        for attempt in range(_ATTEMPTS_MAX):
            try:
                return await work()
            except UnseenError:
                raise
            except Exception as error:
                if attempt == _ATTEMPTS_MAX - 1:
                    # Of one that does not pass by itself the log must tell.
                    _log.warning(
                        "an event was not read", request_id=opened.request_id, exc_info=error
                    )
                    raise StreamBrokenError from error
            await asyncio.sleep(_BACKOFF_SECONDS * 2**attempt)
        raise AssertionError

    async def _body(
        self, opened: Subscription, viewer: Viewer, told: Happening | Position | Resync | None
    ) -> _Body:
        """Execute a subscription for what is told, with loaders and masks of its own."""
        context = self.operations.context_of(opened.asked, viewer, opened.request_id)
        try:
            async with asyncio.timeout(self.operations.seconds_max):
                result = await execute(
                    self.operations, opened.asked, opened.prepared, context, told
                )
        finally:
            context.reader.cancel()
        body = _text(answered(result, opened.request_id))
        return _Body(body, context.disclosure.exposed)


async def execute(
    operations: Operations,
    asked: GraphQLRequest,
    prepared: Prepared,
    context: Context,
    told: Happening | Position | Resync | None,
) -> ExecutionResult:
    """Execute a subscription for what is told; raises FaultError for a fault of ours.

    An event of which a part is missing must not be told: the client would take it for the whole.
    """
    result = await operations.executor.execute(
        prepared, asked.variables, asked.operation_name, context, told
    )
    for error in result.errors or ():
        original = error.original_error
        if original is not None and not isinstance(original, GraphQLError):
            raise FaultError from original
    return result


def shape_of(asked: GraphQLRequest, prepared: Prepared, node: FieldNode) -> Hashable:
    """Give what of a request may change what an event shows: all of it but where it begins."""
    assert prepared.variables is not None
    variables: Mapping[str, Any] = prepared.variables.coerced
    after = next((each.value for each in node.arguments or () if each.name.value == AFTER), None)
    if isinstance(after, VariableNode):
        name = after.name.value
        # Declared once and used once: nothing else depends on it.
        if len(re.findall(rf"\${name}\b", prepared.document.text)) == len(("declared", "used")):
            variables = {key: value for key, value in variables.items() if key != name}
    written = orjson.dumps(variables, default=str, option=orjson.OPT_SORT_KEYS).decode()
    return prepared.document.digest, prepared.name, written, asked.language


def _text(answer: Answer) -> str:
    # As a text it takes no more room than it needs, where orjson's bytes take 4 KB.
    return orjson.dumps(answer.body).decode()


def _of_person(viewer: Viewer) -> Hashable:
    """Give what decides what a viewer sees: who it is, in which post, how surely known."""
    return viewer.id, viewer.role, viewer.strongly_authenticated, viewer.own_customer_id


def _of_post(viewer: Viewer) -> Hashable:
    """Give what decides what somebody sees of a customer who is in scope."""
    return viewer.role, viewer.strongly_authenticated
