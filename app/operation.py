"""Running one operation for one viewer: the same for every transport."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Final

import structlog
from asyncpg import QueryCanceledError
from graphql import ExecutionResult, GraphQLError, OperationType
from strawberry.exceptions import StrawberryInputCoercionError

from app.auth.viewer import Viewer
from app.db.lending import BusyError
from app.db.reads import Reads, ReadsNotRecordedError
from app.execution import Executor, Prepared
from app.metrics import Metrics
from app.persisted import PersistedQueries
from app.planner.errors import (
    BAD_USER_INPUT,
    LIMIT_EXCEEDED,
    RATE_LIMITED,
    RefusedError,
    too_large,
)
from app.rates import Rates, Spent
from app.request import BAD_REQUEST, GraphQLRequest
from app.resolvers.context import Context
from app.trusted import TrustedDocuments
from app.trusted import refusal as not_trusted

_log = structlog.get_logger("bank360.operation")

INTERNAL: Final = "INTERNAL_SERVER_ERROR"
# Clients choose the names of operations; a log line has room for the usual ones.
NAME_LENGTH_MAX: Final = 100
_RETRY_SECONDS: Final = 5
_NEEDS_STREAM: Final = (
    "a subscription is answered over WebSocket (graphql-transport-ws), or to a request with the"
    " header 'Accept: text/event-stream' or 'Accept: multipart/mixed;subscriptionSpec=1.0'"
)


@dataclass(frozen=True)
class Answer:
    """What the client is told: the response's body, and how far the operation came.

    ``executed`` tells an operation that began, whatever became of it, from one that was refused;
    ``failed`` tells a fault of ours that left nothing to show. ``headers`` and ``status`` are for
    transports that have them; without a ``status`` the rest decides it. With a ``subscription``
    there is nothing in the body yet: app.streaming gives what it tells.
    """

    body: Mapping[str, Any]
    executed: bool
    failed: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    subscription: Prepared | None = None

    @property
    def lasts(self) -> bool:
        """Whether others come after it."""
        return self.subscription is not None

    @property
    def codes(self) -> list[str]:
        """The codes of the errors."""
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]


@dataclass
class _Progress:
    """How far an operation came, for its log line and its metrics."""

    started: float = field(default_factory=perf_counter)
    document: str | None = None
    prepared: Prepared | None = None


@dataclass(frozen=True)
class Operations:
    """Runs operations."""

    executor: Executor
    context: Callable[[Viewer], Context]
    seconds_max: float
    rates: Rates
    reads: Reads
    persisted: PersistedQueries
    trusted: TrustedDocuments
    metrics: Metrics
    # Bound once: as configured when the application was made.
    log: Any = field(default_factory=_log.bind)

    async def run(
        self, asked: GraphQLRequest, viewer: Viewer, request_id: str, network: str = ""
    ) -> Answer:
        """Run one operation; every fault is an error of the answer, and none is raised.

        ``network`` is where it comes from (`app.addresses.network_of`), for rates. Cancelling the
        operation also cancels its SQL.
        """
        context = self.context_of(asked, viewer, request_id)
        progress = _Progress()
        try:
            async with asyncio.timeout(self.seconds_max):
                answer = await self._answer(asked, context, request_id, network, progress)
        except TimeoutError:
            context.reader.cancel()
            refusal = too_large(f"the operation took longer than {self.seconds_max} seconds")
            answer = answered(ExecutionResult(None, [refusal]), request_id)
        except asyncio.CancelledError:
            context.reader.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # What escapes would be logged with its values.
            _log.exception("failed", request_id=request_id, exc_info=error)
            answer = Answer({"errors": [_masked(request_id)]}, executed=False, failed=True)
        self._record(answer, context, request_id, progress)
        return answer

    def context_of(self, asked: GraphQLRequest, viewer: Viewer, request_id: str) -> Context:
        """Make the context of an operation, or of one event of a subscription."""
        context = self.context(viewer)
        context.request_id, context.language = request_id, asked.language
        context.reader.language = asked.language
        return context

    async def _answer(
        self,
        asked: GraphQLRequest,
        context: Context,
        request_id: str,
        network: str,
        progress: _Progress,
    ) -> Answer:
        viewer = context.viewer.id
        spent = self.rates.refusal(viewer, network)
        if spent is not None:
            return _limited(spent)
        text = await self._text(asked, context.viewer)
        if isinstance(text, RefusedError):
            spent = await self.rates.spend(viewer, network, 1, 0)
            # The status by which persisted queries' clients know that they are understood.
            answer = answered(ExecutionResult(None, [text]), request_id, spent.headers, 200)
            return _limited(spent) if spent.refusal else answer
        prepared = self.executor.prepare(text, asked.variables, asked.operation_name)
        if asked.read_only and prepared.kind == OperationType.MUTATION.value:
            # Known only now: a persisted query does not tell its kind.
            await self.rates.spend(viewer, network, 1, 0)
            return _not_by_get()
        progress.prepared = prepared
        progress.document = asked.digest or prepared.document.digest
        spent = await self.rates.spend(viewer, network, prepared.charge, prepared.look_ups)
        if spent.refusal is not None:
            answer = _limited(spent)
        else:
            if asked.digest and prepared.is_valid:
                await self.persisted.keep(asked.digest, text)
            answer = await self._executed(asked, prepared, context, request_id, spent.headers)
        return self._with_cost(answer, prepared, spent) if asked.reports_cost else answer

    async def _executed(
        self,
        asked: GraphQLRequest,
        prepared: Prepared,
        context: Context,
        request_id: str,
        headers: Mapping[str, str],
    ) -> Answer:
        if prepared.errors:
            return answered(ExecutionResult(None, list(prepared.errors)), request_id, headers)
        if prepared.kind == OperationType.SUBSCRIPTION.value:
            return _subscribed(asked, prepared, request_id, headers)
        result = await self.executor.execute(
            prepared, asked.variables, asked.operation_name, context
        )
        try:
            await self._record_reads(context, prepared.name, request_id)
        except ReadsNotRecordedError:
            return _unrecorded(request_id, headers)
        return answered(result, request_id, headers)

    def _with_cost(self, answer: Answer, prepared: Prepared, spent: Spent) -> Answer:
        """Tell in an answer what its operation costs, and what is left of the viewer's rate."""
        told: dict[str, Any] = {
            "requestedQueryCost": prepared.size.cost,
            "maximumQueryCost": self.executor.limits.cost,
        }
        balance = spent.balance
        if balance is not None:
            told["throttleStatus"] = {
                "maximumAvailable": balance.quota,
                "currentlyAvailable": balance.left,
                "resetSeconds": balance.seconds_left,
            }
        extensions = {**answer.body.get("extensions", {}), "cost": told}
        return replace(answer, body={**answer.body, "extensions": extensions})

    async def _record_reads(self, context: Context, name: str | None, request_id: str) -> None:
        """Record what the answer shows of personal data; it leaves only when that is durable."""
        exposed = context.disclosure.exposed
        if exposed:
            operation = name and name[:NAME_LENGTH_MAX]
            await self.reads.record(context.viewer, exposed, operation, request_id)

    async def _text(self, asked: GraphQLRequest, viewer: Viewer) -> str | RefusedError:
        """Give the document that is asked for, if the viewer may ask for it."""
        trusted = self.trusted.text(asked.document_id) if asked.document_id else None
        if trusted is not None:
            return trusted
        if self.trusted.binds(viewer) and not (asked.query and self.trusted.trusts(asked.query)):
            return not_trusted()
        if asked.query is not None:
            return asked.query
        return await self.persisted.find(asked.digest)

    def _record(
        self, answer: Answer, context: Context, request_id: str, progress: _Progress
    ) -> None:
        seconds = perf_counter() - progress.started
        prepared, reader, viewer = progress.prepared, context.reader, context.viewer
        kind = prepared.kind if prepared else None
        name = prepared.name if prepared else None
        outcome = _outcome(answer)
        codes = answer.codes
        self.metrics.operation(kind or "unknown", outcome, seconds, reader.statements)
        self.metrics.refused(codes)
        self.log.info(
            "operation",
            request_id=request_id,
            viewer=str(viewer.id),
            role=viewer.role.value,
            operation=name and name[:NAME_LENGTH_MAX],
            kind=kind,
            document=progress.document,
            outcome=outcome,
            duration_ms=round(seconds * 1000, 1),
            statements=reader.statements,
            look_ups=prepared.look_ups if prepared else 0,
            codes=sorted(set(codes)),
        )


