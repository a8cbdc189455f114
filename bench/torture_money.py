"""Money that moves while server and database are killed: not a cent is lost, made, or moved twice.

Sixteen clients send random orders over HTTP to ``bank360 serve``: cash in and out, transfers
between accounts that a teller sees, by customers to others by number and name, and to another bank;
among them orders for more than there is, in the wrong currency, and to the wrong name. What needs a
second person (withdrawals and transfers above a teller's limit; reversals, freezes, and their end)
waits until the head of the branch approves it, by an order like any other. Some orders are sent
twice at once. Meanwhile, again and again, one of these is killed (SIGKILL) and comes up again:

- the server;
- PostgreSQL's first process, which the embedded server's next start recovers from, while the
  server goes on and has to find its database again;
- one session's process of PostgreSQL, whose first process then ends and recovers all sessions;
- server and PostgreSQL at once.

An order whose answer is lost is sent again with the same key until it is answered. In the end the
database is asked whether

- each acknowledged order has its key, one audit record, and one entry with just the postings that
  it asked for, and no other entry is there; each refusal told is the one that is kept; each request
  ended as was told, or waits, and each that was approved was carried out once, in its maker's name;
- every currency's ledger, and every entry, sums to zero; every balance is the sum of the account's
  postings and what it was plus what was acknowledged; every posting's balance follows from the one
  before; nothing is overdrawn; what counts towards daily limits is what was ordered;
- the records' positions are dense, and ``bank360 audit verify`` finds the chain whole.

Run: ``python bench/torture_money.py [--orders 10000] [--kills 24] [--clients 16]`` on an embedded
PostgreSQL in a temporary folder. Ends with status 1 and what is wrong, if anything is.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Final

import asyncpg
from killed_server import Postgres, Server, fail
from killed_writers import Run, chain, keys_and_records, kill_again_and_again, working
from money_checks import answers, balances, book, outcomes
from money_orders import AccountKey, Answered, Order, Orders, open_accounts
from money_requests import requests
from plain_copy import fresh, machine

from app.auth.approvals import FOUR_EYES
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.db.seed.load import seed_bank

DATABASE: Final = "bank360_torture_money"
CUSTOMERS: Final = 64
SENT_TWICE: Final = 0.05


VERSION: Final = "query ($id: ID!) { account(id: $id) { version } }"


def mutation(order: Order) -> str:
    """Write the mutation that sends an order."""
    type_ = order.name[0].upper() + order.name[1:]
    more = ""
    if order.name in FOUR_EYES:
        more = "... on PendingApproval { approval { id } }"
    elif order.approves is not None:
        more = "... on StaleApproval { problem { code } }"
    made = "id resultId" if order.approves is not None else "id"
    return (
        f"mutation ($input: {type_}Input!) {{ {order.name}(input: $input) {{"
        f" ... on {type_}Payload {{ {order.result} {{ {made} }} }} {more}"
        " ... on Problem { code } } }"
    )


class Client:
    """Sends one order after the other until there are enough."""

    def __init__(self, orders: Orders, wanted: int, seed: int) -> None:
        """Take where orders come from, and how many all clients together shall send."""
        self._orders = orders
        self._wanted = wanted
        self._chosen = random.Random(seed)

    async def send(self, run: Run[Answered]) -> None:
        """Go on until enough orders were sent and ours are answered."""
        while run.counts["orders"] < self._wanted:
            run.counts["orders"] += 1
            order = self._orders.next()
            if order.changes is not None and order.approves is None:
                read = await run.send(order.token, VERSION, {"id": order.changes.id})
                version = read["account"]["version"]
                order = replace(order, values={**order.values, "expectedVersion": version})
            if self._chosen.random() < SENT_TWICE:
                run.counts["sent twice at once"] += 1
                answer, second = await asyncio.gather(_sent(run, order), _sent(run, order))
                if answer != second:
                    fail(f"two answers to {order}: {answer}, {second}")
            else:
                answer = await _sent(run, order)
            if answer.code is None:
                run.counts[_outcome(answer)] += 1
                if order.must_be_refused:
                    fail(f"must have been refused: {order}")
            elif answer.code in order.refusals:
                run.counts["refused"] += 1
            else:
                fail(f"unexpected: {answer}")
            self._orders.note(answer)
            run.answered.append(answer)
        run.is_over.set()


async def _sent(run: Run[Answered], order: Order) -> Answered:
    """Send an order until it is answered."""
    values = {"idempotencyKey": order.key, **order.values}
    answer = await run.command(order.token, mutation(order), order.name, values)
    code = answer.get("code") or answer.get("problem", {}).get("code")
    if code is not None:
        return Answered(order, None, code)
    if order.approves is not None:
        return Answered(order, answer[order.result]["resultId"], None)
    if (asked := answer.get("approval")) is not None:
        return Answered(order, None, None, asked["id"])
    return Answered(order, answer[order.result]["id"], None)


def _outcome(answer: Answered) -> str:
    if answer.request is not None:
        return f"{answer.order.name} to wait"
    return "acknowledged" if answer.order.approves is None else "approved"


class Kills:
    """The ways in which server and database are killed, each of which ends when both are up."""

    def __init__(self, run: Run[Answered], target: Server, database: Postgres, seed: int) -> None:
        """Take what is killed."""
        self._run = run
        self._target = target
        self._database = database
        self._chosen = random.Random(seed)

    def all(self, count: int) -> list[Callable[[], Awaitable[None]]]:
        """Give so many kills, every way as often."""
        ways = [
            partial(self._kill, "server", self._target.restart),
            partial(self._kill, "PostgreSQL", self._postgres),
            partial(self._kill, "session of PostgreSQL", self._session),
            partial(self._kill, "server and PostgreSQL", self._both),
        ]
        return list(islice(cycle(ways), count))

    async def _kill(self, what: str, way: Callable[[], Awaitable[None]]) -> None:
        began = perf_counter()
        async with self._run.outage():
            await way()
        self._run.counts[f"kills of {what}"] += 1
        seconds, answered = perf_counter() - began, len(self._run.answered)
        print(f"{answered:>6,} answered, killed {what}: up after {seconds:.1f} s", flush=True)

    async def _postgres(self) -> None:
        self._database.kill()
        await asyncio.to_thread(self._database.start)
        await self._target.ready()

    async def _session(self) -> None:
        await asyncio.to_thread(self._database.kill_session, self._chosen)
        await self._target.ready()

    async def _both(self) -> None:
        self._target.kill()
        self._database.kill()
        await asyncio.to_thread(self._database.start)
        await self._target.start()


async def torture(database: Postgres, folder: Path, options: argparse.Namespace) -> list[str]:
    """Let clients order and kill what serves them; gives what is wrong in the end."""
    bank = await fresh(database.dsn, DATABASE)
    keys, tokens = Keys.load(folder, None, None), TokenKey.load(folder)
    seeding = seed_bank(bank, keys, CUSTOMERS, 1, lambda *_: None, business_date=date(2026, 6, 30))
    await seeding
    owner = await asyncpg.connect(bank)
    risk_officer = await owner.fetchval(
        "select staff_id from staff_role where role = 'RISK_OFFICER' limit 1"
    )
    accounts, before = await open_accounts(owner, keys), await balances(owner)
    await owner.close()
    orders = Orders(accounts, risk_officer, tokens, options.seed)
    clients = [Client(orders, options.orders, number) for number in range(options.clients)]
    target = Server(bank, folder)
    try:
        await target.start()
        began = perf_counter()
        async with working(target.url, [client.send for client in clients]) as run:
            kills = Kills(run, target, database, options.seed).all(options.kills)
            # All kills fall within the orders, with some to spare.
            most = options.orders // (options.kills + 2)
            chosen = random.Random(options.seed)
            await kill_again_and_again(run, kills, (most // 2, most), chosen)
        seconds = perf_counter() - began
        print(f"{len(clients)} clients, {len(accounts)} accounts, {seconds:.0f} s: {run.summary()}")
        owner = await asyncpg.connect(bank)
        faults = await checked(owner, run.answered, before)
        faults += await chain(owner, target)
        await owner.close()
    finally:
        target.kill()
    return faults


async def checked(
    owner: asyncpg.Connection, answered: list[Answered], before: dict[AccountKey, Decimal]
) -> list[str]:
    """Give what is wrong with orders and money."""
    done = {(each.order.actor, each.order.key) for each in answered if each.code is None}
    commands = sorted({each.order.name for each in answered})
    # One of who asked, beside that of who approves; and one of a request that is refused as stale.
    approved = sum(each.order.approves is not None and each.code is None for each in answered)
    beside = approved + sum(each.code == "REQUEST_STALE" for each in answered)
    return [
        *await keys_and_records(owner, done, commands, beside),
        *await answers(owner, answered),
        *await requests(owner, answered),
        *await book(owner),
        *await outcomes(owner, before, answered),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Postgres(Path(folder))
        try:
            faults = asyncio.run(torture(database, Path(folder), options))
        finally:
            database.stop()
    if faults:
        raise SystemExit("\n".join(faults))
    print("nothing missing, nothing doubled, and not a cent made or lost")


if __name__ == "__main__":
    main()
