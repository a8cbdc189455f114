import asyncio
from datetime import date
from decimal import Decimal

import asyncpg
import pytest
from retail_bank_files import ACCOUNTS, CALLS, CARDS, CLIENTS, DISPOSITIONS, ORDERS, TRANSACTIONS
from retail_bank_support import Imports, count, refusals

from app.db.bank_itself import BANK_ID, ensure_bank
from app.db.retail_bank.report import ImportRefused
from app.domain.account import InternalPurpose
from app.domain.money import Currency


async def change(imports: Imports, sql: str, *values: object) -> None:
    connection = await asyncpg.connect(imports.dsn)
    await connection.execute(sql, *values)
    await connection.close()


async def test_a_repeat_stores_nothing_twice(imports: Imports) -> None:
    first = await imports.run()
    before = await imports.counts()
    ids = await imports.rows("select id from posting order by id")
    second = await imports.run()
    assert await imports.counts() == before
    assert await imports.rows("select id from posting order by id") == ids
    for one, two in zip(first.files, second.files, strict=True):
        assert (two.stored, two.already_there, two.refused) == (0, one.stored, 0)
    assert second.differences == first.differences


async def test_two_imports_at_once_store_everything_once(imports: Imports) -> None:
    folder = imports.bank.write()
    summaries = await asyncio.gather(imports.run(path=folder), imports.run(path=folder))
    stored = sorted(sum(one.stored for one in summary.files) for summary in summaries)
    assert stored == [0, 30]


async def test_a_repeat_leaves_what_business_has_changed(imports: Imports) -> None:
    await imports.run()
    emma = await imports.customer_id("C00000001")
    await change(imports, "update customer set tier = 'PLATINUM', version = 7 where id = $1", emma)
    await change(
        imports, "update account set balance = 1, version = 5 where customer_id = $1", emma
    )
    await change(imports, "update business_date set current_on = '2026-01-02'")
    summary = await imports.run()
    assert await imports.row("select tier, version from customer where id = $1", emma) == (
        "PLATINUM",
        7,
    )
    assert await imports.row(
        "select balance, version from account where customer_id = $1", emma
    ) == (Decimal(1), 5)
    assert await imports.value("select current_on from business_date") == date(2026, 1, 2)
    assert "Business date: stays 2026-01-02; the data ends on 2018-12-31" in summary.totals()


async def test_the_business_date_of_an_empty_bank_is_the_datas_end(imports: Imports) -> None:
    summary = await imports.run()
    assert await imports.value("select current_on from business_date") == date(2018, 12, 31)
    assert "Business date: 2018-12-31" in summary.totals()


async def test_history_is_never_inserted_in_the_middle(imports: Imports) -> None:
    imports.bank.replace(TRANSACTIONS, '104;1;930228;"PRIJEM"', '104;1;930228;"PRIJEMX"')
    await imports.run()
    before = await imports.counts()
    imports.bank.replace(TRANSACTIONS, '104;1;930228;"PRIJEMX"', '104;1;930228;"PRIJEM"')
    summary = await imports.run()
    assert refusals(summary) == [f"{TRANSACTIONS}:5: account A00000001 already has its history"]
    assert count(summary, TRANSACTIONS) == (0, 4, 1)
    assert await imports.counts() == before


async def test_an_account_without_history_takes_its_history_later(imports: Imports) -> None:
    await imports.run()
    imports.bank.add(TRANSACTIONS, '201;2;940301;"PRIJEM";"VKLAD";500.00;500.00;"";;')
    summary = await imports.run()
    assert count(summary, TRANSACTIONS) == (1, 5, 0)
    noah = await imports.customer_id("C00000002")
    assert await imports.row(
        "select balance, version from account where customer_id = $1", noah
    ) == (Decimal("500.00"), 2)


async def test_new_rows_of_known_customers_open_with_their_keys(imports: Imports) -> None:
    await imports.run()
    imports.bank.add(CARDS, "V00000002,D00000001,VISA Standard,2016,2,5,2016-02-05")
    imports.bank.add(ORDERS, "29403,A00000001,ST,777,10,Loan Payment")
    summary = await imports.run()
    assert count(summary, CARDS) == (1, 1, 0)
    emma = await imports.customer_id("C00000001")
    card = await imports.value("select id from card where customer_id = $1", emma)
    assert await imports.clear("card", "number_ciphertext", emma, card) == "V00000002"
    order = await imports.value("select id from standing_order where source_ref = '29403'")
    assert await imports.clear("standing_order", "payee_account_ciphertext", emma, order) == "777"


