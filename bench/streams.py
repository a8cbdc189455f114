"""One event told to many subscribers of two server processes, beside a Node server that does so.

So many agents follow one queue, each signed in and connected by a WebSocket of their own. A reply
of one of them to a ticket of the queue is the event; each of them is told the ticket as it is then.
Told per round:

- deliveries a second: subscribers by the time from sending the reply until the last one is told;
- the processor time that the server's processes take for each delivery, which tells more than the
  clock where the machine is shared;
- the latency of each delivery from sending the reply, its median and 99th hundredth;
- the processes' own memory (USS) that each connected subscriber takes while nothing happens.

bank360 asks for every event and subscriber whom they see, and reads the ticket with the rights of
that moment. The Node server (bench/node_subscriptions: npm's graphql-ws, ws, ioredis, pg; two
processes of node:cluster on one port) changes the ticket and publishes over the same Redis. It is
measured twice: with the ticket in the message, so that nobody's rights are asked and nothing is
read; and with the ticket read by each subscriber who works on its queue. The same client, in one
process, takes the messages of all three.

Run: ``npm ci`` in bench/node_subscriptions, then ``python bench/streams.py [--subscribers 2000]
[--rounds 20]``. Needs redis-server and node on the path; PostgreSQL is the embedded one.
"""

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx
import psutil
from killed_server import fail
from plain_copy import fresh, machine, server
from stream_peers import Peer, subscribe

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.seed.load import seed_bank

ROOT: Final = Path(__file__).parents[1]
NODE: Final = ROOT / "bench/node_subscriptions"
DATABASE: Final = "bank360_bench_streams"
QUEUE: Final = "PAYMENTS"
PROCESSES: Final = 2
SECONDS_MAX: Final = 120
QUIET_SECONDS: Final = 3.0

OPEN: Final = """
mutation ($input: OpenTicketInput!) {
  openTicket(input: $input) { ... on OpenTicketPayload { ticket { id } } ... on Problem { code } }
}
"""
REPLY: Final = """
mutation ($input: ReplyToTicketInput!) {
  replyToTicket(input: $input) { __typename ... on Problem { code } }
}
"""
FOLLOW: Final = """
subscription ($queue: String!) {
  ticketUpdated(queue: $queue) {
    __typename
    ... on StreamMessage { position }
    ... on TicketUpdate { ticket { id number status queue version } }
  }
}
"""
NODE_FOLLOW: Final = """
subscription ($queue: String!) {
  ticketUpdated(queue: $queue) { position ticket { id number status queue version } }
}
"""


@dataclass
class Side:
    """A running server: how many bytes a subscriber takes there, and what makes an event."""

    name: str
    port: int
    process: psutil.Process
    follow: str
    inits: Sequence[Mapping[str, Any]]
    happen: Callable[[], Awaitable[None]]
    tells_position: bool

    def memory(self) -> int:
        """Give the memory of the processes that serve, without what they share."""
        return sum(each.memory_full_info().uss for each in self.process.children(recursive=True))

    def processor(self) -> float:
        """Give the processor time that they have taken, in seconds."""
        times = [each.cpu_times() for each in self.process.children(recursive=True)]
        return sum(each.user + each.system for each in times)


@dataclass
class World:
    """The bank that all sides use."""

    dsn: str
    redis_url: str
    folder: Path
    tokens: TokenKey
    agents: Sequence[UUID]
    customer: UUID
    ticket: str = ""

    def token(self, agent: UUID) -> str:
        """Sign an agent in."""
        return self.tokens.issue(Role.SERVICE_AGENT, agent, ttl_seconds=86_400)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        fail("redis-server is not on the path")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


async def fill(dsn: str, keys: Keys, subscribers: int) -> tuple[list[UUID], UUID]:
    """Fill the bank with a few customers, and so many agents who work on one queue."""
    await seed_bank(dsn, keys, 50, 1, lambda *_: None, business_date=date(2026, 11, 20))
    connection = await asyncpg.connect(dsn)
    try:
        agents = [new_id() for _ in range(subscribers)]
        numbers = [f"B{n:06}" for n in range(subscribers)]
        await connection.execute(
            "insert into staff (id, number, name) select * from unnest($1::uuid[], $2::text[],"
            " $2::text[])",
            agents,
            numbers,
        )
        await connection.execute(
            "insert into staff_role select unnest($1::uuid[]), 'SERVICE_AGENT'", agents
        )
        await connection.execute(
            "insert into staff_queue select unnest($1::uuid[]), $2", agents, QUEUE
        )
        found = "select id from customer where status = 'ACTIVE' and type = 'INDIVIDUAL' limit 1"
        return agents, await connection.fetchval(found)
    finally:
        await connection.close()


async def run(http: httpx.AsyncClient, url: str, token: str, query: str, **given: Any) -> Any:
    values = {"idempotencyKey": uuid4().hex} | given
    response = await http.post(
        f"{url}/graphql",
        json={"query": query, "variables": {"input": values}},
        headers={"Authorization": f"Bearer {token}"},
    )
    body = response.json()
    (answer,) = body["data"].values() if "data" in body else [body]
    if answer is None or "code" in answer or "errors" in body:
        fail(f"the command was refused: {body}")
    return answer


