"""GraphiQL, served from files of this package: nothing on the page comes from another host.

The files are built from ``web/graphiql`` (``make graphiql``) and named by their content.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

PATH: Final = "/graphiql"
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
    "connect-src 'self'; img-src 'self' data:; font-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def routes() -> list[BaseRoute]:
    """Give the routes of the page and its files.

    The page's style policy has a nonce, new in every answer, and no ``unsafe-inline``: Monaco,
    GraphiQL's editor, writes its theme into ``<style>`` elements, whose text is known only in the
    browser, so hashes could not name it (``web/graphiql/src/content-security-policy.ts``).
    """
    template = (_FOLDER / "index.html").read_text(encoding="utf-8")
    files = {path.name: path for path in (_FOLDER / "assets").iterdir()}

    async def page(_request: Request) -> Response:
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        headers = _headers(f" 'nonce-{nonce}'") | {"Cache-Control": "no-store"}
        return HTMLResponse(template.replace(_NONCE_PLACE, nonce), headers=headers)

    async def asset(request: Request) -> Response:
        path = files.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        headers = _headers() | {"Cache-Control": "public, max-age=31536000, immutable"}
        return FileResponse(path, headers=headers, media_type=_MEDIA_TYPES[path.suffix])

    return [Route(PATH, page), Route(f"{PATH}/assets/{{name}}", asset)]


def _headers(nonce: str = "") -> dict[str, str]:
    return {
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