def _outcome(answer: Answer) -> str:
    if answer.subscription is not None:
        return "began"
    if answer.failed:
        return "failed"
    if not answer.executed:
        return "refused"
    return "partial" if answer.codes else "complete"


def _not_by_get() -> Answer:
    """Refuse to change anything by GET (GraphQL over HTTP, section "GET")."""
    refusal = RefusedError("a mutation is sent by POST", BAD_REQUEST)
    body = {"errors": [refusal.formatted]}
    return Answer(body, executed=False, headers={"Allow": "POST"}, status=405)


def _subscribed(
    asked: GraphQLRequest, prepared: Prepared, request_id: str, headers: Mapping[str, str]
) -> Answer:
    """Let a subscription begin, where several answers can be told."""
    if not asked.streams:
        refusal = RefusedError(_NEEDS_STREAM, BAD_REQUEST)
        return answered(ExecutionResult(None, [refusal]), request_id, headers)
    return Answer({}, executed=True, headers=headers, subscription=prepared)


def _limited(spent: Spent) -> Answer:
    assert spent.refusal is not None
    body = {"errors": [spent.refusal.formatted]}
    return Answer(body, executed=False, headers=spent.headers, status=429)


def _unrecorded(request_id: str, headers: Mapping[str, str]) -> Answer:
    """Refuse an answer whose reads were not recorded: nothing of it is shown."""
    error = {
        "message": "what this shows could not be recorded, so it is not shown; try again",
        "extensions": {
            "code": INTERNAL,
            "requestId": request_id,
            "retryAfterSeconds": _RETRY_SECONDS,
        },
    }
    headers = {**headers, "Retry-After": str(_RETRY_SECONDS)}
    return Answer({"errors": [error]}, executed=False, failed=True, headers=headers, status=503)


