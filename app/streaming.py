"""Running one subscription for one viewer: the same for every transport.

An event carries no data. Each subscriber is told what its selection shows of it with the rights of
that moment; those whose selection and rights are the same share one reading and one serialisation.
"""

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
import structlog
from graphql import ExecutionResult, FieldNode, GraphQLError, GraphQLField, VariableNode

from app.auth.permissions import Access
from app.auth.viewer import Viewer
from app.db.events import Event
from app.db.feed import Feed, Follower, Resync
from app.db.lending import BusyError
from app.db.reads import Exposed, ReadsNotRecordedError
from app.execution import Executor, Prepared
from app.metrics import Metrics
from app.operation import NAME_LENGTH_MAX, Answer, Operations, answered, failed
from app.planner.collecting import Collector
from app.planner.disclosure import Disclosure
from app.planner.enforcement import needs
from app.planner.errors import LIMIT_EXCEEDED, RefusedError
from app.planner.roots import ROOT, Stream
from app.request import GraphQLRequest
from app.resolvers.context import Context
from app.resolvers.following import (
    AFTER,
    Following,
    Happening,
    Position,
    UnseenError,
    read_position,
    unseen,
)

_log = structlog.get_logger("bank360.stream")

_DEFINITION: Final = "strawberry-definition"
# Rights may change at any moment, so what was read for one subscriber is soon not another's.
_SHARED_SECONDS: Final = 1.0
_SHARED_MAX: Final = 1_000
_ATTEMPTS_MAX: Final = 4
_BACKOFF_SECONDS: Final = 0.2
_PASSING: Final = (
    OSError,
    BusyError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.QueryCanceledError,
)

Verify = Callable[[], Awaitable[Viewer]]


class StreamBrokenError(Exception):
    """An event could not be read now: the client goes on from what it was told last."""


@dataclass(frozen=True)
class StreamLimits:
    """How many subscriptions one process has, and how often a silent one is looked after."""

    subscriptions_max: int
    subscriptions_of_viewer: int
    # A token that was revoked ends a silent stream within this time.
    check_seconds: float
    # A position that grows old while nothing happens would one day be too old to go on from.
    mark_seconds: float


@dataclass(frozen=True)
class _Shown:
    """What one event shows: the answers' bodies; ``ends`` when nothing more is to be told."""

    bodies: tuple[bytes, ...]
    parts: tuple[int, ...] = ()
    exposed: Exposed = field(default_factory=dict)
    ends: bool = False


@dataclass
class _Subscription:
    """One subscription that runs."""

    asked: GraphQLRequest
    prepared: Prepared
    request_id: str
    key: str
    definition: GraphQLField
    following: Following
    # What of the request may change what an event shows.
    shape: Hashable
    after: Position | None
    viewer: Viewer
    told: int = 0
    started: float = field(default_factory=perf_counter)

    @property
    def name(self) -> str | None:
        """The operation's name, cut to what logs and records have room for."""
        return self.prepared.name and self.prepared.name[:NAME_LENGTH_MAX]


