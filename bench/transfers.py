"""What a transfer costs: through the unit of work, beside pgbench that sends the same statements.

Customers, each with one account, pay each other by account number and name, on the same database
and over as many connections, in three shapes:

- between any two of all accounts;
- from any of them into one account, whose row every transfer has to lock;
- between any two of a tenth of the accounts.

Each brings a promise that it is asked for nothing, as orders do whose clients asked first: else
those who pay often would be asked for codes.

One side is the unit of work in one process: everything between the command and its outcome, with
its rules, encryption, hashes and audit record; without HTTP, GraphQL and the reading of the answer.
The other is ``pgbench -M prepared`` with the statements of one such transfer, in its transaction;
it draws payers and payees as we do and makes up ids, keys and locks, while texts that are encrypted
or hashed anew for each transfer are constants there. They take turns; the ratio is that of the
medians. In the end the whole book is checked: zero in sum, and every balance follows.

Run: ``python bench/transfers.py [--accounts 10000] [--connections 8] [--seconds 4] [--rounds 5]``
on the embedded PostgreSQL in a temporary folder.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import uvloop
from asyncpg.connection import LoggedQuery
from money_checks import book
from pgbench import TIMEOUT_SECONDS, compare, context_of, pgbench, written
from plain_copy import drop, fresh, machine, server

from app.auth.permissions import Role
from app.auth.promises import LASTS, Promise, Promises
from app.auth.viewer import Viewer
from app.db.accounts import AccountKey
from app.db.bank_itself import BANK_ID, ensure_bank, internal_account_id
from app.db.beneficiaries import Beneficiary
from app.db.clearance import Given
from app.db.commands import Done
from app.db.database import open_pool
from app.db.ids import new_id
from app.db.key_check import hold_keys
from app.db.keys import Keys
from app.db.requirements import Terms
from app.db.roles import APP_WRITE
from app.db.unit_of_work import Writes
from app.domain.account import InternalPurpose
from app.domain.money import Currency
from app.domain.payment import PayeeAccount
from app.resolvers.payment import Transfer, transfer

DATABASE: Final = "bank360_bench_transfers"
DAY: Final = date(2026, 6, 30)
CURRENCY: Final = Currency.CNY
OPENING: Final = Decimal("1000000.00")
AMOUNT: Final = Decimal("1.00")
# Accounts' ids lie so far behind those of the customers of the same number.
ACCOUNTS: Final = 1 << 40
ENTRIES: Final = 1 << 41
IDS_OF_TRANSFER: Final = 8
CLIENTS_MAX: Final = 64
# Ids of one run are far from those of another.
RUN: Final = 10**9


@dataclass(frozen=True)
class Shape:
    """Who pays whom: ``draw`` in our process, ``drawn`` as pgbench writes it."""

    name: str
    draw: Callable[[], tuple[int, int]]
    drawn: str


def shapes(accounts: int) -> list[Shape]:
    """Give the shapes for customers with the numbers from 1."""
    tenth = accounts // 10
    return [
        Shape(f"any of {accounts:,} accounts", partial(_pair, accounts), _drawn(accounts)),
        Shape(
            f"any of {accounts:,} into one account",
            lambda: (random.randint(2, accounts), 1),
            f"\\set payer random(2, {accounts})\n\\set payee 1",
        ),
        Shape(f"any of {tenth:,}, a tenth", partial(_pair, tenth), _drawn(tenth)),
    ]


def _pair(most: int) -> tuple[int, int]:
    payer, payee = random.sample(range(1, most + 1), 2)
    return payer, payee


def _drawn(most: int) -> str:
    return (
        f"\\set payer random(1, {most})\n"
        f"\\set payee 1 + (:payer - 1 + random(1, {most - 1})) % {most}"
    )


def customer_id(number: int) -> UUID:
    """Give the id of the customer of a number."""
    return UUID(int=number)


def account_id(number: int) -> UUID:
    """Give the id of the account of a number."""
    return UUID(int=ACCOUNTS + number)


def name_of(number: int) -> str:
    """Give the name of the customer of a number."""
    return f"Customer {number:06}"


def account_number(number: int) -> str:
    """Give an account number."""
    return f"62{number:014}"


def stand_in(number: int) -> bytes:
    """Give what pgbench, which cannot make a digest, finds the account of a number by."""
    return customer_id(number).bytes


async def fill(dsn: str, keys: Keys, accounts: int) -> None:
    """Make customers, and accounts with an opening deposit each."""
    owner = await asyncpg.connect(dsn)
    try:
        async with owner.transaction():
            await hold_keys(owner, keys.ring)
            await ensure_bank(owner, keys, DAY, CURRENCY)
            await owner.execute("insert into business_date values (1, $1)", DAY)
            rows = [_rows(keys, number) for number in range(1, accounts + 1)]
            for table, columns in COLUMNS.items():
                records = [record for each in rows for record in each[table]]
                await owner.copy_records_to_table(table, records=records, columns=columns.split())
        await owner.execute("analyze")
    finally:
        await owner.close()


COLUMNS: Final = {
    "customer": "id number type source status kyc_status tier customer_since name_ciphertext",
    "customer_key": "customer_id wrapped_key",
    "account": ("customer_id id kind currency balance status opened_on source number_ciphertext"),
    "account_number_index": "digest customer_id account_id",
    "journal_entry": "customer_id id kind booked_at value_on source",
    "posting": (
        "customer_id id account_id amount balance_after entry_customer_id entry_id kind currency"
        " booked_at value_on"
    ),
}


def _rows(keys: Keys, number: int) -> dict[str, list[tuple[Any, ...]]]:
    """Give the rows of a customer."""
    owner, account, entry = customer_id(number), account_id(number), UUID(int=ENTRIES + number)
    wrapped, cipher = keys.ring.make(owner)
    name = cipher.encrypt("customer.name_ciphertext", owner, name_of(number))
    sealed = cipher.encrypt("account.number_ciphertext", account, account_number(number))
    who = (f"C{number}", "INDIVIDUAL", "BANK360", "ACTIVE", "VERIFIED", "PLATINUM", DAY, name)
    kind, at = "CASH_DEPOSIT", datetime(2026, 6, 30, tzinfo=UTC)
    cash = internal_account_id(InternalPurpose.CASH, CURRENCY)
    common = (owner, entry, kind, CURRENCY, at, DAY)
    digest = keys.index.account_number(account_number(number))
    return {
        "customer": [(owner, *who)],
        "customer_key": [(owner, wrapped)],
        "account": [(owner, account, "DEMAND", CURRENCY, OPENING, "OPEN", DAY, "BANK360", sealed)],
        "account_number_index": [
            (digest, owner, account),
            (stand_in(number), owner, account),
        ],
        "journal_entry": [(owner, entry, kind, at, DAY, "BANK360")],
        "posting": [
            (owner, entry, account, OPENING, OPENING, *common),
            (BANK_ID, entry, cash, -OPENING, None, *common),
        ],
    }


async def pay(writes: Writes, payer: int, payee: int) -> None:
    """Carry out one transfer; anything but its success ends the bench."""
    viewer = Viewer(Role.CUSTOMER, (Role.CUSTOMER,), customer_id=customer_id(payer))
    to = PayeeAccount(name_of(payee), account_number(payee), None)
    account = AccountKey(customer_id(payer), account_id(payer))
    terms = Terms(account, AMOUNT, CURRENCY, None, None, to)
    promise = Promise(
        new_id(), viewer.id, viewer.role.value, terms.digest, AMOUNT, CURRENCY,
        datetime.now(UTC) + LASTS, frozenset(),
    )  # fmt: skip
    order = Transfer(
        account,
        AMOUNT,
        CURRENCY,
        Beneficiary("to.account", given=to),
        "Rent",
        Given(Promises(writes.keys.promise_secret).write(promise)),
    )
    outcome = await transfer(context_of(writes, viewer), uuid4().hex, order)
    if not isinstance(outcome, Done):
        message = f"refused: {outcome.code}"
        raise SystemExit(message)


async def pay_for(writes: Writes, shape: Shape, connections: int, seconds: int) -> float:
    """Let as many pay as there are connections; gives transfers a second."""

    async def pay_until(moment: float) -> int:
        done = 0
        while perf_counter() < moment:
            await pay(writes, *shape.draw())
            done += 1
        return done

    began = perf_counter()
    counts = await asyncio.gather(*(pay_until(began + seconds) for _ in range(connections)))
    return sum(counts) / (perf_counter() - began)


async def statements(writes: Writes, payer: int, payee: int) -> list[LoggedQuery]:
    """Give the statements of one transfer."""
    logged: list[LoggedQuery] = []
    async with writes.pool.acquire() as connection:
        connection.add_query_logger(logged.append)
    # The first of a connection also prepares its statements.
    await pay(writes, payer, payee)
    logged.clear()
    await pay(writes, payer, payee)
    async with writes.pool.acquire() as connection:
        connection.remove_query_logger(logged.append)
    return logged


def script(sent: Sequence[LoggedQuery], keys: Keys, payer: int, payee: int) -> str:
    """Write the transfer from ``payer`` to ``payee`` for any two, as pgbench draws them."""
    expressions = {
        customer_id(payer): _uuid(":payer"),
        customer_id(payee): _uuid(":payee"),
        account_id(payer): _uuid(f":payer + {ACCOUNTS}"),
        account_id(payee): _uuid(f":payee + {ACCOUNTS}"),
        keys.index.account_number(account_number(payee)): f"uuid_send({_uuid(':payee')})",
    }
    made = count()
    lines = ["\\set id :id + 1", "\\set lock random(-2147483648, 2147483647)"]
    for logged in sent:
        sql, values = " ".join(logged.query.split()).rstrip(";"), list(logged.args)
        for value in _flat(values):
            if isinstance(value, UUID) and value not in expressions:
                place = (
                    f"(:id::bigint * {IDS_OF_TRANSFER} + {next(made)}) * {CLIENTS_MAX} + :client_id"
                )
                expressions[value] = _uuid(place)
        texts = [written(value, expressions) for value in values]
        if "pg_try_advisory_xact_lock" in sql:
            texts[0] = _viewer(values[0], customer_id(payer))
            texts[2:] = ["(:lock)::int"] * 2
        elif "from idempotency_key" in sql or "into idempotency_key" in sql:
            texts[1] = f"md5((:id::bigint * {CLIENTS_MAX} + :client_id)::text)"
        for number in range(len(texts), 0, -1):
            sql = sql.replace(f"${number}", texts[number - 1])
        lines.append(f"{sql};")
    return "\n".join([*lines, ""])


def _uuid(number: str) -> str:
    return f"lpad(to_hex(({number})::bigint), 32, '0')::uuid"


def _viewer(setting: str, payer: UUID) -> str:
    before, after = setting.split(str(payer))
    return f"'{before}' || {_uuid(':payer')} || '{after}'"


def _flat(values: Sequence[Any]) -> list[Any]:
    return [
        inner
        for value in values
        for inner in (value if isinstance(value, list | tuple) else [value])
    ]


async def measure(dsn: str, keys: Keys, folder: Path, options: argparse.Namespace) -> list[str]:
    """Take turns in each shape, and print what each side did; gives what is wrong in the end."""
    await fill(dsn, keys, options.accounts)
    one = Writes(await open_pool(dsn, APP_WRITE, 1, TIMEOUT_SECONDS), keys)
    sent = await statements(one, 1, 2)
    await one.close()
    print(
        f"{len(sent)} statements a transfer, {options.connections} connections,"
        f" {options.rounds} rounds of {options.seconds} s"
    )
    pool = await open_pool(dsn, APP_WRITE, options.connections, TIMEOUT_SECONDS)
    writes, runs = Writes(pool, keys), count(1)
    for shape in shapes(options.accounts):
        file = folder / "transfer.sql"
        file.write_text(f"{shape.drawn}\n{script(sent, keys, 1, 2)}", encoding="utf-8")

        def theirs(file: Path = file) -> float:
            first = next(runs) * RUN
            return pgbench(dsn, file, options.connections, options.seconds, id=first)

        rates = await compare(
            partial(pay_for, writes, shape, options.connections, options.seconds),
            theirs,
            options.rounds,
        )
        print(f"\n{shape.name}")
        rates.show()
    await writes.close()
    owner = await asyncpg.connect(dsn)
    faults = await book(owner)
    booked = await owner.fetchval("select count(*) from journal_entry")
    await owner.close()
    print(f"\n{booked:,} entries booked")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dsn", help="a server on which a database may be created")
    options = parser.parse_args()
    # As the server has it.
    uvloop.install()
    print(machine(), flush=True)
    with server(options.dsn) as dsn, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bank = asyncio.run(fresh(dsn, DATABASE))
        faults = asyncio.run(measure(bank, Keys.load(folder, None, None), folder, options))
        asyncio.run(drop(dsn, DATABASE))
    if faults:
        raise SystemExit("\n".join(faults))
    print("the book is right")


if __name__ == "__main__":
    main()
