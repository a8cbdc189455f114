"""What readers notice of a rotation of the master key: requests that fail, and slower answers.

A bank is seeded and served by a process of its own. Another process sends requests at a fixed
rate, whether or not the ones before are answered; each reads one customer's name, phone, e-mail
address and national id. Meanwhile ``bank360 keys rotate`` runs as its users run it, several times
one after the other. A request counts as an error when it is not answered with all four values. At
the end the old keys are deleted, and every customer's name is read with the last one alone.

Run: ``python bench/rotation.py [--customers 5000] [--rate 200] [--rotations 3]``, on the embedded
PostgreSQL in a temporary folder.
"""

import argparse
import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Final, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx
import orjson
from plain_copy import drop, fresh, machine, server

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.key_check import check_keys
from app.db.keys import Keys
from app.db.seed.load import seed_bank
from app.planner.global_id import format_id

DATABASE: Final = "bank360_bench_rotation"
VALUES: Final = 4
QUERY: Final = "query ($id: ID!) { customer(id: $id) { name phone email nationalId } }"
COMMAND: Final = (sys.executable, "-c", "from app.cli import main; main()")
START_SECONDS_MAX: Final = 120
WARM_UP_SECONDS: Final = 5.0
CONNECTIONS: Final = 64

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Phase:
    """What was asked in one part of the run: seconds of each answer, and what went wrong."""

    name: str
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Give the row of the table."""
        cuts = statistics.quantiles(self.seconds, n=100)
        return (
            f"{self.name:<20}{len(self.seconds):>10}{len(self.errors):>8}"
            f"{cuts[49] * 1_000:>10.1f}{cuts[94] * 1_000:>10.1f}{cuts[98] * 1_000:>10.1f}"
            f"{max(self.seconds) * 1_000:>10.1f}"
        )


class Connections:
    """Keeps HTTP/1.1 connections open; a whole client library would cost more than the server."""

    def __init__(self, url: str, token: str, size: int) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname, parts.port
        self._head = (
            f"POST /graphql HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        # In turns, so that none is idle until the server closes it.
        self._free: asyncio.Queue[Connection | None] = asyncio.Queue()
        for _ in range(size):
            self._free.put_nowait(None)

    async def post(self, body: bytes) -> bytes:
        """Send a request on a free connection; give the answer's body."""
        connection = await self._free.get()
        try:
            connection = connection or await asyncio.open_connection(*self._place)
            reader, writer = connection
            writer.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(maxsplit=1)[0]
            return await reader.readexactly(int(length))
        except (OSError, EOFError):
            connection = None
            raise
        finally:
            self._free.put_nowait(connection)

    async def close(self) -> None:
        """Close every connection."""
        while not self._free.empty():
            if connection := self._free.get_nowait():
                connection[1].close()


@dataclass
class Load:
    """Sends requests at a rate and counts each to the phase in which it was sent."""

    connections: Connections
    customers: list[str]
    rate: int
    phase: Phase
    ended: bool = False

    async def run(self) -> None:
        """Send until ``ended``, then wait for the last answers."""
        began, sent = perf_counter(), 0
        async with asyncio.TaskGroup() as group:
            while not self.ended:
                group.create_task(self._ask(self.phase))
                sent += 1
                await asyncio.sleep(max(began + sent / self.rate - perf_counter(), 0))

    async def _ask(self, phase: Phase) -> None:
        began = perf_counter()
        variables = {"id": random.choice(self.customers)}
        asked = orjson.dumps({"query": QUERY, "variables": variables})
        try:
            answer = await self.connections.post(asked)
            body = orjson.loads(answer)
            customer = body["data"]["customer"] or {}
            if "errors" in body or len(customer) != VALUES or not all(customer.values()):
                phase.errors.append(answer.decode())
        except (OSError, EOFError, KeyError) as error:
            phase.errors.append(repr(error))
        phase.seconds.append(perf_counter() - began)


