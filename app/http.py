"""GraphQL over HTTP: one endpoint for operations, JSON in, JSON or an event stream out."""

import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Final

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.accept import has_parameter, preferred, preferred_language
from app.addresses import network_of
from app.auth.refusals import ActingRoleError, IssuerUnavailableError, TokenError
from app.auth.viewer import ACTING_ROLE_HEADER, Viewer
from app.bodies import BodyTooLongError, read_bounded
from app.long_response import CutShortError, Results
from app.multipart import MULTIPART, SPEC, SPEC_VERSION, Multipart
from app.operation import INTERNAL, Answer, Operations
from app.planner.errors import FORBIDDEN, LIMIT_EXCEEDED, RATE_LIMITED
from app.rates import Spent
from app.request import (
    BAD_REQUEST,
    GraphQLRequest,
    RequestError,
    bearer_token,
    check_request,
    read_json,
)
from app.sse import EVENT_STREAM, EventStream
from app.streaming import Streams
from app.telling import StreamBrokenError

_log = structlog.get_logger("bank360.http")

_JSON: Final = "application/json"
_RESPONSE_JSON: Final = "application/graphql-response+json"
_MEDIA_TYPES: Final = (_JSON, _RESPONSE_JSON, EVENT_STREAM)
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
RETRY_SECONDS: Final = "10"
# Those who cannot send extensions with a request, such as GraphiQL, ask by a header.
COST_HEADER: Final = "graphql-cost"
_ACTING_ROLE: Final = ACTING_ROLE_HEADER.lower()
# Clients send the same few headers again and again.
_KNOWN_MAX: Final = 200


@dataclass(frozen=True)
class Endpoint:
    """Answers ``/graphql``."""

    streams: Streams
    verify: Callable[[str, str | None], Awaitable[Viewer]]
    body_bytes_max: int
    keep_alive_seconds: float

    @property
    def operations(self) -> Operations:
        """What runs operations."""
        return self.streams.operations

    async def answer(self, request: Request) -> Response:
        """Answer one request; every refusal is a GraphQL error in JSON."""
        request_id = secrets.token_hex(8)
        headers = _headers(request)
        network, viewer = network_of(request), None
        try:
            media_type = _accepted(headers)
            _check_method(request)
            viewer = await self._viewer(headers)
            asked = (
                _from_parameters(request)
                if request.method == "GET"
                else check_request(read_json(await self._body(request, headers), "the body"))
            )
            asked = replace(
                asked,
                read_only=request.method == "GET",
                language=preferred_language(headers.get("accept-language", "")),
                reports_cost=asked.reports_cost or headers.get(COST_HEADER) == "report",
                streams=media_type == EVENT_STREAM or _takes_parts(headers),
            )
        except RequestError as error:
            return await self._refused(error, viewer, network, request_id)
        except ClientDisconnect:
            return Response(status_code=499)
        run = partial(self.operations.run, asked, viewer, request_id, network)
        if media_type == EVENT_STREAM:
            results = self._results(asked, run, headers, request_id)
            return EventStream(results, self.keep_alive_seconds, request_id, request.scope)
        answer = await run()
        if answer.subscription is None and media_type != MULTIPART:
            return _response(answer, media_type, request_id)
        told = self._told(asked, answer, headers, request_id)
        return Multipart(told, self.keep_alive_seconds, request_id, request.scope)

    async def _results(
        self,
        asked: GraphQLRequest,
        run: Callable[[], Coroutine[Any, Any, Answer]],
        headers: Mapping[str, str],
        request_id: str,
    ) -> Results:
        """Run an operation, and give all that it tells."""
        async with aclosing(self._told(asked, await run(), headers, request_id)) as told:
            async for result in told:
                yield result

    async def _told(
        self, asked: GraphQLRequest, answer: Answer, headers: Mapping[str, str], request_id: str
    ) -> Results:
        """Give an answer, or what a subscription tells until it ends or the viewer is nobody."""
        yield answer
        if answer.subscription is None:
            return
        verify = partial(self._viewer, headers)
        told = self.streams.told(asked, answer, verify, request_id)
        try:
            async with aclosing(told):
                async for result in told:
                    yield result
        except StreamBrokenError as error:
            raise CutShortError from error
        except RequestError as error:
            self.operations.metrics.refused([error.code])
            yield Answer({"errors": [_error(error)]}, executed=False)

    async def _refused(
        self, error: RequestError, viewer: Viewer | None, network: str, request_id: str
    ) -> Response:
        """Refuse a request; those that come too often are told to wait instead."""
        rates, spent = self.operations.rates, Spent()
        if viewer is not None:
            spent = await rates.spend(viewer.id, network, 1, 0)
        elif error.code == UNAUTHENTICATED:
            spent = await rates.spend_unauthenticated(network)
        if spent.refusal is not None:
            error = RequestError(429, spent.refusal.message, RATE_LIMITED)
        self.operations.metrics.refused([error.code])
        _log.info("refused", request_id=request_id, status=error.status, code=error.code)
        refused = {"errors": [_error(error)]}
        headers = {**error.headers, **spent.headers, "X-Request-Id": request_id}
        return Response(orjson.dumps(refused), error.status, headers, _JSON)

    async def _viewer(self, headers: Mapping[str, str]) -> Viewer:
        token = bearer_token(headers.get("authorization", ""))
        if not token:
            message = "sign in: send the header 'Authorization: Bearer <token>'"
            raise RequestError(401, message, UNAUTHENTICATED, WWW_Authenticate="Bearer")
        try:
            return await self.verify(token, headers.get(_ACTING_ROLE))
        except TokenError as error:
            challenge = 'Bearer error="invalid_token"'
            raise RequestError(
                401, str(error), UNAUTHENTICATED, WWW_Authenticate=challenge
            ) from error
        except ActingRoleError as error:
            refusal = RequestError(403, str(error), FORBIDDEN)
            refusal.extensions = {"code": FORBIDDEN, "roles": error.roles}
            raise refusal from error
        except IssuerUnavailableError as error:
            raise RequestError(503, str(error), INTERNAL, Retry_After=RETRY_SECONDS) from error

    async def _body(self, request: Request, headers: Mapping[str, str]) -> bytes:
        if not _is_json(headers.get("content-type", "")):
            message = "the body must be JSON: send 'Content-Type: application/json' (UTF-8)"
            raise RequestError(415, message, BAD_REQUEST)
        try:
            return await read_bounded(request.stream(), self.body_bytes_max)
        except BodyTooLongError as error:
            message = f"the body has {error}"
            raise RequestError(413, message, LIMIT_EXCEEDED, Connection="close") from error