@dataclass
class Streams:
    """Runs subscriptions; made once for a process."""

    operations: Operations
    feed: Feed
    limits: StreamLimits
    _running: Counter[UUID] = field(default_factory=Counter)
    _shared: "OrderedDict[Hashable, tuple[float, asyncio.Task[_Shown]]]" = field(
        default_factory=OrderedDict
    )

    @property
    def metrics(self) -> Metrics:
        """What this process counts."""
        return self.operations.metrics

    async def told(
        self, asked: GraphQLRequest, began: Answer, verify: Verify, request_id: str
    ) -> AsyncGenerator[Answer | bytes, None]:
        """Give what a subscription tells: bodies of answers as JSON, until it ends.

        A subscription that is refused gives one Answer. Raises what ``verify`` does once the
        viewer is nobody any more, and StreamBrokenError where the client has to come again.
        """
        assert began.subscription is not None
        viewer = await verify()
        opened = await self._opened(asked, began.subscription, viewer, request_id)
        if isinstance(opened, Answer):
            yield opened
            return
        self._running[viewer.id] += 1
        after = None if opened.after is None else opened.after.begins_after
        follower = self.feed.follow(opened.following.topics, after)
        outcome = "left"
        try:
            async for body in self._bodies(opened, follower, verify):
                opened.told += 1
                yield body
            outcome = "ended"
        except StreamBrokenError:
            outcome = "broken"
            raise
        finally:
            follower.close()
            self._running[viewer.id] -= 1
            if not self._running[viewer.id]:
                del self._running[viewer.id]
            self._record(opened, outcome)

    async def _opened(
        self, asked: GraphQLRequest, prepared: Prepared, viewer: Viewer, request_id: str
    ) -> _Subscription | Answer:
        refusal = self._refusal(viewer)
        if refusal is not None:
            return answered(ExecutionResult(None, [refusal]), request_id)
        context = self.operations.context_of(asked, viewer, request_id)
        try:
            async with asyncio.timeout(self.operations.seconds_max):
                return await self._followed(asked, prepared, context)
        except GraphQLError as error:
            return answered(ExecutionResult(None, [error]), request_id)
        except (TimeoutError, *_PASSING) as error:
            raise StreamBrokenError from error
        except Exception as error:  # noqa: BLE001  # What escapes would be logged with its values.
            _log.exception("failed", request_id=request_id, exc_info=error)
            return failed(request_id)
        finally:
            context.reader.cancel()

    def _refusal(self, viewer: Viewer) -> RefusedError | None:
        most = self.limits.subscriptions_of_viewer
        if self._running[viewer.id] >= most:
            message = f"you have {most} subscriptions at this server already"
            return RefusedError(message, LIMIT_EXCEEDED)
        if self._running.total() >= self.limits.subscriptions_max:
            return RefusedError("the server has too many subscriptions", LIMIT_EXCEEDED)
        return None

    async def _followed(
        self, asked: GraphQLRequest, prepared: Prepared, context: Context
    ) -> _Subscription | Answer:
        executor = self.operations.executor
        key, node, definition = _root_of(executor, prepared)
        access, _ = needs(definition).access(context.viewer)
        if access is not Access.CLEAR:
            # The field's own guard tells what is missing.
            denied = await self._executed(asked, prepared, context, None)
            body = {"errors": answered(denied, context.request_id).body["errors"]}
            return Answer(body, executed=False)
        assert prepared.variables is not None
        given = Collector(executor.schema, {}, prepared.variables).arguments(definition, node)
        stream = definition.extensions[_DEFINITION].metadata[ROOT]
        assert isinstance(stream, Stream)
        after = read_position(context, given)
        following = await stream.follow(context, given)
        if following is None:
            raise unseen(key)
        return _Subscription(
            asked,
            prepared,
            context.request_id,
            key,
            definition,
            following,
            _shape(asked, prepared, node),
            after,
            context.viewer,
        )

    async def _bodies(
        self, opened: _Subscription, follower: Follower, verify: Verify
    ) -> AsyncGenerator[bytes, None]:
        last = opened.after
        if last is None:
            yield await self._standing(opened, opened.viewer, Position(follower.position))
        silent_since = perf_counter()
        while True:
            found = await follower.next(self.limits.check_seconds)
            viewer = await verify()
            if isinstance(found, Event):
                shown = await self._shown(opened, viewer, found)
                for body, part in zip(shown.bodies, shown.parts, strict=True):
                    if last is not None and Position(found.position, part) <= last:
                        continue
                    yield body
                    silent_since = perf_counter()
                    self.metrics.streams.delivered(found.recorded_at)
                if shown.ends:
                    return
            elif found is not None:
                yield await self._standing(opened, viewer, found)
                silent_since = perf_counter()
            elif perf_counter() - silent_since > self.limits.mark_seconds:
                yield await self._standing(opened, viewer, Position(follower.position))
                silent_since = perf_counter()

    async def _standing(
        self, opened: _Subscription, viewer: Viewer, told: Position | Resync
    ) -> bytes:
        """Give the body that tells where the stream stands."""
        context = self.operations.context_of(opened.asked, viewer, opened.request_id)
        result = await self._executed(opened.asked, opened.prepared, context, told)
        return orjson.dumps(answered(result, opened.request_id).body)

    async def _shown(self, opened: _Subscription, viewer: Viewer, event: Event) -> _Shown:
        """Give what an event shows to a viewer, read for this one or for another like it."""
        key = (event.position, opened.shape, _rights(viewer))
        now = asyncio.get_running_loop().time()
        while self._shared:
            oldest = next(iter(self._shared.values()))[0]
            if oldest > now - _SHARED_SECONDS and len(self._shared) < _SHARED_MAX:
                break
            self._shared.popitem(last=False)
        known = self._shared.get(key)
        if known is None:
            known = now, asyncio.create_task(self._read(opened, viewer, event))
            self._shared[key] = known
        # It is read for others too, when this one leaves.
        shown = await asyncio.shield(known[1])
        if shown.exposed:
            reads = self.operations.reads
            try:
                await reads.record(viewer, shown.exposed, opened.name, opened.request_id)
            except ReadsNotRecordedError as error:
                raise StreamBrokenError from error
        return shown

    async def _read(self, opened: _Subscription, viewer: Viewer, event: Event) -> _Shown:
        """Read what an event shows, again where the database has just gone away."""
        for attempt in range(_ATTEMPTS_MAX):
            context = self.operations.context_of(opened.asked, viewer, opened.request_id)
            try:
                async with asyncio.timeout(self.operations.seconds_max):
                    return await self._told_of(opened, context, event)
            except _PASSING as error:
                if attempt == _ATTEMPTS_MAX - 1:
                    raise StreamBrokenError from error
            except Exception as error:
                _log.exception("failed", request_id=opened.request_id, exc_info=error)
                raise StreamBrokenError from error
            finally:
                context.reader.cancel()
            await asyncio.sleep(_BACKOFF_SECONDS * 2**attempt)
        raise AssertionError

    async def _told_of(self, opened: _Subscription, context: Context, event: Event) -> _Shown:
        access, _ = needs(opened.definition).access(context.viewer)
        if access is not Access.CLEAR:
            return await self._last(opened, context)
        try:
            happenings = await opened.following.tell(context, event)
        except UnseenError:
            error = unseen(opened.key)
            error.path = [opened.key]
            body = answered(ExecutionResult({opened.key: None}, [error]), context.request_id).body
            return _Shown((orjson.dumps(body),), (1,), ends=True)
        bodies = []
        exposed: dict[UUID | None, tuple[str, ...]] = {}
        for happening in happenings:
            # Each is an answer of its own, with its own masks and denials.
            own = replace(context, disclosure=Disclosure())
            result = await self._executed(opened.asked, opened.prepared, own, happening)
            bodies.append(orjson.dumps(answered(result, context.request_id).body))
            for customer, classes in own.disclosure.exposed.items():
                exposed[customer] = tuple(sorted({*exposed.get(customer, ()), *classes}))
        parts = tuple(each.part for each in happenings)
        ends = any(each.last for each in happenings)
        return _Shown(tuple(bodies), parts, exposed, ends)

    async def _last(self, opened: _Subscription, context: Context) -> _Shown:
        """Give the last answer to somebody who may not ask for this any more."""
        denied = await self._executed(opened.asked, opened.prepared, context, None)
        body = answered(denied, context.request_id).body
        return _Shown((orjson.dumps(body),), (1,), ends=True)

    async def _executed(
        self,
        asked: GraphQLRequest,
        prepared: Prepared,
        context: Context,
        told: Happening | Position | Resync | None,
    ) -> ExecutionResult:
        """Execute a subscription for what is told; raises what passes by itself."""
        result = await self.operations.executor.execute(
            prepared, asked.variables, asked.operation_name, context, told
        )
        for error in result.errors or ():
            if isinstance(error.original_error, _PASSING):
                raise error.original_error
        return result

    def _record(self, opened: _Subscription, outcome: str) -> None:
        viewer = opened.viewer
        _log.info(
            "subscription",
            request_id=opened.request_id,
            viewer=str(viewer.id),
            role=viewer.role.value,
            operation=opened.name,
            document=opened.prepared.document.digest,
            outcome=outcome,
            duration_ms=round((perf_counter() - opened.started) * 1000, 1),
            told=opened.told,
        )


