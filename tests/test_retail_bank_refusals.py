from pathlib import Path

import asyncpg
import pytest
from retail_bank_files import (
    ACCOUNTS,
    CALLS,
    CARDS,
    CLIENTS,
    COMPLAINTS,
    DISPOSITIONS,
    DISTRICTS,
    LOANS,
    LUXURY_LOANS,
    ORDERS,
    REVIEWS,
    TRANSACTIONS,
)
from retail_bank_support import Imports, count, refusals

from app.db.keys import Keys
from app.db.retail_bank.report import ImportRefused


@pytest.mark.parametrize(
    ("file", "old", "new", "refused"),
    [
        (DISTRICTS, "18,Albuquerque", "0,Albuquerque", "3: district_id: 0 stands for the head"),
        (CLIENTS, "1990-12-13", "1990-13-13", "2: fulldate is not a date"),
        (CLIENTS, "1990-12-13", "2030-12-13", "2: fulldate is in the future"),
        (CLIENTS, "Female,1990", "female,1990", "2: sex is not a known code"),
        (CLIENTS, "926-93-2157", "926932157", "2: social is not a social security number"),
        (CLIENTS, "367-171-6840", "call me", "2: phone is not a telephone number"),
        (CLIENTS, "Emma.Smith@example.com", "emma", "2: email is not an e-mail address"),
        (CLIENTS, "47246", "4724", "2: zipcode is not a postal code"),
        (CLIENTS, "Emma,Avaya", ",Avaya", "2: first is empty"),
        (CLIENTS, "NM,47246,18", "NM,47246,77", "2: district_id names a district that is not"),
        (CLIENTS, "926-93-2157", "806-94-5725", "3: the national id belongs to another customer"),
        (CLIENTS, "C00000002", "C00000001", "3: client_id is in an earlier line already"),
        (ACCOUNTS, "Monthly", "Daily", "2: frequency: 'Daily Issuance' is not a known code"),
        (ACCOUNTS, "A00000002", "A00000001", "3: account_id: 'A00000001' is in an earlier line"),
        (DISPOSITIONS, "D00000003", "D00000002", "4: disp_id: 'D00000002' is in an earlier"),
        (DISPOSITIONS, "User", "Owner", "4: account_id: A00000002 has an owner in an earlier"),
        (DISPOSITIONS, "User", "Friend", "4: type: 'Friend' is not a known code"),
        (CARDS, "VISA Infinite", "VISA Gold", "2: type: 'VISA Gold' is not a known code"),
        (CARDS, "D00000002", "D00000009", "2: disp_id: 'D00000009' names a disposition that"),
        (ORDERS, "2452", "0", "2: amount is not above zero"),
        (ORDERS, "29402", "29401", "3: order_id: '29401' is in an earlier line already"),
        (ORDERS, "Household Payment", "Rent", "2: k_symbol: 'Rent' is not a known code"),
        (LOANS, "1200,12,100,A", "1201,12,100,A", "2: amount 1201.00 is not 12 payments of 100"),
        (LOANS, "2400,24,100,C", "2400,0,100,C", "4: duration is not between 1 and 600 months"),
        (LOANS, "100,C,2018", "100,A,2018", "4: status says PAID_OFF, but the term ends on 2020"),
        (LUXURY_LOANS, "boat", "yacht", "2: purpose is not a known code"),
        (LUXURY_LOANS, "4524.65,92", "4524.65,241", "2: funded_amount, payments, loan_balance"),
        (TRANSACTIONS, "930105", "921231", "2: date: 2012-12-31 is before the account was opened"),
        (TRANSACTIONS, "930105", "930199", "2: date: '930199' is not a date"),
        (TRANSACTIONS, "VKLAD", "VYBER", "2: type, operation and k_symbol: PRIJEM / VYBER / "),
        (TRANSACTIONS, "700.00;700.00", "0.00;700.00", "2: amount: 0.00 is not above zero"),
        (TRANSACTIONS, "101;1;", "101;9;", "2: account_id: '9' names an account that is not"),
        (TRANSACTIONS, "102;1;", "101;1;", "3: trans_id: '101' is in an earlier line already"),
        (COMPLAINTS, "Late fee", " ", "3: issue is empty"),
        (COMPLAINTS, "Checking account", "Piggy bank", "2: sub_product: 'Piggy bank' is not a"),
        (COMPLAINTS, "CR0000001,1", "CR0000001,9", "2: client_id: '9' names a client that is"),
        (CALLS, "C00000002,977", "C00000009,977", "2: client_id names a client that is not in"),
        (CALLS, "CR0000002,C00000002", "CR0000001,C00000002", "2: complaint_id names no complaint"),
        (CALLS, "13:34:11", "25:34:11", "2: ser_start is not a time of day"),
        (REVIEWS, "10/4/2017,5", "10/4/2017,6", "2: stars is not between 1 and 5"),
        (REVIEWS, "Bank,1", "Bank,5", "5: district_id names a district that is not in the bank"),
    ],
)
async def test_a_broken_line_is_refused_by_number_and_the_rest_is_kept(
    imports: Imports, file: str, old: str, new: str, refused: str
) -> None:
    imports.bank.replace(file, old, new)
    summary = await imports.run()
    lines = refusals(summary)
    assert any(line.startswith(f"{file}:{refused}") for line in lines), lines
    assert summary.balanced
    assert count(summary, REVIEWS)[0] > 0


