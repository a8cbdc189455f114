"""A subscription that is torn again and again: every event once, and in order.

The subscriber is npm's graphql-ws client, which follows a customer's accounts and goes on after
each break from the position that it was told last. Meanwhile several clients pay in on these
accounts, and at random moments one of these happens:

- the connection is cut;
- the server, PostgreSQL's first process, one session's process of PostgreSQL, or Redis is killed
  (SIGKILL), and comes up again.

Each run has a subscriber of its own, and so many events or some more. When all payments are
answered and every record has its position, what the subscriber was told is compared with the
records: the same bookings, none twice, none missing, in the order of their positions.

Run: ``npm ci`` in bench/node_subscriptions, then ``python bench/torture_streams.py [--runs 50]
[--events 5000] [--breaks 6]``. Needs redis-server and node on the path; PostgreSQL is the embedded
one, in a temporary folder. Ends with status 1 and what is wrong, if anything is.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import count, cycle
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import orjson
from killed_server import POLL_SECONDS, ROOT, SECONDS_MAX, Postgres, Server, fail
from killed_writers import Run, kill_again_and_again, working
from plain_copy import fresh, machine
from streams import free_port

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.db.seed.load import seed_bank
from app.planner.global_id import format_id

DATABASE: Final = "bank360_torture_streams"
CLIENT: Final = ROOT / "bench/node_subscriptions/client.mjs"
DAY_SECONDS: Final = 86_400

FOLLOW: Final = """
subscription ($customer: ID!, $after: String) {
  accountActivity(customerId: $customer, after: $after) {
    __typename
    ... on StreamMessage { position }
    ... on TransactionBooked { transaction { id } }
    ... on ResyncRequired { reason }
  }
}
"""
DEPOSIT: Final = """
mutation ($input: DepositInput!) {
  deposit(input: $input) { __typename ... on Problem { code message } }
}
"""
# Somebody whose accounts a teller pays in on.
_CUSTOMER: Final = """
select account.customer_id, assignment.staff_id, array_agg(account.id) as accounts,
    array_agg(account.currency) as currencies
from account join assignment using (customer_id)
where account.kind = 'DEMAND' and account.status = 'OPEN' and assignment.role = 'TELLER'
group by 1, 2 order by count(*) desc, 1 limit 1
"""
_BOOKED: Final = """
select record.subject_id from audit_link as link
join audit_record as record
    on record.recorded_at = link.recorded_at and record.id = link.record_id
where record.event = 'cash.deposited' and record.customer_id = $1 and link.position > $2
order by link.position
"""


class Redis:
    """A Redis that keeps nothing: killed, and started anew at the same address."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        program = shutil.which("redis-server")
        if program is None:
            fail("redis-server is not on the path")
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        address = ["--port", str(port), "--bind", "127.0.0.1"]
        self._command = [program, *address, "--save", "", "--dir", str(folder)]
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it as a failing machine would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@dataclass
class Subscriber:
    """The client in a process of its own, and what it was told."""

    process: asyncio.subprocess.Process
    told: list[str] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    _said: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Take what it says, line by line."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = orjson.loads(line)
            kind = said.get("__typename")
            if kind == "TransactionBooked":
                self.told.append(said["transaction"]["id"])
            elif kind == "StreamPosition":
                self.began.set()
            else:
                self.faults.append(said)
            self._said.set()

    async def until(self, count: int) -> None:
        """Wait until it was told so many events, or too long for the next one."""
        while len(self.told) < count and not self.faults:
            self._said.clear()
            try:
                async with asyncio.timeout(SECONDS_MAX):
                    await self._said.wait()
            except TimeoutError:
                return

    def cut(self) -> None:
        """Have it cut its connection off."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"cut\n")


@dataclass
class World:
    """What is torn, and who pays in."""

    database: Postgres
    redis: Redis
    server: Server
    owner_url: str
    tokens: TokenKey
    customer: UUID
    teller: UUID
    accounts: list[tuple[UUID, str]]
    breaks: Counter[str] = field(default_factory=Counter)
    events: int = 0

    async def query(self, sql: str, *values: Any) -> Any:
        """Run a query on a connection of its own: they do not outlive the database."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            return await connection.fetch(sql, *values)
        finally:
            await connection.close()


@asynccontextmanager
async def subscribed(world: World) -> AsyncIterator[Subscriber]:
    """Run a subscriber that has begun to follow."""
    variables = {"customer": format_id("cus", world.customer, world.customer)}
    environment = os.environ | {
        "URL": f"{world.server.url.replace('http', 'ws')}/graphql",
        "TOKEN": world.tokens.issue(Role.CUSTOMER, world.customer, ttl_seconds=DAY_SECONDS),
        "QUERY": FOLLOW,
        "VARIABLES": orjson.dumps(variables).decode(),
    }
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "node", str(CLIENT), env=environment, stdin=pipe, stdout=pipe
    )
    subscriber = Subscriber(process)
    listening = asyncio.create_task(subscriber.listen())
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await subscriber.began.wait()
        yield subscriber
    finally:
        process.kill()
        await process.wait()
        await listening


