"""The end of a business day: accounts a second, step by step, beside one plain UPDATE of all.

A bank of so many accounts with money on them, a tenth of which pay a standing order, is closed for
two days: 19 March, when interest accrues and orders are due, and 20 March, when interest is also
credited to every account. The limit is one statement that updates every account, in one
transaction, with no rule, no posting and no record.

Run: ``python bench/day_end.py [--accounts 20000 100000] [--batch 500] [--dsn DSN]``. Without a DSN
the embedded PostgreSQL is started in a temporary folder.
"""

import argparse
import asyncio
import logging
import tempfile
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

import asyncpg
import structlog
from plain_copy import drop, fresh, machine, server

from app.db.bank_itself import ensure_bank
from app.db.ids import new_id
from app.db.keys import Keys
from app.domain.business_day import DayStep
from app.domain.money import Currency
from app.jobs.day_end import DayEnd, Rules

BANK: Final = "bank360_bench_day_end"
FIRST_DAY: Final = date(2026, 3, 19)
LAST_DAY: Final = date(2026, 3, 21)
ORDERS_IN: Final = 10
SHOWN: Final = (DayStep.INTEREST, DayStep.POSTING, DayStep.STANDING_ORDERS)
CUSTOMER: Final = "id number type source status kyc_status tier customer_since"
ACCOUNT: Final = "customer_id id kind currency balance status opened_on annual_rate source"
ORDER: Final = (
    "customer_id id account_id purpose amount currency frequency status next_on payee_bank"
    " payee_account_ciphertext source"
)
LIMIT: Final = """
update account set interest_accrued = interest_accrued + 0.35, accrued_until = '2026-03-22'
where kind = 'DEMAND'
"""


class Measured:
    """Rows and seconds of each step; ``app.jobs.day_end.Observer``."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.rows: defaultdict[DayStep, int] = defaultdict(int)
        self.seconds: defaultdict[DayStep, float] = defaultdict(float)

    def due(self, days: int) -> None:
        """Not measured."""

    def worked(self, step: DayStep, rows: int, seconds: float) -> None:
        """Add one transaction."""
        self.rows[step] += rows
        self.seconds[step] += seconds

    def closed(self) -> None:
        """Not measured."""

    def failed(self) -> None:
        """Not measured."""


async def fill(dsn: str, keys: Keys, accounts: int) -> None:
    """Make customers with one account each; the first tenth of them pay an order."""
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await ensure_bank(connection, keys, FIRST_DAY, Currency.CNY)
        await connection.execute("insert into business_date values (1, $1, false)", FIRST_DAY)
        owners = [new_id() for _ in range(accounts)]
        ids = [new_id() for _ in range(accounts)]
        made = [keys.ring.make(owner) for owner in owners[: accounts // ORDERS_IN]]
        await connection.copy_records_to_table(
            "customer",
            columns=[
                "id",
                "number",
                "type",
                "source",
                "status",
                "kyc_status",
                "tier",
                "customer_since",
            ],
            records=[
                (owner, owner.hex, "INDIVIDUAL", "SEED", "ACTIVE", "VERIFIED", "NORMAL", FIRST_DAY)
                for owner in owners
            ],
        )
        await connection.copy_records_to_table(
            "account",
            columns=ACCOUNT.split(),
            records=[
                (owner, id_, "DEMAND", "CNY", Decimal("36000.00"), "OPEN", FIRST_DAY,
                 Decimal("0.0035"), "SEED")
                for owner, id_ in zip(owners, ids, strict=True)
            ],
        )  # fmt: skip
        orders = []
        for owner, account, (_, cipher) in zip(owners, ids, made, strict=False):
            order = new_id()
            payee = cipher.encrypt("standing_order.payee_account_ciphertext", order, "6217000001")
            orders.append(
                (owner, order, account, "HOUSEHOLD", Decimal("100.00"), "CNY", "MONTHLY", "ACTIVE",
                 date(2026, 3, 20), "ICBC", payee, "SEED")
            )  # fmt: skip
        await connection.copy_records_to_table(
            "customer_key",
            columns=["customer_id", "wrapped_key"],
            records=[(owner, key) for owner, (key, _) in zip(owners, made, strict=False)],
        )
        await connection.copy_records_to_table(
            "standing_order",
            columns=[
                "customer_id",
                "id",
                "account_id",
                "purpose",
                "amount",
                "currency",
                "frequency",
                "status",
                "next_on",
                "payee_bank",
                "payee_account_ciphertext",
                "source",
            ],
            records=orders,
        )
    await connection.execute("vacuum analyze")
    await connection.close()


async def measure(dsn: str, accounts: int, batch: int, folder: Path) -> None:
    bank = await fresh(dsn, BANK)
    keys = Keys.load(folder, None, None)
    await fill(bank, keys, accounts)
    measured = Measured()
    day_end = DayEnd(bank, keys, Rules("UTC", batch, 90), measured)
    await day_end.move_to(LAST_DAY)
    began, worked = perf_counter(), process_time()
    await day_end.run()
    seconds, worked = perf_counter() - began, process_time() - worked
    owner = await asyncpg.connect(bank)
    begun = perf_counter()
    await owner.execute(LIMIT)
    limit = accounts / (perf_counter() - begun)
    await owner.close()
    line = f"{accounts:>10,}"
    for step in SHOWN:
        rate = measured.rows[step] / measured.seconds[step]
        line += f"{rate:>12,.0f}"
    interest = measured.rows[DayStep.INTEREST] / measured.seconds[DayStep.INTEREST]
    print(f"{line}{limit:>12,.0f}{interest / limit:>8.2f}{seconds:>9.1f}{worked:>9.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--batch", type=int, default=500, help="accounts to a transaction")
    parser.add_argument("--dsn", help="a server on which databases may be created")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(machine())
    print(
        f"{'accounts':>10}{'accrued/s':>12}{'credited/s':>12}{'orders/s':>12}{'UPDATE/s':>12}"
        f"{'ratio':>8}{'both s':>9}{'CPU s':>9}"
    )
    with tempfile.TemporaryDirectory() as folder, server(options.dsn, None) as dsn:
        for accounts in options.accounts:
            asyncio.run(measure(dsn, accounts, options.batch, Path(folder)))
        asyncio.run(drop(dsn, BANK))


if __name__ == "__main__":
    main()