async def test_what_hangs_on_a_refused_line_is_refused_too_and_stored_once_it_is_mended(
    imports: Imports,
) -> None:
    imports.bank.replace(CLIENTS, "Emma,Avaya,Smith", "Emma,Avaya,")
    assert refusals(await imports.run()) == [
        f"{CLIENTS}:2: last is empty",
        f"{ACCOUNTS}:2: the account has no owner in the bank",
        f"{DISPOSITIONS}:2: client_id: the client is not in the bank",
        f"{ORDERS}:2: account_id: 'A00000001' names an account that is not in the bank",
        f"{LOANS}:2: account_id: 'A00000001' names an account that is not in the bank",
        f"{LOANS}:3: account_id: 'A00000001' names an account that is not in the bank",
        *(
            f"{TRANSACTIONS}:{line}: account_id: '1' names an account that is not in the bank"
            for line in range(2, 7)
        ),
        f"{COMPLAINTS}:2: client_id: '1' names a client that is not in the bank",
    ]
    imports.bank.replace(CLIENTS, "Emma,Avaya,", "Emma,Avaya,Smith")
    summary = await imports.run()
    assert refusals(summary) == []
    assert count(summary, CLIENTS) == (1, 2, 0)
    assert count(summary, TRANSACTIONS) == (5, 0, 0)
    assert count(summary, COMPLAINTS) == (1, 1, 0)


async def test_the_portfolio_needs_the_branch_of_its_properties(imports: Imports) -> None:
    imports.bank.replace(DISTRICTS, "1,New York City", "2,New York City")
    lines = refusals(await imports.run())
    assert f"{LUXURY_LOANS}:2: the branch of the portfolio, district 1, is not in the bank" in lines


async def test_refusals_show_no_personal_data(imports: Imports) -> None:
    # A column is missing, so that every value stands one column too far to the left.
    imports.bank.replace(CLIENTS, "C00000001,Female,1990-12-13,", "C00000001,1990-12-13,")
    # And here two values have changed places.
    imports.bank.replace(CLIENTS, "Noah,Everest,Thompson,212-423-7734", "212-423-7734,E,T,Noah")
    imports.bank.replace(CALLS, "322-598-7152,AA0205", "AA0205,322-598-7152")
    shown = [line for line in refusals(await imports.run()) if CLIENTS in line or CALLS in line]
    assert shown == [
        f"{CLIENTS}:2: 18 columns instead of 19",
        f"{CLIENTS}:3: phone is not a telephone number",
        f"{CALLS}:2: client_id names a client that is not in the bank",
        f"{CALLS}:3: phonefinal is not a telephone number",
    ]


