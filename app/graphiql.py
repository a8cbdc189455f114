"""GraphiQL, served from files of this package: nothing on the page comes from another host.

The files are built from ``web/graphiql`` (``make graphiql``) and named by their content.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

PATH: Final = "/graphiql"
# Where the issuer sends the browser with its code.
CALLBACK: Final = f"{PATH}/callback"
SIGN_IN: Final = f"{PATH}/sign-in"
_FOLDER: Final = Path(__file__).parent / "static" / "graphiql"
_NONCE_PLACE: Final = "CSP_NONCE"
_NONCE_BYTES: Final = 18
# Python asks the operating system for media types, and with "nosniff" a wrong one is fatal.
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".ttf": "font/ttf",
}
# Workers are held to the policy that comes with their own file, so every file carries one.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; worker-src 'self'; "
    "connect-src 'self'{issuer}; img-src 'self' data:; font-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Offer:
    """How people sign in with the issuer: OAuth 2.0, authorization code with PKCE.

    ``resource`` is what to name the API to an issuer that wants to be told (RFC 8707).
    """

    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    scope: str
    resource: str | None = None

    @property
    def token_origin(self) -> str:
        """The origin that the page exchanges its code with."""
        parts = urlsplit(self.token_endpoint)
        return f"{parts.scheme}://{parts.netloc}"


# Gives None where the page can only be given a token.
FindOffer = Callable[[Request], Awaitable[Offer | None]]


def routes(find_offer: FindOffer, *, customers: bool) -> list[BaseRoute]:
    """Give the routes of the page and its files; ``customers`` tells whether it is for them too.

    The page's style policy has a nonce, new in every answer, and no ``unsafe-inline``: Monaco,
    GraphiQL's editor, writes its theme into ``<style>`` elements, whose text is known only in the
    browser, so hashes could not name it (``web/graphiql/src/content-security-policy.ts``).
    """
    files = {path.name: path for path in (_FOLDER / "assets").iterdir()}

    async def page(request: Request) -> Response:
        offer = await find_offer(request)
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        issuer = "" if offer is None else f" {offer.token_origin}"
        template = "callback.html" if request.url.path == CALLBACK else "index.html"
        text = templates[template].replace(_NONCE_PLACE, nonce)
        headers = _headers(f" 'nonce-{nonce}'", issuer) | {"Cache-Control": "no-store"}
        return HTMLResponse(text, headers=headers)

    async def sign_in(request: Request) -> Response:
        offer = await find_offer(request)
        told = None
        if offer is not None:
            told = {
                "authorizationEndpoint": offer.authorization_endpoint,
                "tokenEndpoint": offer.token_endpoint,
                "clientId": offer.client_id,
                "scope": offer.scope,
                "resource": offer.resource,
            }
        headers = _headers() | {"Cache-Control": "no-store"}
        return JSONResponse({"offer": told, "customers": customers}, headers=headers)

    async def asset(request: Request) -> Response:
        path = files.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        headers = _headers() | {"Cache-Control": "public, max-age=31536000, immutable"}
        return FileResponse(path, headers=headers, media_type=_MEDIA_TYPES[path.suffix])

    templates = {path.name: path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.html")}
    return [
        Route(PATH, page),
        Route(CALLBACK, page),
        Route(SIGN_IN, sign_in),
        Route(f"{PATH}/assets/{{name}}", asset),
    ]


def _headers(nonce: str = "", issuer: str = "") -> dict[str, str]:
    return {
        "Content-Security-Policy": _POLICY.format(nonce=nonce, issuer=issuer),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
