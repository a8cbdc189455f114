"""Writers whose server is killed: nothing that was acknowledged is lost, and nothing is done twice.

Writers change customers' e-mail addresses through ``bank360 serve``, two for each customer, and
send a command again with the same key when its answer is lost. Meanwhile the server process is
killed (SIGKILL) and started anew, again and again. In the end every command has been answered, and
the database is asked whether

- each acknowledged command has its key and one audit record, and nothing else has either;
- each customer's version rose by one for every acknowledged change, and the values before and
  after that the records keep lead from the first address to the last without a gap;
- the customer is found by the last address and by no other;
- the records' positions are dense, and ``bank360 audit verify`` finds the chain whole.

Run: ``python bench/torture_writes.py [--kills 20] [--writers 16]`` on the embedded PostgreSQL in a
temporary folder. Ends with status 1 and what is wrong, if anything is.
"""

import argparse
import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
from killed_server import POLL_SECONDS, SECONDS_MAX, Server, fail
from plain_copy import drop, fresh, machine, server

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.db.seed.load import seed_bank
from app.planner.global_id import format_id

DATABASE: Final = "bank360_torture_writes"
CUSTOMERS: Final = 64
WRITERS_OF_A_CUSTOMER: Final = 2
# So many changes are acknowledged between two kills: some connections are new, none are many.
ACKNOWLEDGED_MIN: Final = 20
ACKNOWLEDGED_MAX: Final = 80
VERSION: Final = "query ($id: ID!) { customer(id: $id) { version } }"
UPDATE: Final = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) {
    ... on UpdateCustomerPayload { customer { id } }
    ... on Problem { code }
  }
}
"""
MANAGED: Final = """
select customer.id, customer.version, assignment.staff_id, email_ciphertext, wrapped_key
from customer
join assignment on assignment.customer_id = customer.id and role = 'RELATIONSHIP_MANAGER'
join customer_key on customer_key.customer_id = customer.id
where customer.type = 'INDIVIDUAL' and customer.status = 'ACTIVE' order by customer.id limit $1
"""


@dataclass(frozen=True)
class Written:
    """A change that the server acknowledged."""

    actor: UUID
    key: str
    customer: UUID
    email: str


@dataclass
class Run:
    """What all writers share."""

    http: httpx.AsyncClient
    url: str
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    written: list[Written] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    async def send(self, token: str, query: str, variables: dict[str, Any]) -> Any:
        """Send an operation until it is answered; gives its data."""
        deadline = monotonic() + SECONDS_MAX
        while True:
            try:
                response = await self.http.post(
                    f"{self.url}/graphql",
                    json={"query": query, "variables": variables},
                    headers={"Authorization": f"Bearer {token}"},
                )
            except httpx.ConnectError:
                pass  # It does not listen yet, so it was not told either.
            except httpx.TransportError:
                self.counts["answers lost"] += 1
            else:
                body = response.json()
                if "errors" not in body:
                    return body["data"]
                codes = {error["extensions"]["code"] for error in body["errors"]}
                if codes != {"RATE_LIMITED"}:
                    fail(f"unexpected: {body['errors']}")
                self.counts["too busy"] += 1
            if monotonic() > deadline:
                fail("the server answers no more")
            await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Writer:
    """Changes one customer's address again and again."""

    number: int
    customer: UUID
    actor: UUID
    token: str

    async def write(self, run: Run) -> None:
        """Go on until the run is over and the last command is answered."""
        place = format_id("cus", self.customer, self.customer)
        while not run.is_over.is_set():
            data = await run.send(self.token, VERSION, {"id": place})
            key, email = uuid4().hex, f"{uuid4().hex}@writer{self.number}.example"
            command = {
                "idempotencyKey": key,
                "id": place,
                "expectedVersion": data["customer"]["version"],
                "email": email,
            }
            outcome = await self._answer(run, command)
            run.counts[outcome] += 1
            if outcome == "acknowledged":
                run.written.append(Written(self.actor, key, self.customer, email))

    async def _answer(self, run: Run, command: dict[str, Any]) -> str:
        while True:
            answer = (await run.send(self.token, UPDATE, {"input": command}))["updateCustomer"]
            code = answer.get("code")
            if code is None:
                return "acknowledged"
            if code == "STALE_VERSION":
                return "refused as stale"
            if code not in {"IN_PROGRESS", "TRY_AGAIN"}:
                fail(f"unexpected: {code}")
            run.counts["asked to send again"] += 1


