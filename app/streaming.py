"""Running one subscription for one viewer: the same for every transport."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter
from typing import Final
from uuid import UUID

import structlog
from graphql import ExecutionResult, FieldNode, GraphQLError, GraphQLField

from app.auth.permissions import Access
from app.auth.viewer import Viewer
from app.db.events import Event
from app.db.feed import Feed, Follower
from app.db.scope import NARROWED
from app.execution import Executor, Prepared
from app.metrics import Metrics
from app.operation import Answer, Operations, answered
from app.planner.collecting import Collector
from app.planner.enforcement import needs
from app.planner.errors import LIMIT_EXCEEDED, RefusedError
from app.planner.roots import ROOT, Stream
from app.planner.sharing import Sharing
from app.request import BAD_REQUEST, GraphQLRequest
from app.resolvers.context import Context
from app.resolvers.following import Position, read_position, unseen
from app.telling import StreamBrokenError, Subscription, Teller, execute, shape_of

_log = structlog.get_logger("bank360.stream")

_DEFINITION: Final = "strawberry-definition"

Verify = Callable[[], Awaitable[Viewer]]


@dataclass(frozen=True)
class StreamLimits:
    """How many subscriptions one process has, and how often a silent one is looked after."""

    subscriptions_max: int
    subscriptions_of_viewer: int
    # A token that was revoked ends a silent stream within this time.
    check_seconds: float
    # A position that grows old while nothing happens would one day be too old to go on from.
    mark_seconds: float


@dataclass
class Streams:
    """Runs subscriptions; made once for a process."""

    operations: Operations
    feed: Feed
    limits: StreamLimits
    _running: Counter[UUID] = field(default_factory=Counter)

    @property
    def metrics(self) -> Metrics:
        """What this process counts."""
        return self.operations.metrics

    @cached_property
    def _teller(self) -> Teller:
        return Teller(self.operations)

    async def told(
        self, asked: GraphQLRequest, began: Answer, verify: Verify, request_id: str
    ) -> AsyncGenerator[Answer | str, None]:
        """Give what a subscription tells: bodies of answers as JSON, until it ends.

        A subscription that is refused gives one Answer. Raises what ``verify`` does once the
        viewer is nobody any more, and StreamBrokenError where the client has to come again.
        """
        assert began.subscription is not None
        if not self.feed.is_ready:
            raise StreamBrokenError
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
            _record(opened, outcome)

    async def _opened(
        self, asked: GraphQLRequest, prepared: Prepared, viewer: Viewer, request_id: str
    ) -> Subscription | Answer:
        refusal = self._refusal(viewer)
        if refusal is not None:
            return answered(ExecutionResult(None, [refusal]), request_id)
        context = self.operations.context_of(asked, viewer, request_id)
        try:
            async with asyncio.timeout(self.operations.seconds_max):
                return await self._followed(asked, prepared, context)
        except GraphQLError as error:
            return answered(ExecutionResult(None, [error]), request_id)
        except Exception as error:
            # Whether the database is away or the fault is ours: the client comes again.
            _log.warning("a subscription did not begin", request_id=request_id, exc_info=error)
            raise StreamBrokenError from error
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
    ) -> Subscription | Answer:
        executor = self.operations.executor
        key, node, definition = _root_of(executor, prepared)
        needed = needs(definition)
        access, _ = needed.access(context.viewer)
        if access is not Access.CLEAR:
            # The field's own guard tells what is missing.
            denied = await execute(self.operations, asked, prepared, context, None)
            errors = answered(denied, context.request_id).body["errors"]
            return Answer({"errors": errors}, executed=False)
        assert prepared.variables is not None
        given = Collector(executor.schema, {}, prepared.variables).arguments(definition, node)
        stream = definition.extensions[_DEFINITION].metadata[ROOT]
        assert isinstance(stream, Stream)
        after = read_position(context, given)
        following = await stream.follow(context, given)
        if following is None:
            raise unseen(key)
        sharing = Sharing(executor.schema, prepared.document.fragments, NARROWED)
        return Subscription(
            # The document is known already.
            replace(asked, query=None),
            prepared,
            context.request_id,
            key,
            needed,
            following,
            shape_of(asked, prepared, node),
            sharing.is_alike(node, definition.type),
            after,
            context.viewer,
        )

    async def _bodies(
        self, opened: Subscription, follower: Follower, verify: Verify
    ) -> AsyncGenerator[str, None]:
        last, teller = opened.after, self._teller
        if last is None:
            yield await teller.standing(opened, opened.viewer, Position(follower.position))
        silent_since = perf_counter()
        while True:
            found = await follower.next(self.limits.check_seconds)
            viewer = await verify()
            if isinstance(found, Event):
                shown = await teller.shown(opened, viewer, found)
                for part, body in shown.bodies:
                    if last is not None and Position(found.position, part) <= last:
                        continue
                    yield body
                    silent_since = perf_counter()
                    self.metrics.streams.delivered(found.recorded_at)
                if shown.ends:
                    return
            elif found is not None:
                yield await teller.standing(opened, viewer, found)
                silent_since = perf_counter()
            elif perf_counter() - silent_since > self.limits.mark_seconds:
                yield await teller.standing(opened, viewer, Position(follower.position))
                silent_since = perf_counter()


def _record(opened: Subscription, outcome: str) -> None:
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
    found = collector.fields([prepared.operation.selection_set], type_)
    if not found:
        message = "the subscription leaves out the only field that it has"
        raise RefusedError(message, BAD_REQUEST)
    ((key, nodes),) = found.items()
    return key, nodes[0], type_.fields[nodes[0].name.value]
