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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import orjson
from killed_server import Server, fail
from killed_writers import Run, chain, keys_and_records, kill_again_and_again, working
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
ACKNOWLEDGED: Final = 20, 80
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


@dataclass(frozen=True)
class Writer:
    """Changes one customer's address again and again."""

    number: int
    customer: UUID
    actor: UUID
    token: str

    async def write(self, run: Run[Written]) -> None:
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
            answer = await run.command(self.token, UPDATE, "updateCustomer", command)
            code = answer.get("code")
            if code not in {None, "STALE_VERSION"}:
                fail(f"unexpected: {code}")
            run.counts["refused as stale" if code else "acknowledged"] += 1
            if code is None:
                run.answered.append(Written(self.actor, key, self.customer, email))


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
        async with working(target.url, [writer.write for writer in writers]) as run:
            kills = [target.restart] * options.kills
            await kill_again_and_again(run, kills, ACKNOWLEDGED, random.Random(options.seed))
        print(f"{len(writers)} writers, {options.kills} kills: {run.summary()}", flush=True)
        acknowledged = {(each.actor, each.key) for each in run.answered}
        faults = [
            *await keys_and_records(owner, acknowledged, ["updateCustomer"]),
            *await Checks(owner, keys, run.answered).customers([dict(row) for row in customers]),
            *await chain(owner, target),
        ]
    finally:
        target.kill()
        await owner.close()
    return faults


@dataclass
class Checks:
    """What must hold of the database once every command is answered."""

    owner: asyncpg.Connection
    keys: Keys
    written: Sequence[Written]

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