def environment(bank: str, folder: Path) -> dict[str, str]:
    """Give what the commands run with: this bank, its keys, and no limits for one reader."""
    given = {
        "DATABASE_URL": bank,
        "BANK360_DATA_DIR": str(folder),
        "BANK360_RATE_PER_VIEWER": "0",
        "BANK360_RATE_PER_ADDRESS": "0",
        "BANK360_LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    return {**os.environ, **given}


async def rotate(given: dict[str, str]) -> str:
    """Run the command; give its last words."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "keys", "rotate", env=given, stderr=subprocess.PIPE
    )
    _, told = await process.communicate()
    if process.returncode:
        raise SystemExit(told.decode())
    return told.decode().splitlines()[0]


async def measure(url: str, bank: str, folder: Path, options: argparse.Namespace) -> list[Phase]:
    connection = await asyncpg.connect(bank)
    rows = await connection.fetch("select id from customer where type <> 'BANK'")
    await connection.close()
    customers = [format_id("cus", row["id"], row["id"]) for row in rows]
    token = TokenKey.load(folder).issue(Role.COMPLIANCE, new_id(), strong=True)
    connections = Connections(url, token, CONNECTIONS)
    phases = [Phase(name) for name in ("warming up", "before", "during", "after")]
    load = Load(connections, customers, options.rate, phases[0])
    sending = asyncio.create_task(load.run())
    await asyncio.sleep(WARM_UP_SECONDS)
    load.phase = phases[1]
    await asyncio.sleep(options.seconds)
    load.phase = phases[2]
    began = perf_counter()
    for _ in range(options.rotations):
        print(await rotate(environment(bank, folder)), flush=True)
    print(f"{options.rotations} rotations in {perf_counter() - began:.1f} s")
    load.phase = phases[3]
    await asyncio.sleep(options.seconds)
    load.ended = True
    await sending
    await connections.close()
    return phases


async def names_with_the_last_key(bank: str, folder: Path) -> int:
    """Delete the old keys; give how many customers' names are read without them."""
    shutil.rmtree(folder / "keys" / "retired")
    keys = Keys.load(folder, None, None)
    await check_keys(bank, keys)
    connection = await asyncpg.connect(bank)
    rows = await connection.fetch(
        "select id, name_ciphertext, wrapped_key from customer"
        " join customer_key on customer_id = id where type <> 'BANK'"
    )
    await connection.close()
    for row in rows:
        identity: UUID = row["id"]
        cipher = keys.ring.cipher(identity, row["wrapped_key"])
        cipher.decrypt("customer.name_ciphertext", identity, row["name_ciphertext"])
    return len(rows)


def serve(bank: str, folder: Path) -> "tuple[subprocess.Popen[str], str]":
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        env=environment(bank, folder),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "serving on " in line:
            url = line.split()[-1]
            httpx.get(f"{url}/healthz", timeout=START_SECONDS_MAX).raise_for_status()
            return process, url
    message = "the server did not start"
    raise SystemExit(message)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--rotations", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="before and after, each")
    parser.add_argument("--dsn", help="a server on which a database may be created")
    options = parser.parse_args()
    print(machine())
    with server(options.dsn) as dsn, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = Keys.load(folder, None, None)
        bank = asyncio.run(fresh(dsn, DATABASE))
        asyncio.run(check_keys(bank, keys))
        on = date(2026, 6, 30)
        asyncio.run(seed_bank(bank, keys, options.customers, 1, lambda *_: None, business_date=on))
        process, url = serve(bank, folder)
        try:
            phases = asyncio.run(measure(url, bank, folder, options))
        finally:
            process.terminate()
            process.wait()
        print(f"{options.customers:,} customers, {options.rate} requests/s; milliseconds")
        print(f"{'':<20}{'requests':>10}{'errors':>8}{'p50':>10}{'p95':>10}{'p99':>10}{'max':>10}")
        for phase in phases:
            print(phase.line())
        readable = asyncio.run(names_with_the_last_key(bank, folder))
        print(f"readable with the last key alone: {readable:,} of {options.customers:,}")
        for error in {error for phase in phases for error in phase.errors}:
            print(error)
        asyncio.run(drop(dsn, DATABASE))
        if readable < options.customers or any(phase.errors for phase in phases):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
