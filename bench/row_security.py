"""What row-level security costs: the 360 query's statements with it and without it.

A post of each kind of scope asks for one customer's 360 view and for the first pages of customers
and of tickets. The statements that the application sends for it are then sent again on two
connections that take turns: one acts as ``app_read``, is told who is asking before each statement
and meets the policies; the other is the owner's, whom no policy concerns. Everything else is the
same on both sides, conditions of the scope included, and so are the rows.

Run: ``python bench/row_security.py [--customers 5000] [--rounds 30]`` on the embedded PostgreSQL
in a temporary folder.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
from plain_copy import drop, fresh, machine, server

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.database import Database
from app.db.keys import Keys
from app.db.seed.load import seed_bank
from app.db.viewer_setting import VIEWER_SETTING
from app.main import create_app
from app.planner.global_id import format_id
from app.settings import Settings

DATABASE: Final = "bank360_bench_row_security"
# What a post does not see is left out of its answer, and of its statements.
VIEW: Final = """
query ($id: ID!) {
  customer(id: $id) {
    number name tier age phone email nationalId
    branch { name } relationshipManager { name }
    accounts {
      number kind balance { amount }
      transactions(first: 5) { nodes { kind amount { amount } bookedAt } }
    }
    loans { number outstanding { amount } daysPastDue schedule { dueOn paid { amount } } }
    holdings { units value { amount } product { name } }
    cards { level number account { number } }
    tickets(first: 5) { totalCount nodes { subject status history { kind } } }
    totals { currency netWorth { amount } }
    timeline(first: 10) { nodes { __typename } }
  }
}
"""
QUERIES: Final = {
    "360": VIEW,
    "customers": "{ customers(first: 20) { nodes { id number name tier branch { name } } } }",
    "tickets": "{ tickets(first: 20) { nodes { id subject status customer { tier } } } }",
}
CUSTOMER: Final = """
select customer.id from customer
where exists (select from loan where customer_id = customer.id and status = 'ACTIVE')
    and exists (select from holding where customer_id = customer.id)
    and exists (select from ticket where customer_id = customer.id and status <> 'CLOSED')
order by (select count(*) from account where customer_id = customer.id) desc, customer.id limit 1
"""
# Who has that customer in scope.
PEOPLE: Final = {
    Role.CUSTOMER: "select $1::uuid",
    Role.RELATIONSHIP_MANAGER: "select staff_id from assignment where customer_id = $1"
    " and role = 'RELATIONSHIP_MANAGER'",
    Role.SERVICE_AGENT: "select staff_id from staff_queue join ticket using (queue)"
    " where customer_id = $1 and status <> 'CLOSED' limit 1",
    Role.BRANCH_MANAGER: "select staff.id from staff join customer using (branch_id)"
    " join staff_role on staff_id = staff.id"
    " where customer.id = $1 and role = 'BRANCH_MANAGER'",
    Role.COMPLIANCE: "select staff_id from staff_role where $1::uuid is not null"
    " and role = 'COMPLIANCE'",
}


@dataclass(frozen=True)
class Sent:
    """A statement that the application sent."""

    sql: str
    values: Sequence[Any]
    viewer: str


class Recording:
    """Reads as the application's database does, and keeps what it was asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.sent: list[Sent] = []

    async def fetch(self, sql: str, values: Sequence[Any], viewer: str) -> Sequence[Any]:
        """Note the statement, then run it."""
        self.sent.append(Sent(sql, values, viewer))
        return await self._database.fetch(sql, values, viewer)


async def record(
    dsn: str, keys: Keys, customer: UUID, people: dict[Role, UUID]
) -> dict[tuple[str, Role], list[Sent]]:
    """Ask every query as everybody; give the statements."""
    token_key, found = TokenKey.new(), {}
    settings = Settings(log_level="ERROR")
    app = create_app(settings, database_url=dsn, keys=keys, token_key=token_key)
    async with app.router.lifespan_context(app):
        database = app.state.database
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as http:
            for name, query in QUERIES.items():
                for role, person in people.items():
                    recording = app.state.database = Recording(database)
                    token = token_key.issue(role, person, strong=True)
                    given = {"id": format_id("cus", customer, customer)} if name == "360" else {}
                    response = await http.post(
                        "/graphql",
                        json={"query": query, "variables": given},
                        headers={"Authorization": f"Bearer {token}"},
                    )
                    data = response.json()["data"]
                    if next(iter(data.values())):
                        found[name, role] = recording.sent
        app.state.database = database
    return found


async def replay(connection: asyncpg.Connection, sent: Sequence[Sent], *, tell: bool) -> int:
    """Send the statements once more; give the number of rows."""
    rows = 0
    for one in sent:
        if tell:
            await connection.fetchval(
                f"select set_config('{VIEWER_SETTING}', $1, false)", one.viewer
            )
        rows += len(await connection.fetch(one.sql, *one.values))
    return rows


async def measure(dsn: str, keys: Keys, rounds: int) -> None:
    owner = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    guarded = await asyncpg.connect(dsn, server_settings={"jit": "off", "role": "app_read"})
    customer = await owner.fetchval(CUSTOMER)
    people = {role: await owner.fetchval(sql, customer) for role, sql in PEOPLE.items()}
    sizes = await owner.fetchrow(
        "select (select count(*) from customer), (select count(*) from customer"
        " where branch_id = (select branch_id from customer where id = $1))",
        customer,
    )
    assert sizes is not None
    print(f"{sizes[0]:,} customers, {sizes[1]:,} of them in the branch; medians of {rounds}")
    print(f"{'':<12}{'':<22}{'statements':>10}{'without ms':>12}{'with ms':>10}{'ratio':>7}")
    for (name, role), sent in (await record(dsn, keys, customer, people)).items():
        sides = ((owner, False), (guarded, True))
        if len({await replay(one, sent, tell=tell) for one, tell in sides}) != 1:
            message = f"{name} as {role}: the two sides do not give the same rows"
            raise SystemExit(message)
        times: list[list[float]] = [[], []]
        for _ in range(rounds):
            for side, (one, tell) in enumerate(sides):
                began = perf_counter()
                await replay(one, sent, tell=tell)
                times[side].append((perf_counter() - began) * 1_000)
        without, with_ = map(statistics.median, times)
        print(
            f"{name:<12}{role:<22}{len(sent):>10}{without:>12.2f}{with_:>10.2f}"
            f"{with_ / without:>7.2f}",
            flush=True,
        )
    await owner.close()
    await guarded.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--dsn", help="a server on which a database may be created")
    options = parser.parse_args()
    print(machine())
    with server(options.dsn) as dsn, tempfile.TemporaryDirectory() as folder:
        keys = Keys.load(Path(folder), None, None)
        bank = asyncio.run(fresh(dsn, DATABASE))
        business_date = date(2026, 6, 30)
        filling = seed_bank(
            bank, keys, options.customers, 1, lambda *_: None, business_date=business_date
        )
        asyncio.run(filling)
        asyncio.run(measure(bank, keys, options.rounds))
        asyncio.run(drop(dsn, DATABASE))


if __name__ == "__main__":
    main()
