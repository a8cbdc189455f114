"""A small issuer on the loopback address, and the tokens that it might sign."""

import asyncio
import socket
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from serving import Server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.db.ids import new_id

AUDIENCE = "bank360"
# One key a type is enough, and making an RSA key takes long.
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"}, private=True)
# For signing what no issuer would sign.
_ANY_ALGORITHM = JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)


class Issuer:
    """Signs tokens and publishes its keys; ``asked`` counts the requests by path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[Key] = [RSA, EC, ED]
        self.asked: Counter[str] = Counter()
        self.metadata: Any = {
            "issuer": url,
            "jwks_uri": f"{url}/keys",
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
        }
        self.key_set: Any = None
        self.fails = False

    async def answer(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        if self.fails:
            return Response(status_code=500)
        if request.url.path == "/page":
            return Response("<p>Hello</p>")
        if request.url.path != "/keys":
            return JSONResponse(self.metadata)
        return JSONResponse(self.key_set or KeySet(self.keys).as_dict(private=False))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        whole = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "iat": now,
            "exp": now + 600,
            "staff_id": str(new_id()),
            "roles": ["TELLER"],
        } | changes
        return {name: value for name, value in whole.items() if value is not None}

    def token(
        self, key: Key = RSA, algorithm: str = "RS256", /, header: Any = None, **changes: Any
    ) -> str:
        """Sign a token; a change to None leaves the claim out."""
        whole = {"alg": algorithm, "kid": key.kid, **(header or {})}
        whole = {name: value for name, value in whole.items() if value is not None}
        with warnings.catch_warnings():
            # What an issuer had better not do is what is tried here.
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.encode(whole, self.claims(**changes), key, registry=_ANY_ALGORITHM)


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    listener = socket.create_server(("127.0.0.1", 0))
    issuer = Issuer("http://127.0.0.1:{1}".format(*listener.getsockname()))
    routes = [Route("/{path:path}", issuer.answer)]
    server = Server(uvicorn.Config(Starlette(routes=routes), log_config=None, ws="none"))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    try:
        yield issuer
    finally:
        server.should_exit = True
        await running
