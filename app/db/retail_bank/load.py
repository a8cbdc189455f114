"""The import of the retail bank: twelve files, one transaction."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Final

import asyncpg

from app.db.account_products import ensure_products
from app.db.bank_itself import ensure_bank
from app.db.crypto import CryptoError
from app.db.key_check import hold_keys
from app.db.keys import Keys
from app.db.loading import ledger_sums
from app.db.retail_bank import sources
from app.db.retail_bank.accounts import import_accounts, import_cards, import_dispositions
from app.db.retail_bank.branches import import_branches
from app.db.retail_bank.calls import import_calls, import_reviews, read_calls
from app.db.retail_bank.clients import import_clients
from app.db.retail_bank.files import CURRENCY, Source, SourceFile
from app.db.retail_bank.ledger import import_transactions
from app.db.retail_bank.links import read_links
from app.db.retail_bank.loans import import_loans
from app.db.retail_bank.luxury import import_luxury_loans
from app.db.retail_bank.orders import import_orders
from app.db.retail_bank.report import Difference, ImportRefused, Summary
from app.db.retail_bank.staff import store_staff
from app.db.retail_bank.store import DATA_BEGINS_ON, DATA_ENDS_ON, Store
from app.db.retail_bank.tickets import import_tickets
from app.db.service_desk import ensure_service_desk
from app.domain.account import TransactionKind
from app.domain.money import Currency

__all__ = ["ImportRefused", "Summary", "import_retail_bank"]

# Any fixed number that no other use of advisory locks in this database takes.
_LOCK: Final = 360_002


async def import_retail_bank(
    dsn: str, keys: Keys, path: Path, progress: Callable[[str, int, int], None]
) -> Summary:
    """Import the retail bank's files from the folder ``path`` into the database at ``dsn``.

    Everything is stored in one transaction, as the owner of the tables, or nothing is. An import
    that is repeated stores what is new and leaves what is there as it is. ``progress`` is told
    the file, the rows done, and the rows in it. Raises ImportRefused where the import cannot
    begin or go on; broken lines are left out and named in the summary.
    """
    began = perf_counter()
    files = await asyncio.to_thread(_open_files, path)
    summary = Summary()
    connection = await asyncpg.connect(dsn)
    try:
        try:
            async with connection.transaction():
                # A second import waits, and then finds everything there.
                await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
                await hold_keys(connection, keys.ring)
                bank = await ensure_bank(connection, keys, DATA_BEGINS_ON, CURRENCY)
                await ensure_products(connection, CURRENCY)
                store = Store(connection, keys, bank, files, progress)
                summary.notes.extend(await _set_business_date(connection))
                summary.notes.extend(await _import_files(store))
                await ensure_service_desk(connection)
        except asyncpg.UniqueViolationError as error:
            message = (
                "the bank was changed while the import ran, and nothing is stored; repeat it"
                f" ({error.table_name}: {error.constraint_name})"
            )
            raise ImportRefused(message) from error
        except CryptoError as error:
            message = f"{error}; nothing is stored"
            raise ImportRefused(message) from error
        for table in sorted(store.filled):
            await connection.execute(f"analyze {table}")
        await _look_at_ledger(connection, summary)
    finally:
        await connection.close()
    for file in files.values():
        summary.files.append(file.count)
        summary.refused.extend(sorted(file.refused))
    summary.seconds = perf_counter() - began
    return summary


def _open_files(path: Path) -> dict[Source, SourceFile]:
    if not path.is_dir():
        message = f"{path}: there is no such folder"
        raise ImportRefused(message)
    return {source: SourceFile(path, source) for source in sources.ALL}


async def _set_business_date(connection: asyncpg.Connection) -> list[str]:
    # The data's end is years ago: a bank that stands there would be worked through to today.
    await connection.execute(
        "insert into business_date (id, current_on, follows_calendar) values (1, $1, false)"
        " on conflict do nothing",
        DATA_ENDS_ON,
    )
    current_on: date = await connection.fetchval("select current_on from business_date")
    if current_on == DATA_ENDS_ON:
        return [f"Business date: {current_on}"]
    return [f"Business date: stays {current_on}; the data ends on {DATA_ENDS_ON}"]


async def _import_files(store: Store) -> list[str]:
    """Import file by file; give notes on what does not fit together."""
    await import_branches(store)
    posts = await store_staff(store)
    links = read_links(store)
    await import_clients(store, posts, links)
    await import_accounts(store, links)
    await import_dispositions(store, links)
    await import_cards(store, links)
    await import_orders(store)
    await import_loans(store)
    notes = await import_luxury_loans(store, posts)
    await import_transactions(store)
    calls = read_calls(store)
    tickets, ticket_notes = await import_tickets(store, posts, calls)
    await import_calls(store, calls, tickets)
    await import_reviews(store)
    return notes + ticket_notes


async def _look_at_ledger(connection: asyncpg.Connection, summary: Summary) -> None:
    """Sum the ledger as it is now, and the differences on customers' accounts."""
    summary.ledger.update(await ledger_sums(connection))
    for kind in (TransactionKind.ROUNDING_DIFFERENCE, TransactionKind.UNEXPLAINED_DIFFERENCE):
        for currency, entries, net, absolute in await connection.fetch(
            """
            select currency, count(*), sum(amount), sum(abs(amount)) from posting
            where kind = $1 and balance_after is not null group by currency
            """,
            kind,
        ):
            summary.differences.append(
                Difference(kind, Currency[currency], entries, net, absolute or Decimal(0))
            )