@contextmanager
def started(command: Sequence[str], variables: Mapping[str, str], log: Path) -> Iterator[Any]:
    """Run a server in a group of its own; it is ended with all its processes."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=os.environ | variables, stdout=output, stderr=output
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        for child in children:
            if child.is_running():
                child.kill()


async def answering(url: str, path: str, log: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(SECONDS_MAX * 10):
            try:
                if (await http.get(url + path)).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # It does not listen yet.
            await asyncio.sleep(0.1)
    fail(f"no answer: {await asyncio.to_thread(log.read_text)}")


async def bank(world: World, stack: ExitStack) -> Side:
    """Serve bank360 with two processes."""
    port, log = free_port(), world.folder / "bank360.log"
    variables = {
        "DATABASE_URL": world.dsn,
        "REDIS_URL": world.redis_url,
        "BANK360_DATA_DIR": str(world.folder),
        "BANK360_RATE_PER_VIEWER": "0",
        "BANK360_RATE_PER_ADDRESS": "0",
        "BANK360_WEBSOCKET_CONNECTIONS_MAX": "100000",
        "BANK360_LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "app.cli", "serve"]
    command += ["--port", str(port), "--workers", str(PROCESSES)]
    process = stack.enter_context(started(command, variables, log))
    url = f"http://127.0.0.1:{port}"
    await answering(url, "/readyz", log)
    http = httpx.AsyncClient(trust_env=False, timeout=60)
    if not world.ticket:
        opened = await run(
            http,
            url,
            world.tokens.issue(Role.CUSTOMER, world.customer),
            OPEN,
            customerId=f"cus_{world.customer.hex}",
            category="PAYMENT",
            topic="PAYMENT_MISSING",
            text="Where is it?",
            channel="MOBILE",
        )
        world.ticket = opened["ticket"]["id"]
    agent = world.token(world.agents[0])

    async def happen() -> None:
        given = {"ticketId": world.ticket, "text": "We look into it.", "internal": False}
        await run(http, url, agent, REPLY, **given)

    inits = [{"Authorization": f"Bearer {world.token(each)}"} for each in world.agents]
    return Side("bank360", port, process, FOLLOW, inits, happen, tells_position=True)


async def node(world: World, stack: ExitStack, mode: str) -> Side:
    """Serve the Node server with two processes."""
    port, log = free_port(), world.folder / f"node-{mode}.log"
    variables = {
        "DATABASE_URL": world.dsn,
        "REDIS_URL": world.redis_url,
        "MODE": mode,
        "PORT": str(port),
        "PROCESSES": str(PROCESSES),
        "TICKET": str(UUID(world.ticket[-32:])),
        "QUEUE": QUEUE,
    }
    process = stack.enter_context(started(["node", str(NODE / "server.mjs")], variables, log))
    for _ in range(SECONDS_MAX * 10):
        if "ready" in await asyncio.to_thread(log.read_text):
            break
        await asyncio.sleep(0.1)
    else:
        fail("node does not listen")
    http = httpx.AsyncClient(trust_env=False, timeout=60)

    async def happen() -> None:
        await http.post(f"http://127.0.0.1:{port}/")

    inits = [{"staff": str(each)} for each in world.agents]
    return Side(f"node, {mode}", port, process, NODE_FOLLOW, inits, happen, tells_position=False)


async def told(peers: Sequence[Peer], count: int) -> None:
    """Wait until each peer was told so many events."""
    deadline = perf_counter() + SECONDS_MAX
    while any(len(peer.came) < count for peer in peers):
        lost = {peer.lost for peer in peers if peer.lost}
        if lost or perf_counter() > deadline:
            short = sum(len(peer.came) < count for peer in peers)
            fail(f"{short} of {len(peers)} were not told: {lost}")
        await asyncio.sleep(0.005)


async def measure(side: Side, rounds: int) -> None:
    """Connect the subscribers, let events happen one after the other, and print figures."""
    before = side.memory()
    payload = {"query": side.follow, "variables": {"queue": QUEUE}}
    peers = await subscribe(side.port, side.inits, payload, tells_position=side.tells_position)
    await asyncio.sleep(QUIET_SECONDS)
    idle = (side.memory() - before) / len(peers) / 1024
    await side.happen()
    await told(peers, 1)
    wholes, each = [], []
    taken = side.processor()
    for number in range(2, rounds + 2):
        await asyncio.sleep(0.2)
        began = perf_counter()
        await side.happen()
        await told(peers, number)
        came = [peer.came[-1] - began for peer in peers]
        wholes.append(max(came))
        each += came
    taken = (side.processor() - taken) / len(each) * 1e6
    for peer in peers:
        peer.close()
    hundredths = statistics.quantiles(each, n=100)
    print(
        f"{side.name:14} {len(peers) / statistics.median(wholes):10,.0f} deliveries/s"
        f"   p50 {hundredths[49] * 1000:7.1f} ms   p99 {hundredths[98] * 1000:7.1f} ms"
        f"   {taken:6.0f} µs of processor a delivery   {idle:6.1f} KiB a subscriber",
        flush=True,
    )


async def main(subscribers: int, rounds: int) -> None:
    print(f"{machine()}; {subscribers} subscribers, {PROCESSES} processes, {rounds} events")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dsn = stack.enter_context(server(None))
        redis_url = stack.enter_context(redis_server(folder))
        target = await fresh(dsn, DATABASE)
        keys, tokens = Keys.load(folder, None, None), TokenKey.load(folder)
        agents, customer = await fill(target, keys, subscribers)
        world = World(target, redis_url, folder, tokens, agents, customer)
        with ExitStack() as running:
            await measure(await bank(world, running), rounds)
        for mode in ("payload", "reload"):
            with ExitStack() as running:
                await measure(await node(world, running, mode), rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    asyncio.run(main(options.subscribers, options.rounds))