def answered(
    result: ExecutionResult,
    request_id: str,
    headers: Mapping[str, str] | None = None,
    status: int | None = None,
) -> Answer:
    """Give a result as the client may see it."""
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [_formatted(error, request_id) for error in result.errors]
    # Without an execution there is no "data" (GraphQL, section "Response format").
    executed = result.data is not None or not result.errors or any(e.path for e in result.errors)
    if executed:
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return Answer(body, executed, headers=headers or {}, status=status)


def _formatted(error: GraphQLError, request_id: str) -> Mapping[str, Any]:
    """Give an error as the client may see it; ours are masked and logged under the request id."""
    shown = dict(error.formatted)
    if isinstance(error.original_error, RefusedError):
        shown["extensions"] = error.original_error.extensions
    elif isinstance(error, RefusedError):
        pass
    elif isinstance(error.original_error, QueryCanceledError):
        shown["message"] = "reading this took too long; ask for less at once"
        shown["extensions"] = {"code": LIMIT_EXCEEDED}
    elif isinstance(error.original_error, BusyError):
        shown["message"] = "the server is too busy; try again in a few seconds"
        shown["extensions"] = {"code": RATE_LIMITED}
    elif _is_of_the_document(error):
        code = BAD_USER_INPUT if error.path else BAD_REQUEST
        shown["extensions"] = {**(error.extensions or {}), "code": code}
    else:
        _log.error("failed", request_id=request_id, exc_info=error.original_error or error)
        shown |= _masked(request_id)
    return shown


def _is_of_the_document(error: GraphQLError) -> bool:
    """Tell the client's errors from ours.

    Parsing and validation have no path. Of those with one, a wrong argument names its place in
    the document; a value that we cannot write does not. Strawberry finds only late that an input
    which takes exactly one field was given none or two.
    """
    original = error.original_error
    if isinstance(original, StrawberryInputCoercionError):
        return True
    if error.path is None:
        return original is None or isinstance(original, GraphQLError | ValueError)
    return isinstance(original, GraphQLError) and bool(original.nodes)


def _masked(request_id: str) -> dict[str, Any]:
    return {
        "message": f"internal error; tell us the request id {request_id}",
        "extensions": {"code": INTERNAL, "requestId": request_id},
    }