async def torture(bank: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """Run the writers and kill their server; gives what is wrong in the end."""
    keys = Keys.load(folder, None, None)
    filling = seed_bank(bank, keys, CUSTOMERS, 1, lambda *_: None, business_date=date(2026, 6, 30))
    await filling
    owner = await asyncpg.connect(bank)
    customers = await owner.fetch(MANAGED, -(-options.writers // WRITERS_OF_A_CUSTOMER))
    token_key = TokenKey.load(folder)
    writers = [
        Writer(
            number,
            row["id"],
            row["staff_id"],
            token_key.issue(Role.RELATIONSHIP_MANAGER, row["staff_id"]),
        )
        for number, row in zip(range(options.writers), cycle(customers), strict=False)
    ]
    target = Server(bank, folder)
    try:
        await target.start()
        async with writing(writers, target.url) as run:
            await kill_again_and_again(run, target, options.kills, options.seed)
        shown = ", ".join(f"{count:,} {what}" for what, count in sorted(run.counts.items()))
        print(f"{len(writers)} writers, {options.kills} kills: {shown}", flush=True)
        checks = Checks(owner, keys, run.written)
        faults = [
            *await checks.keys_and_records(),
            *await checks.customers([dict(row) for row in customers]),
            *await checks.chain(target),
        ]
    finally:
        target.kill()
        await owner.close()
    return faults


@asynccontextmanager
async def writing(writers: Sequence[Writer], url: str) -> AsyncIterator[Run]:
    """Let the writers write; in the end every command that was begun is answered."""
    async with httpx.AsyncClient(timeout=SECONDS_MAX) as http, asyncio.TaskGroup() as tasks:
        run = Run(http, url)
        for writer in writers:
            tasks.create_task(writer.write(run))
        try:
            yield run
        finally:
            run.is_over.set()


async def kill_again_and_again(run: Run, target: Server, kills: int, seed: int) -> None:
    """Kill the server while commands are under way, start it, and wait until it works."""
    chosen = random.Random(seed)
    for _ in range(kills):
        await acknowledged(run, chosen.randint(ACKNOWLEDGED_MIN, ACKNOWLEDGED_MAX))
        target.kill()
        await target.start()
    await acknowledged(run, ACKNOWLEDGED_MIN)


async def acknowledged(run: Run, more: int) -> None:
    """Wait until so many more changes are acknowledged."""
    wanted, deadline = len(run.written) + more, monotonic() + SECONDS_MAX
    while len(run.written) < wanted:
        if monotonic() > deadline:
            fail("nothing is acknowledged any more")
        await asyncio.sleep(0.001)


@dataclass
class Checks:
    """What must hold of the database once every command is answered."""

    owner: asyncpg.Connection
    keys: Keys
    written: Sequence[Written]

    async def keys_and_records(self) -> list[str]:
        """Compare what was acknowledged with keys and records, both ways."""
        rows = await self.owner.fetch(
            """
            select idempotency_key.actor_id, key, count(audit_record.id) as records
            from idempotency_key
            left join audit_record on audit_record.payload_hash = idempotency_key.payload_hash
                and audit_record.actor_id = idempotency_key.actor_id
                and audit_record.command = idempotency_key.command
            where problem is null group by 1, 2
            """
        )
        done = {(row["actor_id"], row["key"]): row["records"] for row in rows}
        wanted = {(each.actor, each.key) for each in self.written}
        records = await self.owner.fetchval(
            "select count(*) from audit_record where command = 'updateCustomer'"
        )
        faults = []
        if missing := wanted - done.keys():
            faults.append(f"{len(missing)} acknowledged commands are missing")
        if more := done.keys() - wanted:
            faults.append(f"{len(more)} commands were carried out, and nobody was told")
        if wrong := {key for key, count in done.items() if count != 1}:
            faults.append(f"{len(wrong)} commands have not exactly one audit record")
        if records != len(self.written):
            faults.append(f"{records} audit records for {len(self.written)} commands")
        return faults

    async def customers(self, before: Sequence[dict[str, Any]]) -> list[str]:
        """Follow each customer's changes from the state ``before`` to what stands there now."""
        faults = []
        for row in before:
            mine = [each.email for each in self.written if each.customer == row["id"]]
            now = await self.owner.fetchrow(
                "select version, email_ciphertext from customer where id = $1", row["id"]
            )
            assert now is not None
            if now["version"] - row["version"] != len(mine):
                risen = now["version"] - row["version"]
                faults.append(f"{row['id']}: version rose by {risen}, not by {len(mine)}")
            changes = await self._changes(row)
            if sorted(changes.values()) != sorted(mine):
                faults.append(f"{row['id']}: records tell other changes than were acknowledged")
            email = self._email(row)
            for _ in range(len(changes)):
                email = changes.pop(email, email)
            if changes or email != self._email(row | dict(now)):
                faults.append(f"{row['id']}: records do not lead to what stands there")
            digests = await self.owner.fetch(
                "select digest from contact_index where customer_id = $1 and kind = 'EMAIL'",
                row["id"],
            )
            expected = [] if email is None else [self.keys.index.email(email)]
            if [each["digest"] for each in digests] != expected:
                faults.append(f"{row['id']}: is not found by the last address alone")
        return faults

    def _email(self, row: dict[str, Any]) -> str | None:
        if row["email_ciphertext"] is None:
            return None
        cipher = self.keys.ring.cipher(row["id"], row["wrapped_key"])
        return cipher.decrypt("customer.email_ciphertext", row["id"], row["email_ciphertext"])

    async def _changes(self, row: dict[str, Any]) -> dict[str | None, str]:
        """Give the addresses by those that they replaced."""
        cipher = self.keys.ring.cipher(row["id"], row["wrapped_key"])
        place = "audit_record.detail_ciphertext"
        found = {}
        for record in await self.owner.fetch(
            "select id, detail_ciphertext from audit_record"
            " where customer_id = $1 and command = 'updateCustomer'",
            row["id"],
        ):
            detail = cipher.decrypt(place, record["id"], record["detail_ciphertext"])
            change = orjson.loads(detail)["email"]
            found[change["before"]] = change["after"]
        return found

    async def chain(self, target: Server) -> list[str]:
        """Wait for the sequencer, then look at positions and chain."""
        deadline = monotonic() + SECONDS_MAX
        while await self.owner.fetchval("select exists (select from audit_pending)"):
            if monotonic() > deadline:
                return ["the sequencer has not numbered every record"]
            await asyncio.sleep(POLL_SECONDS)
        links = await self.owner.fetchrow(
            """
            select count(*) as links, max(position) as last, count(distinct record_id) as records,
                (select count(*) from audit_record) as all_records
            from audit_link
            """
        )
        assert links is not None
        faults = [] if len(set(links)) == 1 else [f"positions are not dense: {dict(links)}"]
        with tempfile.TemporaryFile() as said:
            status = await asyncio.to_thread(target.run("audit", "verify", output=said).wait)
            said.seek(0)
            text = said.read().decode().strip()
        print(text)
        return faults if status == 0 else [*faults, f"audit verify ended with {status}: {text}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dsn", help="a server on which a database may be created")
    options = parser.parse_args()
    print(machine(), flush=True)
    with server(options.dsn) as dsn, tempfile.TemporaryDirectory() as folder:
        bank = asyncio.run(fresh(dsn, DATABASE))
        faults = asyncio.run(torture(bank, Path(folder), options))
        asyncio.run(drop(dsn, DATABASE))
    if faults:
        raise SystemExit("\n".join(faults))
    print("nothing missing, nothing doubled")


if __name__ == "__main__":
    main()
