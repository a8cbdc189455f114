"""Running one operation for one viewer: the same for every transport."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from asyncpg import QueryCanceledError
from graphql import ExecutionResult, GraphQLError

from app.auth.viewer import Viewer
from app.db.database import BusyError
from app.execution import Executor
from app.planner.errors import BAD_USER_INPUT, LIMIT_EXCEEDED, RefusedError, too_large
from app.request import BAD_REQUEST, GraphQLRequest
from app.resolvers.context import Context

_log = structlog.get_logger("bank360.operation")

RATE_LIMITED: Final = "RATE_LIMITED"
INTERNAL: Final = "INTERNAL_SERVER_ERROR"
# Clients choose the names of operations; a log line has room for the usual ones.
_NAME_LENGTH_MAX: Final = 100


@dataclass(frozen=True)
class Answer:
    """What the client is told: the response's body, and how far the operation came.

    ``executed`` tells an operation that began, whatever became of it, from one that was refused;
    ``failed`` tells a fault of ours that left nothing to show.
    """

    body: Mapping[str, Any]
    executed: bool
    failed: bool = False


@dataclass(frozen=True)
class Operations:
    """Runs operations."""

    executor: Executor
    context: Callable[[Viewer], Context]
    seconds_max: float

    async def run(self, asked: GraphQLRequest, viewer: Viewer, request_id: str) -> Answer:
        """Run one operation; every fault is an error of the answer, and none is raised."""
        context = self.context(viewer)
        try:
            async with asyncio.timeout(self.seconds_max):
                result, name = await self.executor.run(
                    asked.query, asked.variables, asked.operation_name, context
                )
        except TimeoutError:
            context.reader.cancel()
            refusal = too_large(f"the operation took longer than {self.seconds_max} seconds")
            result, name = ExecutionResult(None, [refusal]), None
        except Exception as error:  # noqa: BLE001  # What escapes would be logged with its values.
            _log.exception("failed", request_id=request_id, exc_info=error)
            return Answer({"errors": [_masked(request_id)]}, executed=False, failed=True)
        _log.info(
            "operation",
            request_id=request_id,
            role=viewer.role.value,
            operation=name and name[:_NAME_LENGTH_MAX],
            statements=context.reader.statements,
            errors=len(result.errors or ()),
        )
        return _answer(result, request_id)


def _answer(result: ExecutionResult, request_id: str) -> Answer:
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [_formatted(error, request_id) for error in result.errors]
    # Without an execution there is no "data" (GraphQL, section "Response format").
    executed = result.data is not None or not result.errors or any(e.path for e in result.errors)
    if executed:
        body["data"] = result.data
    return Answer(body, executed)


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
    the document; a value that we cannot write does not.
    """
    original = error.original_error
    if error.path is None:
        return original is None or isinstance(original, GraphQLError | ValueError)
    return isinstance(original, GraphQLError) and bool(original.nodes)


def _masked(request_id: str) -> dict[str, Any]:
    return {
        "message": f"internal error; tell us the request id {request_id}",
        "extensions": {"code": INTERNAL, "requestId": request_id},
    }
