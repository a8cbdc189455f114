"""Responses that go on for as long as an operation tells something: what their formats share."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeAlias

import orjson
from starlette.responses import StreamingResponse
from starlette.types import Scope, Send

from app.operation import Answer
from app.stopping import stopping_of

# What an operation tells, each an answer or the body of one as JSON. An answer that ``lasts`` is
# not told: it says that others come until somebody ends them.
Results: TypeAlias = AsyncGenerator[Answer | str, None]


class CutShortError(Exception):
    """The response has to end where it is, so that the client comes again."""


class LongResponse(StreamingResponse, ABC):
    """Writes what an operation tells as it comes; the operation ends when the client goes away."""

    def __init__(
        self, results: Results, keep_alive_seconds: float, headers: Mapping[str, str], scope: Scope
    ) -> None:
        """Take what is told, and after how many silent seconds something shows that it goes on."""
        self._results = results
        self._keep_alive_seconds = keep_alive_seconds
        self._stopping = stopping_of(scope)
        self._written = self._write()
        given = {
            **headers,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx holds streams back otherwise.
        }
        super().__init__(self._written, headers=given)

    @abstractmethod
    def begin(self) -> bytes:
        """Give what stands before everything else."""

    @abstractmethod
    def part(self, body: bytes) -> bytes:
        """Write one answer."""

    @abstractmethod
    def silence(self) -> bytes:
        """Give what shows that the response goes on."""

    @abstractmethod
    def end(self) -> bytes:
        """Give what tells that nothing more comes."""

    async def stream_response(self, send: Send) -> None:
        """Send what is told; what runs is ended at once when that is cut short."""
        async with aclosing(self._written):
            await super().stream_response(send)

    async def _write(self) -> AsyncGenerator[bytes, None]:
        if begin := self.begin():
            yield begin
        stops = asyncio.Event()
        if self._stopping is not None:
            self._stopping.when(stops.set)
        told = asyncio.create_task(self._next())
        stopped = asyncio.create_task(stops.wait())
        # What ends by itself may do so when the server stops; a subscription goes on elsewhere.
        waited: set[asyncio.Task[Any]] = {told}
        lasts = False
        try:
            while True:
                await asyncio.wait(
                    waited, timeout=self._keep_alive_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                if told.done():
                    result = told.result()
                    if result is None:
                        break
                    told = asyncio.create_task(self._next())
                    lasts = lasts or (isinstance(result, Answer) and result.lasts)
                    waited = {told, stopped} if lasts else {told}
                    if isinstance(result, str) or not result.lasts:
                        yield self.part(_body(result))
                elif stops.is_set() and lasts:
                    return
                else:
                    yield self.silence()
        except CutShortError:
            return
        finally:
            told.cancel()
            stopped.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await told
            await self._results.aclose()
        yield self.end()

    async def _next(self) -> Answer | str | None:
        return await anext(self._results, None)


def _body(result: Answer | str) -> bytes:
    return result.encode() if isinstance(result, str) else orjson.dumps(result.body)
