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

# What an operation tells, each an answer or the body of one as JSON.
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
        waited = [asyncio.create_task(self._next()), asyncio.create_task(stops.wait())]
        try:
            while True:
                await asyncio.wait(
                    waited, timeout=self._keep_alive_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                if waited[0].done():
                    result = waited[0].result()
                    if result is None:
                        break
                    waited[0] = asyncio.create_task(self._next())
                    yield self.part(_body(result))
                elif stops.is_set():
                    # Without an end: the client goes on elsewhere.
                    return
                else:
                    yield self.silence()
        except CutShortError:
            return
        finally:
            for task in waited:
                task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await waited[0]
            await self._results.aclose()
        yield self.end()

    async def _next(self) -> Any:
        return await anext(self._results, None)


def _body(result: Answer | str) -> bytes:
    return result.encode() if isinstance(result, str) else orjson.dumps(result.body)