async def test_an_erased_customer_stays_erased(imports: Imports) -> None:
    await imports.run()
    emma = await imports.customer_id("C00000001")
    for table in ("customer_key", "national_id_index", "contact_index", "name_index"):
        await change(imports, f"delete from {table} where customer_id = $1", emma)
    before = await imports.counts()
    assert refusals(await imports.run()) == []
    imports.bank.add(CARDS, "V00000002,D00000001,VISA Standard,2016,2,5,2016-02-05")
    imports.bank.add(ORDERS, "29403,A00000001,ST,777,10,Loan Payment")
    imports.bank.add(ACCOUNTS, "A00000009,18,Monthly Issuance,2013-01-05,2013,1,5")
    imports.bank.add(DISPOSITIONS, "D00000009,C00000001,A00000009,Owner")
    call = "34538,,C00000001,322-598-7152,AA0205,0,PS,AGENT,TOVA,3/27/2017,9:00:00,9:01:00"
    imports.bank.add(CALLS, call)
    erased = "the customer was erased: nothing more is stored about that person"
    assert refusals(await imports.run()) == [
        f"{ACCOUNTS}:4: {erased}",
        f"{DISPOSITIONS}:5: account_id: the account is not in the bank",
        f"{CARDS}:3: {erased}",
        f"{ORDERS}:4: {erased}",
        f"{CALLS}:5: {erased}",
    ]
    assert await imports.counts() == before


async def test_whoever_uses_an_own_account_too_is_not_related_to_oneself(
    imports: Imports,
) -> None:
    imports.bank.add(DISPOSITIONS, "D00000009,C00000001,A00000001,User")
    assert refusals(await imports.run()) == []
    emma = await imports.customer_id("C00000001")
    assert await imports.rows("select * from relationship where customer_id = $1", emma) == []


async def test_history_of_an_erased_customer_is_refused(imports: Imports) -> None:
    await imports.run()
    noah = await imports.customer_id("C00000002")
    await change(imports, "delete from customer_key where customer_id = $1", noah)
    imports.bank.add(TRANSACTIONS, '201;2;940301;"PRIJEM";"VKLAD";500.00;500.00;"";;')
    assert refusals(await imports.run()) == [
        f"{TRANSACTIONS}:7: the customer was erased: nothing more is stored about that person"
    ]


async def test_a_withdrawn_right_is_not_given_back(imports: Imports) -> None:
    await imports.run()
    for table in ("account_holder", "held_account", "relationship"):
        await change(imports, f"delete from {table}")
    (refusal,) = refusals(await imports.run())
    assert refusal.startswith(f"{DISPOSITIONS}:4: client and account are in the bank")
    assert "account_holder" not in await imports.counts()


async def test_a_repeat_finds_people_and_their_looks_up_untouched(imports: Imports) -> None:
    await imports.run()
    before = await imports.rows("select * from customer order by id")
    imports.bank.replace(CLIENTS, "Emma,Avaya,Smith", "Eve,Other,Name")
    assert count(await imports.run(), CLIENTS) == (0, 3, 0)
    assert await imports.rows("select * from customer order by id") == before


async def test_the_bank_itself_is_made_once(imports: Imports) -> None:
    connection = await asyncpg.connect(imports.dsn)
    first = await ensure_bank(connection, imports.keys, date(2018, 1, 1), Currency.USD)
    again = await ensure_bank(connection, imports.keys, date(2020, 1, 1), Currency.USD)
    yuan = await ensure_bank(connection, imports.keys, date(2020, 1, 1), Currency.CNY)
    await connection.close()
    assert first.accounts == again.accounts
    assert set(first.accounts) == set(InternalPurpose)
    assert not set(first.accounts.values()) & set(yuan.accounts.values())
    sealed = first.cipher.encrypt("a.b", BANK_ID, "text")
    assert again.cipher.decrypt("a.b", BANK_ID, sealed) == "text"
    assert await imports.counts() == {
        "customer": 1,
        "customer_key": 1,
        "customer_number": 1,
        "account": 2 * len(InternalPurpose),
    }
    name = await imports.clear("customer", "name_ciphertext", BANK_ID, BANK_ID)
    assert name == "bank360"


async def test_a_change_while_the_import_runs_stops_it(imports: Imports) -> None:
    """Somebody registers a client's number between the look-up and the import's own row."""
    connection = await asyncpg.connect(imports.dsn)
    await connection.execute(
        """
        create function too_late() returns trigger language plpgsql as $$
        begin
            insert into customer_number values ('C00000002', gen_random_uuid());
            return null;
        end $$;
        create trigger too_late after insert on customer_key
            for each statement execute function too_late();
        """
    )
    await connection.close()
    with pytest.raises(ImportRefused, match="was changed while the import ran, and nothing is"):
        await imports.run()
    assert await imports.counts() == {}