def _root_of(executor: Executor, prepared: Prepared) -> tuple[str, FieldNode, GraphQLField]:
    """Give the one field that a subscription asks for, with the key of its answer."""
    type_ = executor.schema.subscription_type
    assert type_ is not None
    assert prepared.operation is not None
    assert prepared.variables is not None
    collector = Collector(executor.schema, prepared.document.fragments, prepared.variables)
    ((key, nodes),) = collector.fields([prepared.operation.selection_set], type_).items()
    return key, nodes[0], type_.fields[nodes[0].name.value]


def _shape(asked: GraphQLRequest, prepared: Prepared, node: FieldNode) -> Hashable:
    """Give what of a request may change what an event shows: all of it but where it begins."""
    assert prepared.variables is not None
    variables: Mapping[str, Any] = prepared.variables.coerced
    after = next((each.value for each in node.arguments or () if each.name.value == AFTER), None)
    if isinstance(after, VariableNode):
        name = after.name.value
        # Declared once and used once: nothing else depends on it.
        if len(re.findall(rf"\${name}\b", prepared.document.text)) == len(("declared", "used")):
            variables = {key: value for key, value in variables.items() if key != name}
    written = orjson.dumps(variables, default=str, option=orjson.OPT_SORT_KEYS)
    return prepared.document.digest, prepared.name, written, asked.language


def _rights(viewer: Viewer) -> Hashable:
    """Give what decides what a viewer sees: who it is, in which post, how surely known."""
    return viewer.id, viewer.role, viewer.strongly_authenticated, viewer.own_customer_id
