"""The invented bank: always the same, continued after a cut, and what is refused."""

from datetime import date

import asyncpg
import pytest
from bank_export import export_hash
from seed_support import CUSTOMERS, SEED, Bank, Make, seeded

from app.db.keys import Keys
from app.db.seed.load import SeedRefused, is_unfinished


@pytest.fixture
def bank(invented_bank: Bank) -> Bank:
    return invented_bank


class PowerCutError(Exception):
    """Something that ends a run between two chunks."""


@pytest.mark.usefixtures("unmeasured")
async def test_a_run_that_was_cut_off_goes_on_to_the_same_bank(
    bank: Bank, empty_bank: Make, keys: Keys
) -> None:
    dsn = await empty_bank()

    def cut(step: str, done: int, _total: int) -> None:
        if step == "customers" and done > 0:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        await seeded(dsn, keys, progress=cut)
    assert await is_unfinished(dsn)
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("select count(*) from customer where type <> 'BANK'") == 500
    await connection.close()

    summary = await seeded(dsn, keys)
    assert summary.already_there == 500
    assert summary.stored["customer"] == CUSTOMERS - 500
    assert not await is_unfinished(dsn)
    assert await export_hash(dsn, keys) == await export_hash(bank.dsn, keys)

    again = await seeded(dsn, keys, business_date=None)
    assert (again.rows, again.already_there) == (0, CUSTOMERS)


async def test_the_same_bank_is_found_after_its_date_has_moved(
    empty_bank: Make, keys: Keys
) -> None:
    dsn = await empty_bank()
    await seeded(dsn, keys, 5, 1)
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "insert into business_day (day_on, cut_off_at) select current_on, now() from business_date"
    )
    await connection.execute("update business_date set current_on = current_on + 1")
    await connection.close()
    again = await seeded(dsn, keys, 5, 1, business_date=None)
    assert (again.rows, again.already_there) == (0, 5)


async def test_another_seed_makes_another_bank(empty_bank: Make, keys: Keys) -> None:
    one, other = await empty_bank(), await empty_bank()
    await seeded(one, keys, 5, 1)
    await seeded(other, keys, 5, 2)
    assert await export_hash(one, keys) != await export_hash(other, keys)


async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    empty_bank: Make, keys: Keys
) -> None:
    dsn = await empty_bank()
    for customers in (0, 1_000_001):
        with pytest.raises(SeedRefused, match="is between 1 and 1,000,000"):
            await seeded(dsn, keys, customers)
    await seeded(dsn, keys, 8)
    before = await export_hash(dsn, keys)
    for customers, seed in ((8, SEED + 1), (9, SEED)):
        with pytest.raises(SeedRefused, match="made with another --seed or --customers"):
            await seeded(dsn, keys, customers, seed)
    with pytest.raises(SeedRefused, match="business date is 2026-06-30, not 2026-07-01"):
        await seeded(dsn, keys, 8, business_date=date(2026, 7, 1))
    assert await export_hash(dsn, keys) == before


async def test_a_number_that_is_taken_is_named(empty_bank: Make, keys: Keys) -> None:
    dsn = await empty_bank()
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "insert into customer_number (number, customer_id) values ('N00000003', gen_random_uuid())"
    )
    with pytest.raises(SeedRefused, match="customer_number: pk_customer_number"):
        await seeded(dsn, keys, 8)
    assert await connection.fetchval("select count(*) from customer where type <> 'BANK'") == 0
    await connection.close()


async def test_foreign_keys_are_refused(
    empty_bank: Make, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dsn = await empty_bank()
    await seeded(dsn, keys, 4)
    stranger = Keys.load(tmp_path_factory.mktemp("other"), None, None)
    with pytest.raises(SeedRefused, match="does not open under this master key"):
        await seeded(dsn, stranger, 4)
