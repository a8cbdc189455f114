"""The keys of an OpenID Connect issuer: found by discovery, kept, and asked for again.

Standards: OpenID Connect Discovery 1.0, JSON Web Key sets (RFC 7517).
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import httpx
import orjson
import structlog
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url

from app.auth.refusals import IssuerUnavailableError
from app.auth.signatures import Keys
from app.bodies import BodyTooLongError, read_bounded

_log = structlog.get_logger("bank360.auth")

# Keys are asked for again after this time, beside every request that goes on with the old ones.
_FRESH_SECONDS: Final = 600.0
# An issuer that is silent for so long may have withdrawn any of its keys.
_USABLE_SECONDS: Final = 86_400.0
# Tokens with invented key ids, and requests while the issuer is down, must not hammer it.
_REST_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 5.0
_BYTES_MAX: Final = 1_048_576


class RemoteKeys:
    """Asks an issuer for its keys; `app.auth.signatures.KeySource`."""

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the issuer's URL, exactly as its tokens name it; ``clock`` gives seconds."""
        self.issuer = issuer
        self.metadata: OpenIDProviderMetadata = OpenIDProviderMetadata()
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=_ANSWER_SECONDS)
        self._keys: Keys | None = None
        self._fetched_at = self._asked_at = self._renewed_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def current(self) -> Keys:
        """Give the keys, at once where they are known; raises IssuerUnavailableError."""
        now = self._clock()
        if now - self._fetched_at > _FRESH_SECONDS and now - self._asked_at > _REST_SECONDS:
            self._ask()
        if self._keys is None or now - self._fetched_at > _USABLE_SECONDS:
            await self._answered()
        return self._known()

    async def renewed(self) -> Keys:
        """Give the keys after asking for them again, at most once in `_REST_SECONDS`."""
        if self._clock() - self._renewed_at > _REST_SECONDS:
            self._renewed_at = self._clock()
            self._ask()
        await self._answered()
        return self._known()

    async def aclose(self) -> None:
        """End what is being asked, and the connections."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking
        await self._http.aclose()

    def _known(self) -> Keys:
        if self._keys is None or self._clock() - self._fetched_at > _USABLE_SECONDS:
            message = "tokens cannot be checked now: the issuer does not answer; try again soon"
            raise IssuerUnavailableError(message)
        return self._keys

    def _ask(self) -> None:
        """Begin to ask, unless that is under way."""
        if self._asking is None or self._asking.done():
            self._asked_at = self._clock()
            self._asking = asyncio.create_task(self._fetch())

    async def _answered(self) -> None:
        """Wait for what is being asked; who waits may go without ending it for the others."""
        assert self._asking is not None
        await asyncio.shield(self._asking)

    async def _fetch(self) -> None:
        try:
            metadata = await self._metadata()
            keys = Keys.read(await self._get(metadata["jwks_uri"]))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = str(error) or type(error).__name__
            event = "the issuer's keys could not be read"
            _log.error(event, issuer=self.issuer, reason=reason, known=self._keys is not None)
            return
        former = self._keys
        if former is not None:
            withdrawn = not former.thumbprints <= keys.thumbprints
            keys = replace(keys, generation=former.generation + withdrawn)
        if former is None or former.thumbprints != keys.thumbprints:
            _log.info("the issuer's keys", issuer=self.issuer, keys=sorted(keys.ids))
        self.metadata, self._keys, self._fetched_at = metadata, keys, self._clock()

    async def _metadata(self) -> OpenIDProviderMetadata:
        found = await self._get(get_well_known_url(self.issuer, external=True))
        if not isinstance(found, dict):
            message = "its discovery document is no JSON object"
            raise ValueError(message)  # noqa: TRY004  # The document is wrong, not our types.
        metadata = OpenIDProviderMetadata(found)
        if metadata.get("issuer") != self.issuer:
            message = f"it calls itself {metadata.get('issuer')!r}"
            raise ValueError(message)
        for name in ("jwks_uri", "authorization_endpoint", "token_endpoint"):
            if not isinstance(metadata.get(name, ""), str):
                message = f"the {name} of its discovery document is no text"
                raise ValueError(message)  # noqa: TRY004
        metadata.validate_issuer()
        metadata.validate_jwks_uri()
        return metadata

    async def _get(self, url: str) -> Any:
        """Get a JSON document of bounded size."""
        async with self._http.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                message = f"{url} answered {response.status_code}"
                raise ValueError(message)
            try:
                body = await read_bounded(response.aiter_bytes(), _BYTES_MAX)
            except BodyTooLongError as error:
                message = f"{url} answered with {error}"
                raise ValueError(message) from error
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            message = f"{url} answered with something else than JSON"
            raise ValueError(message) from error
