"""The invented bank: customers, staff, accounts and the ledger."""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import phonenumbers
import pytest
from seed_support import BUSINESS_DATE, CUSTOMERS, TODAY_BEGINS, Bank
from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.us import ein, itin, ssn

from app.auth.permissions import Role
from app.db.lookup import LookUp, find_customers
from app.domain.audit import ConsentPurpose


@pytest.fixture
def bank(invented_bank: Bank) -> Bank:
    return invented_bank


def test_the_summary_says_what_was_stored(bank: Bank) -> None:
    assert ("customer", "603") in bank.summary.lines()
    for table, count in bank.summary.stored.items():
        own = 1 if table in {"customer", "customer_key", "customer_number"} else 0
        internal = bank.value("select count(*) from account where kind = 'INTERNAL'")
        expected = count + own + (internal if table == "account" else 0)
        assert bank.value(f"select count(*) from {table}") == expected, table
    assert bank.summary.totals()[0] == "603 customers with seed 4 (0 were there already)"
    assert "Ledger in CNY: balanced" in bank.summary.totals()


def test_the_ledger_sums_to_zero_in_every_currency(bank: Bank) -> None:
    sums = bank.rows("select currency, sum(amount) from posting group by currency")
    assert {"CNY", "USD"} <= {currency for currency, _ in sums}
    assert {total for _, total in sums} == {0}
    assert bank.summary.balanced


def test_balances_follow_from_postings_and_are_never_below_zero(bank: Bank) -> None:
    wrong = bank.rows(
        """
        select account_id from (
            select account_id, amount, balance_after, booked_at,
                lag(balance_after, 1, 0) over chain as before,
                lag(booked_at) over chain as earlier
            from posting where balance_after is not null
            window chain as (partition by customer_id, account_id order by booked_at, id)
        ) as step
        where before + amount <> balance_after or balance_after < 0 or earlier = booked_at
        """
    )
    assert wrong == []
    wrong = bank.rows(
        """
        select account.id from account
        where kind <> 'INTERNAL' and balance <> coalesce((
            select balance_after from posting
            where posting.customer_id = account.customer_id and posting.account_id = account.id
            order by booked_at desc, id desc limit 1
        ), 0)
        """
    )
    assert wrong == []


def test_accounts_have_a_year_of_business(bank: Bank) -> None:
    accounts, postings = bank.rows(
        """
        select (select count(*) from account where kind <> 'INTERNAL'),
            (select count(*) from posting where balance_after is not null)
        """
    )[0]
    assert 20 <= postings / accounts <= 28
    most = bank.value(
        "select max(n) from (select count(*) as n from account where kind <> 'INTERNAL'"
        " group by customer_id) as accounts"
    )
    assert 3 <= most <= 4
    kinds = {kind for (kind,) in bank.rows("select distinct kind from posting")}
    assert {"TRANSFER_IN", "PENSION", "HOUSEHOLD_PAYMENT", "FEE", "LOAN_PAYMENT"} <= kinds
    assert {"CASH_DEPOSIT", "CASH_WITHDRAWAL", "CARD_WITHDRAWAL", "INTEREST_CREDITED"} <= kinds


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("posting", "booked_at"),
        ("ticket", "opened_at"),
        ("ticket", "closed_at"),
        ("ticket_event", "occurred_at"),
        ("ticket_comment", "written_at"),
        ("interaction", "ended_at"),
        ("consent", "recorded_at"),
    ],
)
def test_nothing_has_happened_after_the_business_date_began(
    bank: Bank, table: str, column: str
) -> None:
    assert bank.value(f"select max({column}) from {table}") < TODAY_BEGINS


def test_time_deposits_mature_after_the_business_date(bank: Bank) -> None:
    deposits = bank.rows(
        "select opened_on, term_months, matures_on, annual_rate, balance from account"
        " where kind = 'TIME_DEPOSIT'"
    )
    assert deposits
    for opened_on, term_months, matures_on, annual_rate, balance in deposits:
        months = (matures_on.year - opened_on.year) * 12 + matures_on.month - opened_on.month
        assert months == term_months
        assert opened_on < BUSINESS_DATE < matures_on
        assert 0 < annual_rate < 1
        assert balance > 0


def test_every_post_is_held_and_two_people_hold_two(bank: Bank) -> None:
    posts = bank.rows("select role, count(*) from staff_role group by role")
    assert {role for role, _ in posts} == set(Role) - {Role.CUSTOMER}
    several = bank.rows("select staff_id from staff_role group by staff_id having count(*) > 1")
    assert len(several) == 2
    countries = dict(
        bank.rows("select state ~ '^[A-Z]{2}$' as american, count(*) from branch group by 1")
    )
    assert countries == {True: 2, False: 2}


def test_every_customer_has_the_people_of_the_own_branch(bank: Bank) -> None:
    found = bank.rows(
        """
        select customer.tier, array_agg(assignment.role order by assignment.role),
            bool_and(staff.branch_id = customer.branch_id
                and exists (select from staff_role where staff_id = staff.id
                    and staff_role.role = assignment.role))
        from customer
        left join assignment on assignment.customer_id = customer.id
        left join staff on staff.id = assignment.staff_id
        where type <> 'BANK' group by customer.id
        """
    )
    assert len(found) == CUSTOMERS
    for tier, roles, is_held in found:
        advised = ["WEALTH_ADVISOR"] if tier in {"GOLD", "PLATINUM"} else []
        assert roles == ["RELATIONSHIP_MANAGER", "TELLER", *advised]
        assert is_held


