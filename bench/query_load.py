"""Asking a server over HTTP on loopback with little effort, and counting processor time.

The client shares the machine with what it measures, so it does no more than find where an answer
ends: one task for each connection, requests written once.
"""

import asyncio
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any, Final, cast

import asyncpg
import orjson
import psutil

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_OK: Final = b"HTTP/1.1 200 "
# A server that others slow down takes its time to start.
_ANSWER_SECONDS_MAX: Final = 180


def request(path: str, body: object, headers: Mapping[str, str]) -> bytes:
    """Write a POST request of a JSON body."""
    text = orjson.dumps(body)
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        "Accept: application/json",
        f"Content-Length: {len(text)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + _HEAD_END + text


class Wire(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._parts = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are of no common class.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the request that waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Look for the answer's end."""
        self._parts += data
        head_end = self._parts.find(_HEAD_END)
        if head_end < 0:
            return
        head = bytes(self._parts[:head_end]).lower()
        at = head.find(_LENGTH)
        if at >= 0:
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
            complete = len(self._parts) >= head_end + len(_HEAD_END) + length
        else:
            complete = self._parts.endswith(_LAST_CHUNK)
        if complete and self._answer is not None:
            whole, self._parts = bytes(self._parts), bytearray()
            self._answer.set_result(whole)

    async def ask(self, given: bytes) -> bytes:
        """Send a request; gives the whole answer, head and body."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(given)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def body_of(answer: bytes) -> Any:
    """Read the JSON of an answer; SystemExit where it is not a complete answer."""
    head, _, body = answer.partition(_HEAD_END)
    if b"transfer-encoding: chunked" in head.lower():
        body = b"".join(_chunks(body))
    if not answer.startswith(_OK):
        raise SystemExit(answer.decode(errors="replace")[:2_000])
    found = orjson.loads(body)
    if found.get("errors"):
        raise SystemExit(str(found["errors"])[:2_000])
    return found["data"]


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        yield body[:length]
        body = body[length + 2 :]


async def once(port: int, given: bytes) -> bytes:
    """Ask one thing on a connection of its own."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(Wire, "127.0.0.1", port)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            return await wire.ask(given)
    finally:
        wire.close()


@dataclass(frozen=True)
class Run:
    """One run: answers a second, the median answer's seconds, and processor seconds an answer."""

    rate: float
    median: float
    server: float
    database: float


@dataclass(frozen=True)
class Meter:
    """Processor time of one server and of the database's processes on this machine."""

    server: psutil.Process | None
    postmaster: psutil.Process | None

    @classmethod
    async def of(cls, dsn: str, pid: int | None) -> "Meter":
        """Measure a server and the PostgreSQL at ``dsn``, where that runs on this machine."""
        connection = await asyncpg.connect(dsn)
        try:
            backend = await connection.fetchval("select pg_backend_pid()")
            postmaster = psutil.Process(backend).parent()
        except psutil.Error:
            postmaster = None
        finally:
            await connection.close()
        return cls(psutil.Process(pid) if pid else None, postmaster)

    def read(self) -> tuple[float, float]:
        """Give the processor seconds so far of the server, and of the database's processes."""
        server = _with_children(self.server) if self.server else 0.0
        if self.postmaster is None:
            return server, 0.0
        return server, sum(_seconds(backend) for backend in self.postmaster.children())


def _with_children(process: psutil.Process) -> float:
    return _seconds(process) + sum(map(_seconds, process.children(recursive=True)))


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    seconds: float = times.user + times.system
    return seconds


def spent(before: tuple[float, float], after: tuple[float, float]) -> tuple[float, float]:
    """Give the seconds that server and database took between two readings."""
    return after[0] - before[0], after[1] - before[1]


async def load(
    port: int, requests: Sequence[bytes], connections: int, seconds: float, meter: Meter
) -> Run:
    """Keep so many connections busy for so long, with one request after the other."""
    loop = asyncio.get_running_loop()
    wires = [(await loop.create_connection(Wire, "127.0.0.1", port))[1] for _ in range(connections)]
    waiting, taken = cycle(requests), list[float]()
    before, began = meter.read(), perf_counter()
    end = began + seconds

    async def client(wire: Wire) -> None:
        while (started := perf_counter()) < end:
            answer = await wire.ask(next(waiting))
            taken.append(perf_counter() - started)
            if not answer.startswith(_OK):
                body_of(answer)

    try:
        await asyncio.gather(*(client(wire) for wire in wires))
        took = perf_counter() - began
        server, database = spent(before, meter.read())
    finally:
        for wire in wires:
            wire.close()
    done = len(taken)
    return Run(done / took, statistics.median(taken), server / done, database / done)


def pgbench(
    program: Path,
    dsn: str,
    scripts: Sequence[Path],
    *,
    connections: int,
    seconds: float,
    environment: Mapping[str, str],
) -> Run:
    """Run statements by PostgreSQL's own client, prepared, taking turns between the scripts.

    Its median is the mean, which is what pgbench tells, and it tells no processor time.
    """
    whole = max(1, round(seconds))
    done = subprocess.run(
        [
            program,
            *("-n", "-M", "prepared", "-c", str(connections), "-j", "1", "-T", str(whole)),
            *(part for script in scripts for part in ("-f", script)),
            dsn,
        ],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    told = _told(done.stdout)
    return Run(told("tps =", float), told("latency average =", float) / 1_000, 0.0, 0.0)


def _told(output: str) -> Callable[[str, type], Any]:
    def told(what: str, type_: type) -> Any:
        line = next(line for line in output.splitlines() if line.strip().startswith(what))
        return type_(line.strip().removeprefix(what).split()[0].split("/")[0])

    return told