def _error(error: RequestError) -> Mapping[str, Any]:
    return {"message": str(error), "extensions": error.extensions}


def _takes_parts(headers: Mapping[str, str]) -> bool:
    """Tell whether the client reads subscriptions from a multipart response."""
    return has_parameter(headers.get("accept", ""), MULTIPART, SPEC, SPEC_VERSION)


def _headers(request: Request) -> Mapping[str, str]:
    """Give the headers by their names in small letters; several lines mean one list."""
    found: dict[str, str] = {}
    for name, value in request.scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


@lru_cache(_KNOWN_MAX)
def _is_json(content_type: str) -> bool:
    """Tell whether a body comes as JSON in UTF-8, by its header ``Content-Type``."""
    media, _, parameters = content_type.partition(";")
    charsets = [
        part.strip().removeprefix("charset=").strip('"')
        for part in parameters.lower().split(";")
        if part.strip().startswith("charset=")
    ]
    return media.strip().lower() == _JSON and charsets in ([], ["utf-8"])


def _check_method(request: Request) -> None:
    if request.method not in {"GET", "POST"}:
        message = "send a POST request, or a query by GET"
        raise RequestError(405, message, BAD_REQUEST, Allow="GET, POST")


def _accepted(headers: Mapping[str, str]) -> str:
    """Choose the response's media type by the header ``Accept``."""
    media_type = preferred(headers.get("accept", ""), _MEDIA_TYPES)
    if media_type is None and _takes_parts(headers):
        return MULTIPART
    if media_type is None:
        message = f"answers come as {', '.join(_MEDIA_TYPES[:-1])} or {_MEDIA_TYPES[-1]}"
        raise RequestError(406, message, BAD_REQUEST)
    return media_type


def _from_parameters(request: Request) -> GraphQLRequest:
    """Read a query from the address; nothing can be changed this way."""
    given: dict[str, Any] = {
        name: value for name, value in request.query_params.items() if value or name == "query"
    }
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = read_json(given[name].encode(), f"the parameter '{name}'")
    return check_request(given)


def _response(answer: Answer, media_type: str, request_id: str) -> Response:
    status = 500 if answer.failed else 200 if answer.executed or media_type == _JSON else 400
    headers = {**answer.headers, "X-Request-Id": request_id, "Cache-Control": "no-store"}
    return Response(orjson.dumps(answer.body), answer.status or status, headers, media_type)