async def pay_in(world: World, numbers: Any, run: Run[int]) -> None:
    """Pay in until it is over."""
    token = world.tokens.issue(Role.TELLER, world.teller, ttl_seconds=DAY_SECONDS)
    for number in numbers:
        if run.is_over.is_set():
            return
        account, currency = world.accounts[number % len(world.accounts)]
        values = {
            "idempotencyKey": uuid4().hex,
            "accountId": format_id("acc", world.customer, account),
            "amount": {"amount": "1", "currency": currency},
        }
        answer = await run.command(token, DEPOSIT, "deposit", values)
        if "code" in answer:
            fail(f"refused: {answer}")
        run.answered.append(number)


def breaks(
    world: World, subscriber: Subscriber, run: Run[int], chosen: random.Random
) -> Mapping[str, Callable[[], Awaitable[None]]]:
    """Give what may happen, each until all is up again."""

    async def cut() -> None:
        subscriber.cut()

    async def server() -> None:
        await world.server.restart()

    async def redis() -> None:
        world.redis.kill()
        await asyncio.sleep(chosen.random())
        world.redis.start()

    async def database() -> None:
        async with run.outage():
            world.database.kill()
            await asyncio.to_thread(world.database.start)
            await world.server.ready()

    async def session() -> None:
        async with run.outage():
            await asyncio.to_thread(world.database.kill_session, chosen)
            await world.server.ready()

    return {
        "connection": cut,
        "server": server,
        "Redis": redis,
        "PostgreSQL": database,
        "session of PostgreSQL": session,
    }


async def numbered(world: World) -> None:
    """Wait until every record has its position."""
    deadline = monotonic() + SECONDS_MAX
    while (await world.query("select exists (select from audit_pending)"))[0][0]:
        if monotonic() > deadline:
            fail("the sequencer has not numbered every record")
        await asyncio.sleep(POLL_SECONDS)


async def torn(world: World, options: argparse.Namespace, chosen: random.Random) -> str | None:
    """Run one subscriber through so many events and breaks; gives what is wrong, or None."""
    await numbered(world)
    last = await world.query("select coalesce(max(position), 0) from audit_link")
    async with subscribed(world) as subscriber:
        # Payments go on until everything was torn, however many are made meanwhile.
        numbers = count()
        clients = [partial(pay_in, world, numbers)] * options.clients
        async with working(world.server.url, clients) as run:
            found = breaks(world, subscriber, run, chosen)
            kinds = list(found)
            chosen.shuffle(kinds)
            wanted = [kind for kind, _ in zip(cycle(kinds), range(options.breaks), strict=False)]
            world.breaks.update(wanted)
            apart = options.events // (options.breaks + 1)
            between = (max(apart // 4, 1), max(apart, 2))
            await kill_again_and_again(run, map(found.__getitem__, wanted), between, chosen)
            await run.more(max(options.events - len(run.answered), 0))
        await numbered(world)
        booked = await world.query(_BOOKED, world.customer, last[0][0])
        expected = [format_id("txn", world.customer, row["subject_id"]) for row in booked]
        await subscriber.until(len(expected))
        world.events += len(expected)
        return differences(expected, subscriber)


def differences(expected: list[str], subscriber: Subscriber) -> str | None:
    """Say how what was told differs from what happened."""
    told = subscriber.told
    if subscriber.faults:
        return f"told beside events: {subscriber.faults[:3]}"
    if told == expected:
        return None
    twice = len(told) - len(set(told))
    missing = len(set(expected) - set(told))
    return f"{len(expected)} events, {len(told)} told: {missing} missing, {twice} twice, or order"


async def torture(database: Postgres, folder: Path, options: argparse.Namespace) -> None:
    """Run again and again; ends the program where a run is not whole."""
    target = await fresh(database.dsn, DATABASE)
    keys, tokens = Keys.load(folder, None, None), TokenKey.load(folder)
    await seed_bank(target, keys, 40, 1, lambda *_: None, business_date=date(2026, 11, 20))
    redis = Redis(folder)
    server = Server(target, folder, REDIS_URL=redis.url)
    world = World(database, redis, server, target, tokens, UUID(int=0), UUID(int=0), [])
    ((world.customer, world.teller, accounts, currencies),) = await world.query(_CUSTOMER)
    world.accounts = list(zip(accounts, currencies, strict=True))
    await server.start()
    chosen = random.Random(options.seed)
    try:
        for number in range(1, options.runs + 1):
            began = perf_counter()
            fault = await torn(world, options, chosen)
            seconds = perf_counter() - began
            print(f"run {number}: {fault or 'whole'}, {seconds:.0f} s", flush=True)
            if fault is not None:
                raise SystemExit(1)
    finally:
        server.kill()
        redis.kill()
    torn_by = ", ".join(f"{count} x {kind}" for kind, count in sorted(world.breaks.items()))
    print(f"{world.events:,} events told once and in order, through {torn_by}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--breaks", type=int, default=6)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Postgres(Path(folder))
        try:
            asyncio.run(torture(database, Path(folder), options))
        finally:
            database.stop()


if __name__ == "__main__":
    main()