@pytest.mark.parametrize("file", [DISTRICTS, TRANSACTIONS, REVIEWS])
async def test_without_one_of_the_files_nothing_is_stored(imports: Imports, file: str) -> None:
    folder = imports.bank.write()
    (folder / file).unlink()
    with pytest.raises(ImportRefused, match=f"{file}: there is no such file"):
        await imports.run(path=folder)
    assert await imports.counts() == {}


async def test_a_missing_folder_is_named(imports: Imports, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="nowhere: there is no such folder"):
        await imports.run(path=tmp_path / "nowhere")


async def test_a_damaged_file_stores_nothing(imports: Imports) -> None:
    folder = imports.bank.write()
    whole = (folder / COMPLAINTS).read_bytes()
    (folder / COMPLAINTS).write_bytes(whole[:-12])
    with pytest.raises(ImportRefused, match=f"{COMPLAINTS}: cannot be read as gzip"):
        await imports.run(path=folder)
    assert await imports.counts() == {}


async def test_a_number_that_another_customer_has_is_refused(imports: Imports) -> None:
    await imports.run()
    before = await imports.counts()
    connection = await asyncpg.connect(imports.dsn)
    emma = await imports.customer_id("C00000001")
    # Three other records take the numbers that the next lines of the files bring.
    account = await connection.fetchval("select id from account where customer_id = $1", emma)
    ticket = await connection.fetchval("select id from ticket where customer_id = $1", emma)
    await connection.execute("insert into customer_number values ('C00000009', $1)", emma)
    await connection.execute(
        "insert into account_number_index values ($1, $2, $3)",
        imports.keys.index.account_number("A00000009"),
        emma,
        account,
    )
    await connection.execute("insert into ticket_number values ('CR0000009', $1, $2)", emma, ticket)
    await connection.close()
    client = imports.bank.lines[CLIENTS][1]
    imports.bank.add(CLIENTS, client.replace("C00000001", "C00000009").replace("926-", "927-"))
    imports.bank.add(ACCOUNTS, "A00000009,18,Monthly Issuance,2013-01-05,2013,1,5")
    imports.bank.add(
        DISPOSITIONS, "D00000008,C00000001,A00000009,Owner", "D00000009,C00000009,A00000001,User"
    )
    complaint = imports.bank.lines[COMPLAINTS][1]
    imports.bank.add(COMPLAINTS, complaint.replace("CR0000001", "CR0000009"))
    assert refusals(await imports.run()) == [
        f"{CLIENTS}:5: the customer number belongs to another customer",
        f"{ACCOUNTS}:4: account_id: A00000009 is another account's number",
        f"{DISPOSITIONS}:5: account_id: the account is not in the bank",
        f"{DISPOSITIONS}:6: client_id: the client is not in the bank",
        f"{COMPLAINTS}:4: complaint_id: the number is another ticket's",
    ]
    added = {"customer_number": 1, "account_number_index": 1, "ticket_number": 1}
    assert await imports.counts() == {
        table: rows + added.get(table, 0) for table, rows in before.items()
    }


async def test_a_branch_code_of_another_branch_is_not_taken(imports: Imports) -> None:
    connection = await asyncpg.connect(imports.dsn)
    await connection.execute(
        "insert into branch (id, code, name, city) values (gen_random_uuid(), 'D18', 'x', 'y')"
    )
    summary = await imports.run()
    assert refusals(summary)[0] == f"{DISTRICTS}:3: branch code D18 is another branch's"
    await connection.close()


async def test_another_banks_staff_number_stops_the_import(imports: Imports) -> None:
    connection = await asyncpg.connect(imports.dsn)
    await connection.execute(
        "insert into staff (id, number, name) values (gen_random_uuid(), 'S0101', 'Somebody')"
    )
    await connection.close()
    with pytest.raises(ImportRefused, match="staff number S0101 belongs to somebody else"):
        await imports.run()
    assert await imports.counts() == {"staff": 1}


async def test_another_master_key_stops_the_import(imports: Imports, tmp_path: Path) -> None:
    await imports.run()
    before = await imports.counts()
    other = Keys.load(tmp_path, None, None)
    with pytest.raises(ImportRefused, match="does not open under this master key; nothing is"):
        await imports.run(keys=other)
    assert await imports.counts() == before
