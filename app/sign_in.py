"""The demo's own issuer: OpenID Connect for one machine, where no real issuer is configured.

`app.auth.authorization` has the protocol. Everything here answers this machine alone, whatever
address the server listens on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app import graphiql
from app.auth.authorization import (
    GRAPHIQL,
    SCOPES,
    Asked,
    Authorization,
    Granted,
    OAuth2Error,
    Person,
)
from app.auth.permissions import Role
from app.auth.tokens import ALGORITHM, STRONG, TokenKey
from app.bodies import BodyTooLongError, read_bounded
from app.db import codes, people
from app.db.crypto import KeyRing
from app.db.redis import Redis
from app.sign_in_page import CHOICE, NOBODY, headers, people_page, refusal_page
from app.sign_in_page import STRONG as STRONG_BOX

_log = structlog.get_logger("bank360.sign_in")

DISCOVERY: Final = "/.well-known/openid-configuration"
KEYS: Final = "/.well-known/jwks.json"
AUTHORIZE: Final = "/oauth/authorize"
TOKEN: Final = "/oauth/token"  # noqa: S105  # An address.
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_BYTES_MAX: Final = 16_384
_CUSTOMERS_SHOWN: Final = 3
_SEVERAL_POSTS_SHOWN: Final = 3
_SEE_OTHER: Final = 303

Answer = Callable[[Request], Awaitable[Response]]


class NotAFormError(Exception):
    """A body that no form sends."""


@dataclass(frozen=True)
class DemoIssuer:
    """Answers the addresses of the demo's issuer."""

    key: TokenKey
    audience: str
    dsn: str
    ring: KeyRing
    redis: Redis

    def routes(self) -> list[BaseRoute]:
        """Give the routes: discovery, keys, the sign-in page, and the token endpoint."""
        return [
            Route(DISCOVERY, _for_this_machine(self._metadata)),
            Route(KEYS, _for_this_machine(self._key_set)),
            Route(AUTHORIZE, _for_this_machine(self._authorize), methods=["GET", "POST"]),
            Route(TOKEN, _for_this_machine(self._token), methods=["POST"]),
        ]

    async def offer(self, request: Request) -> graphiql.Offer:
        """Tell GraphiQL how its users sign in."""
        issuer = _issuer(request)
        return graphiql.Offer(issuer + AUTHORIZE, issuer + TOKEN, GRAPHIQL, " ".join(SCOPES))

    async def _metadata(self, request: Request) -> Response:
        issuer = _issuer(request)
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": issuer + AUTHORIZE,
                "token_endpoint": issuer + TOKEN,
                "jwks_uri": issuer + KEYS,
                "scopes_supported": SCOPES,
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code"],
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "acr_values_supported": [STRONG],
                "claims_supported": ["sub", "name", "role", "acr", "auth_time", "nonce"],
            }
        )

    async def _key_set(self, _request: Request) -> Response:
        return JSONResponse(self.key.jwk_set())

    async def _authorize(self, request: Request) -> Response:
        try:
            text = request.url.query if request.method == "GET" else await _form(request)
            asked = self._server(request).asked(request.method, text)
        except NotAFormError as error:
            return HTMLResponse(refusal_page(str(error)), 400, headers())
        except OAuth2Error as error:
            if error.redirect_uri:
                location = dict(error()[2])["Location"]
                return RedirectResponse(location, _SEE_OTHER, headers())
            reason = error.description or error.error
            return HTMLResponse(refusal_page(reason), 400, headers())
        if request.method == "GET":
            return await self._people(asked)
        return await self._chosen(request, asked)

    async def _people(self, asked: Asked) -> Response:
        found = await people.demo_people(
            self.dsn, self.ring, customers=_CUSTOMERS_SHOWN, several_posts=_SEVERAL_POSTS_SHOWN
        )
        page = people_page(found, asked.parameters, asked.client_id, strong=asked.wants_strong)
        return HTMLResponse(page, headers=headers(asked.redirect_uri))

    async def _chosen(self, request: Request, asked: Asked) -> Response:
        # Whoever makes a browser send this form from another page would choose who is signed in.
        # A browser too old to say where a form comes from names the origin; a newer one does not
        # always, because this page lets none be told.
        own = str(request.base_url).rstrip("/")
        from_here = request.headers.get("origin", own) == own
        site = request.headers.get("sec-fetch-site", "none" if from_here else "cross-site")
        if site not in {"same-origin", "none"}:
            reason = "This form was sent by another page."
            return HTMLResponse(refusal_page(reason), 403, headers())
        choice = asked.parameters.get(CHOICE, "")
        person = None
        if choice != NOBODY:
            strong = STRONG_BOX in asked.parameters
            person = await self._person(choice, strong=strong)
            if person is None:
                reason = "Nobody in this bank has that id and role."
                return HTMLResponse(refusal_page(reason), 400, headers())
        code, granted, location = asked.granted(person)
        if granted is not None:
            await codes.put(self.redis, code, granted.as_json())
            _log.info("signed in", role=granted.person.role.value, client=asked.client_id)
        return RedirectResponse(location, _SEE_OTHER, headers(asked.redirect_uri))

    async def _person(self, choice: str, *, strong: bool) -> Person | None:
        name, _, identity = choice.partition(".")
        try:
            role, person_id = Role[name], UUID(identity)
        except (KeyError, ValueError):
            return None
        found = await people.find_person(self.dsn, role, str(person_id), self.ring)
        if found is None:
            return None
        return Person(found.id, found.name or found.number, role, found.roles, strong)

    async def _token(self, request: Request) -> Response:
        try:
            text = await _form(request)
        except NotAFormError as error:
            refused = {"error": "invalid_request", "error_description": str(error)}
            return JSONResponse(refused, 400, {"Cache-Control": "no-store"})
        (code,) = parse_qs(text).get("code", [""])[:1]
        kept = await codes.take(self.redis, code)
        granted = None if kept is None else Granted.from_json(kept)
        status, body, given = self._server(request).redeemed(text, granted)
        return JSONResponse(body, status, {**dict(given), "Cache-Control": "no-store"})

    def _server(self, request: Request) -> Authorization:
        issuer = _issuer(request)
        return Authorization(self.key, issuer, issuer + graphiql.CALLBACK, self.audience)


def _issuer(request: Request) -> str:
    """Give the issuer's address, which is the one that it is asked under."""
    return str(request.base_url).rstrip("/")


async def _form(request: Request) -> str:
    """Read a form as it was sent; raises NotAFormError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        message = f"send a form ({_FORM})"
        raise NotAFormError(message)
    try:
        return (await read_bounded(request.stream(), _FORM_BYTES_MAX)).decode("ascii")
    except BodyTooLongError as error:
        message = f"the form has {error}"
        raise NotAFormError(message) from error
    except UnicodeDecodeError as error:
        message = "the form has characters that are not encoded"
        raise NotAFormError(message) from error


def _for_this_machine(answer: Answer) -> Answer:
    """Answer only who asks from this machine, and by a name of it.

    The name shuts out pages whose host was pointed to the loopback address (DNS rebinding), and
    whoever comes through a proxy on this machine.
    """

    async def guarded(request: Request) -> Response:
        client: Any = request.client
        if is_loopback(client and client.host) and is_loopback(request.url.hostname):
            return await answer(request)
        reason = "The demo's sign-in answers this machine alone; BANK360_ISSUER names a real one."
        return HTMLResponse(refusal_page(reason), 403, headers())

    return guarded


def is_loopback(host: str | None) -> bool:
    """Tell whether a name or an address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
