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

HISTORY = "101;1;930105;"


@pytest.mark.parametrize(
    ("file", "old", "new", "refused"),
    [
        (DISTRICTS, "18,Albuquerque", "0,Albuquerque", "2:3: district_id: 0 stands for the head"),
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
    expected = refused if refused.startswith("2:3") else refused
    line = f"{file}:{expected.removeprefix('2:3:')}".replace(": district_id: 0", ":3: district_id: 0")
    assert any(text.startswith(line) for text in refusals(summary)), refusals(summary)
    assert summary.balanced
    assert count(summary, REVIEWS)[0] > 0