def test_customers_are_of_both_languages_and_every_tier(bank: Bank) -> None:
    shares = dict(
        bank.rows("select tier, count(*) from customer where type <> 'BANK' group by tier")
    )
    assert 0.63 < shares["NORMAL"] / CUSTOMERS < 0.77
    assert 0.14 < shares["SILVER"] / CUSTOMERS < 0.26
    assert shares["GOLD"] > shares["PLATINUM"] > 0
    languages = dict(bank.rows("select language, count(*) from customer group by language"))
    assert 0.4 < languages["zh"] / CUSTOMERS < 0.6
    types = {kind for (kind,) in bank.rows("select distinct type from customer")}
    assert types == {"INDIVIDUAL", "BUSINESS", "BANK"}
    closed = bank.rows(
        "select account.status, balance from account join customer on customer.id = customer_id"
        " where customer.status = 'CLOSED'"
    )
    assert set(closed) == {("CLOSED", Decimal(0))}


def test_customers_were_asked_what_they_allow_and_some_took_it_back(bank: Bank) -> None:
    rows = bank.rows(
        "select customer_id, purpose, array_agg(granted order by recorded_at),"
        " array_agg(staff_id is null order by recorded_at) from consent group by 1, 2"
    )
    assert 0.9 < len({customer for customer, *_ in rows}) / CUSTOMERS <= 1
    said: dict[str, list[list[bool]]] = {purpose: [] for _, purpose, *_ in rows}
    for _, purpose, granted, online in rows:
        said[purpose].append(granted)
        assert online == [False, True][: len(online)]
        assert granted in ([True], [False], [True, False])
    assert set(said) == {purpose.value for purpose in ConsentPurpose}
    for purpose, answers in said.items():
        assert [True] in answers, purpose
        assert [False] in answers, purpose
        assert [True, False] in answers, purpose


def test_national_ids_are_well_formed_and_belong_to_nobody(bank: Bank) -> None:
    plain = {
        row[0]: row[1:]
        for row in bank.rows("select id, type, language, gender from customer where type <> 'BANK'")
    }
    seen = set()
    for customer_id, national_id, birth_date in bank.clear("customer", "national_id", "birth_date"):
        kind, language, gender = plain[customer_id]
        seen.add(national_id)
        if kind == "BUSINESS":
            assert birth_date is None
            assert uscc.is_valid(national_id) if language == "zh" else not ein.is_valid(national_id)
            continue
        born_on = date.fromisoformat(birth_date)
        assert 18 <= (BUSINESS_DATE - born_on).days / 365.25 <= 91
        if language == "zh":
            assert ric.calc_check_digit(national_id) == national_id[-1]
            assert ric.get_birth_date(national_id) == born_on
            assert (int(national_id[16]) % 2 == 1) == (gender == "MALE")
            assert not ric.is_valid(national_id), "its area code would be a real place"
        else:
            assert len(national_id) == 11
            assert not ssn.is_valid(national_id)
            assert not itin.is_valid(national_id)
    assert len(seen) == CUSTOMERS


def test_contacts_and_card_numbers_lead_to_nobody(bank: Bank) -> None:
    for _, phone, email, address in bank.clear("customer", "phone", "email", "address"):
        number = phonenumbers.parse(phone)
        if number.country_code == 86:
            assert phonenumbers.is_possible_number(number)
            assert not phonenumbers.is_valid_number(number)
        else:
            assert number.country_code == 1
            assert str(number.national_number)[3:8] == "55501"
        assert email.rpartition("@")[2] in {"example.com", "example.org"}
        assert json.loads(address)["country"] == ("CN" if number.country_code == 86 else "US")
    cards = bank.clear("card", "number")
    assert cards
    for _, number in cards:
        assert luhn.is_valid(number)
        assert number.startswith("0")


def test_no_personal_value_is_stored_in_clear(bank: Bank) -> None:
    names = [name for _, name in bank.clear("customer", "name") if len(name) > 4]
    tables = bank.rows(
        "select table_name from information_schema.tables"
        " where table_schema = 'public' and table_name <> 'staff'"
    )
    for (table,) in tables:
        text = bank.value(f"select coalesce(string_agg(t::text, ' '), '') from {table} t")
        assert not [trace for trace in ("@example", "+86", "555-01", "line1") if trace in text]
        if table not in {"posting", "journal_entry", "instalment"}:
            assert not [name for name in names if name in text]


async def test_customers_are_found_by_complete_values(bank: Bank) -> None:
    connection = await asyncpg.connect(bank.dsn)

    async def found(by: LookUp, value: str) -> list[UUID]:
        async def fetch(sql: str, values: Sequence[Any]) -> Sequence[Any]:
            return await connection.fetch(sql, *values)

        return await find_customers(fetch, bank.keys.index, by, value)

    try:
        sealed = await connection.fetchrow(
            "select customer.*, wrapped_key from customer join customer_key on customer_id = id"
            " where number = 'N00000002'"
        )
        assert sealed is not None
        customer_id = sealed["id"]
        cipher = bank.keys.ring.cipher(customer_id, sealed["wrapped_key"])

        def clear(column: str) -> str:
            return cipher.decrypt(
                f"customer.{column}_ciphertext", customer_id, sealed[f"{column}_ciphertext"]
            )

        assert await found(LookUp.NUMBER, "N00000002") == [customer_id]
        assert await found(LookUp.NATIONAL_ID, clear("national_id")) == [customer_id]
        assert await found(LookUp.EMAIL, clear("email").upper()) == [customer_id]
        assert await found(LookUp.ACCOUNT_NUMBER, "360 000000002 01") == [customer_id]
        phone = clear("phone")
        assert customer_id in await found(LookUp.PHONE, phone)
        assert customer_id in await found(LookUp.PHONE, phone.partition(" ")[2])
    finally:
        await connection.close()
