"""GraphQL over HTTP: one endpoint for queries, JSON in and out."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from asyncpg import QueryCanceledError
from graphql import ExecutionResult, GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.auth.tokens import TokenError
from app.auth.viewer import Viewer
from app.db.database import BusyError
from app.execution import BAD_REQUEST, Executor
from app.planner.errors import BAD_USER_INPUT, LIMIT_EXCEEDED, RefusedError, too_large
from app.resolvers.context import Context

_log = structlog.get_logger("bank360.http")

_JSON: Final = "application/json"
_RESPONSE_JSON: Final = "application/graphql-response+json"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
RATE_LIMITED: Final = "RATE_LIMITED"
INTERNAL: Final = "INTERNAL_SERVER_ERROR"
# Clients choose the names of operations; a log line has room for the usual ones.
_NAME_LENGTH_MAX: Final = 100


class HttpError(Exception):
    """A request that is refused before anything runs."""

    def __init__(self, status: int, message: str, code: str, **headers: str) -> None:
        """Take the status, the sentence and code of the GraphQL error, and extra headers."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class GraphQLRequest:
    """A checked request (GraphQL over HTTP, section "Request parameters")."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


@dataclass(frozen=True)
class Endpoint:
    """Answers ``/graphql``."""

    executor: Executor
    verify: Callable[[str], Viewer]
    context: Callable[[Viewer], Context]
    body_bytes_max: int
    seconds_max: float

    async def answer(self, request: Request) -> Response:
        """Answer one request; every refusal is a GraphQL error in JSON."""
        request_id = secrets.token_hex(8)
        try:
            media_type = _accepted(request)
            _check_method(request)
            viewer = self._viewer(request)
            asked = (
                _from_parameters(request)
                if request.method == "GET"
                else _parsed(await self._body(request))
            )
        except HttpError as error:
            _log.info("refused", request_id=request_id, status=error.status, code=error.code)
            refused = {"errors": [{"message": str(error), "extensions": {"code": error.code}}]}
            headers = error.headers | {"X-Request-Id": request_id}
            return Response(orjson.dumps(refused), error.status, headers, _JSON)
        except ClientDisconnect:
            return Response(status_code=499)
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
            failed = {"errors": [_masked(request_id)]}
            return Response(orjson.dumps(failed), 500, {"X-Request-Id": request_id}, _JSON)
        _log.info(
            "operation",
            request_id=request_id,
            role=viewer.role.value,
            operation=name and name[:_NAME_LENGTH_MAX],
            statements=context.reader.statements,
            errors=len(result.errors or ()),
        )
        return _response(result, media_type, request_id)

    def _viewer(self, request: Request) -> Viewer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            message = "sign in: send the header 'Authorization: Bearer <token>'"
            raise HttpError(401, message, UNAUTHENTICATED, WWW_Authenticate="Bearer")
        try:
            return self.verify(token.strip())
        except TokenError as error:
            challenge = 'Bearer error="invalid_token"'
            raise HttpError(401, str(error), UNAUTHENTICATED, WWW_Authenticate=challenge) from error

    async def _body(self, request: Request) -> bytes:
        content_type = request.headers.get("content-type", "")
        media, _, parameters = content_type.partition(";")
        charsets = [
            part.strip().removeprefix("charset=").strip('"')
            for part in parameters.lower().split(";")
            if part.strip().startswith("charset=")
        ]
        if media.strip().lower() != _JSON or charsets not in ([], ["utf-8"]):
            message = "the body must be JSON: send 'Content-Type: application/json' (UTF-8)"
            raise HttpError(415, message, BAD_REQUEST)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self.body_bytes_max:
                message = f"the body has more than {self.body_bytes_max} bytes"
                raise HttpError(413, message, LIMIT_EXCEEDED, Connection="close")
        return bytes(body)


def _check_method(request: Request) -> None:
    if request.method not in {"GET", "POST"}:
        message = "send a POST request, or a query by GET"
        raise HttpError(405, message, BAD_REQUEST, Allow="GET, POST")


def _accepted(request: Request) -> str:
    """Choose the response's media type; JSON unless the client names the newer one."""
    offers = []
    for part in request.headers.get("accept", "*/*").split(","):
        offer, _, parameters = part.partition(";")
        if parameters.replace(" ", "") not in {"q=0", "q=0.0"}:
            offers.append(offer.strip().lower())
    if _RESPONSE_JSON in offers:
        return _RESPONSE_JSON
    if any(offer in {_JSON, "application/*", "*/*", ""} for offer in offers):
        return _JSON
    message = f"answers come as {_JSON} or {_RESPONSE_JSON}"
    raise HttpError(406, message, BAD_REQUEST)


def _from_parameters(request: Request) -> GraphQLRequest:
    """Read a query from the address; nothing can be changed this way."""
    given: dict[str, Any] = {
        name: value for name, value in request.query_params.items() if value or name == "query"
    }
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _json(given[name].encode(), f"the parameter '{name}'")
    return _checked(given)


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"{what} is not valid JSON in UTF-8"
        raise HttpError(400, message, BAD_REQUEST) from error


def _parsed(body: bytes) -> GraphQLRequest:
    return _checked(_json(body, "the body"))


def _checked(given: Any) -> GraphQLRequest:
    if not isinstance(given, dict):
        message = "the body must be a JSON object with the field 'query'"
        raise HttpError(400, message, BAD_REQUEST)
    query, variables, name = (given.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str):
        message = "the field 'query' must be a text"
        raise HttpError(400, message, BAD_REQUEST)
    if variables is not None and not isinstance(variables, dict):
        message = "the field 'variables' must be an object"
        raise HttpError(400, message, BAD_REQUEST)
    if name is not None and not isinstance(name, str):
        message = "the field 'operationName' must be a text"
        raise HttpError(400, message, BAD_REQUEST)
    if not isinstance(given.get("extensions", {}), dict | None):
        message = "the field 'extensions' must be an object"
        raise HttpError(400, message, BAD_REQUEST)
    return GraphQLRequest(query, variables, name)


def _response(result: ExecutionResult, media_type: str, request_id: str) -> Response:
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [formatted(error, request_id) for error in result.errors]
    # Without an execution there is no "data" (GraphQL, section "Response format").
    began = result.data is not None or not result.errors or any(e.path for e in result.errors)
    if began:
        body["data"] = result.data
    status = 200 if began or media_type == _JSON else 400
    headers = {"X-Request-Id": request_id, "Cache-Control": "no-store"}
    return Response(orjson.dumps(body), status, headers, media_type)


def formatted(error: GraphQLError, request_id: str) -> Mapping[str, Any]:
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
