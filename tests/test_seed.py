"""The invented bank: what holds in it, that it is always the same, and what is refused."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import phonenumbers
import pytest
from bank_export import export_hash
from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.us import ein, itin, ssn

from app import embedded
from app.auth.permissions import Role
from app.db.keys import Keys
from app.db.lookup import LookUp, find_customers
from app.db.seed.load import SeedRefused, SeedSummary, is_unfinished, seed_bank
from app.domain.loan import Classification, LoanStatus, classify
from app.domain.money import Currency, rounded
from app.domain.service import TicketEventKind, TicketStatus

# Two chunks, and a household that is cut at the end.
CUSTOMERS = 603
SEED = 4
BUSINESS_DATE = date(2026, 6, 30)
TODAY_BEGINS = datetime(2026, 6, 30, tzinfo=UTC)

pytestmark = pytest.mark.xdist_group("seed")


async def seeded(
    dsn: str,
    keys: Keys,
    customers: int = CUSTOMERS,
    seed: int = SEED,
    *,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    business_date: date | None = BUSINESS_DATE,
) -> SeedSummary:
    return await seed_bank(dsn, keys, customers, seed, progress, business_date=business_date)


class Bank:
    """A seeded bank, asked in SQL."""

    def __init__(self, dsn: str, keys: Keys, summary: SeedSummary) -> None:
        self.dsn = dsn
        self.keys = keys
        self.summary = summary

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        async def fetch() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return [tuple(row) for row in await connection.fetch(sql, *values)]
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def value(self, sql: str, *values: object) -> Any:
        ((found,),) = self.rows(sql, *values)
        return found

    def clear(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """The encrypted columns of a table in clear, each row after its plain columns."""
        owner = "id" if table == "customer" else "customer_id"
        sealed = [f"{column}_ciphertext" for column in columns]
        found = self.rows(
            f"""
            select t.{owner}, wrapped_key, t.id, {", ".join(f"t.{name}" for name in sealed)}
            from {table} t join customer_key on customer_key.customer_id = t.{owner}
            where t.{owner} <> (select customer_id from customer_number where number = 'BANK')
            """
        )
        opened = []
        for owner_id, wrapped, row_id, *values in found:
            cipher = self.keys.ring.cipher(owner_id, wrapped)
            texts = [
                None if value is None else cipher.decrypt(f"{table}.{name}", row_id, value)
                for name, value in zip(sealed, values, strict=True)
            ]
            opened.append((row_id, *texts))
        return opened


class PowerCutError(Exception):
    """Something that ends a run between two chunks."""


Make = Callable[[], Awaitable[str]]


@pytest.fixture(scope="module")
def empty_bank(server: embedded.EmbeddedPostgres, migrated_template: str) -> Make:
    """Make an empty, migrated database."""

    async def make() -> str:
        name = f"seed_{uuid4().hex}"
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(f"create database {name} template {migrated_template}")
        await connection.close()
        return server.dsn.replace("/bank360?", f"/{name}?")

    return make


@pytest.fixture(scope="module")
def bank(empty_bank: Make, keys: Keys) -> Bank:
    async def fill() -> Bank:
        dsn = await empty_bank()
        return Bank(dsn, keys, await seeded(dsn, keys))

    return asyncio.run(fill())


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


def _days_past_due(bank: Bank) -> list[tuple[LoanStatus, int]]:
    found = bank.rows(
        """
        select status, coalesce((
            select max($1::date - due_on) from instalment
            where instalment.customer_id = loan.customer_id and loan_id = loan.id
                and due_on < $1 and paid < principal + interest
        ), 0) from loan
        """,
        BUSINESS_DATE,
    )
    return [(LoanStatus[status], days) for status, days in found]


def test_loans_are_in_every_state_and_grade(bank: Bank) -> None:
    loans = _days_past_due(bank)
    assert {status for status, _ in loans} == set(LoanStatus)
    assert {classify(days) for _, days in loans} == set(Classification)
    late = {LoanStatus.IN_ARREARS, LoanStatus.DEFAULTED, LoanStatus.WRITTEN_OFF}
    assert all((days > 0) == (status in late) for status, days in loans)


def test_loans_agree_with_their_schedules(bank: Bank) -> None:
    loans = bank.rows(
        """
        select loan.status, loan.principal, outstanding, ends_on, count(instalment.id),
            coalesce(sum(instalment.principal), 0),
            coalesce(sum(instalment.principal) filter (where paid = 0), 0),
            count(*) filter (where paid > 0 and paid <> instalment.principal + interest),
            count(*) filter (where (paid > 0) <> (paid_on is not null)), term_months
        from loan left join instalment using (customer_id)
        where instalment.loan_id is null or loan.id = instalment.loan_id
        group by loan.customer_id, loan.id
        """
    )
    for status, principal, outstanding, ends_on, lines, whole, rest, partly, undated, term in loans:
        if status in {"APPLIED", "APPROVED", "REJECTED"}:
            assert (lines, outstanding) == (0, 0)
            continue
        assert (lines, whole, rest) == (term, principal, outstanding)
        assert (partly, undated) == (0, 0)
        assert (outstanding == 0) == (status == "PAID_OFF")
        if status in {"PAID_OFF", "DEFAULTED"}:
            assert ends_on <= BUSINESS_DATE


def test_loan_payments_of_the_year_are_in_the_ledger(bank: Bank) -> None:
    paid = bank.value(
        "select sum(paid) from instalment where paid_on >= $1 and paid > 0", date(2025, 6, 30)
    )
    booked = bank.value(
        "select -sum(amount) from posting where kind = 'LOAN_PAYMENT' and balance_after is not null"
    )
    assert paid == booked > 0


def test_holdings_cost_what_units_cost_on_their_day(bank: Bank) -> None:
    lots = bank.rows(
        """
        select lot.units, lot.cost, price, holding.currency, acquired_on, customer_since
        from holding_lot lot
        join holding on (holding.customer_id, holding.id) = (lot.customer_id, lot.holding_id)
        join customer on customer.id = lot.customer_id
        left join product_price on product_price.product_id = holding.product_id
            and price_on = acquired_on
        """
    )
    assert lots
    for units, cost, price, currency, acquired_on, since in lots:
        assert cost == rounded(units * price, Currency[currency])
        assert since < acquired_on < BUSINESS_DATE
    wrong = bank.rows(
        """
        select holding.id from holding join holding_lot lot
            on (holding.customer_id, holding.id) = (lot.customer_id, lot.holding_id)
        group by holding.customer_id, holding.id
        having holding.units <> sum(lot.units) or holding.cost <> sum(lot.cost)
        """
    )
    assert wrong == []


def test_products_of_every_risk_level_have_a_price_on_each_weekday(bank: Bank) -> None:
    products = bank.rows(
        "select risk_level, currency, count(*), min(price_on), max(price_on) from product"
        " join product_price on product_id = product.id group by product.id"
    )
    assert {(level, currency) for level, currency, *_ in products} == {
        (f"R{level}", currency) for level in range(1, 6) for currency in ("CNY", "USD")
    }
    weekdays = {
        (261, date(2025, 6, 30), date(2026, 6, 30)),
        (262, date(2025, 6, 30), BUSINESS_DATE),
    }
    assert {tuple(rest) for _, _, *rest in products} <= weekdays
    too_bold = bank.rows(
        """
        select customer.id from holding join product on product.id = product_id
        join customer on customer.id = customer_id
        where substr(product.risk_level, 2)::int > substr(risk_appetite, 2)::int
        """
    )
    assert too_bold == []


def test_tickets_tell_their_history(bank: Bank) -> None:
    tickets = bank.rows(
        """
        select ticket.status, event_count, breached_at, csat,
            array_agg(event.number order by event.number),
            array_agg(event.kind order by event.number),
            array_agg(event.status order by event.number) filter (where event.status is not null),
            array_agg(occurred_at order by event.number)
        from ticket join ticket_event event
            on (event.customer_id, event.ticket_id) = (ticket.customer_id, ticket.id)
        group by ticket.customer_id, ticket.id
        """
    )
    assert {TicketStatus[row[0]] for row in tickets} == set(TicketStatus)
    for status, count, breached_at, csat, numbers, kinds, reached, moments in tickets:
        assert numbers == list(range(1, count + 1))
        assert kinds[0] == TicketEventKind.OPENED
        assert reached[-1] == status
        assert moments == sorted(moments)
        assert (breached_at is not None) == (TicketEventKind.BREACHED in kinds)
        assert (csat is not None) == (TicketEventKind.RATED in kinds)
    comments = dict(bank.rows("select internal, count(*) from ticket_comment group by internal"))
    assert comments[True] > 0
    assert comments[False] > 0
    bodies = {body for _, body in bank.clear("ticket_comment", "body")}
    assert "Called the customer back." in bodies


def test_households_are_written_under_each_member(bank: Bank) -> None:
    kinds = {kind for (kind,) in bank.rows("select distinct kind from relationship")}
    assert kinds == {"SPOUSE", "PARENT", "CHILD", "EMPLOYER", "EMPLOYEE", "SHARES_ACCOUNT"}
    lonely = bank.rows(
        """
        select one.id from relationship one where not exists (
            select from relationship other
            where other.customer_id = one.related_customer_id
                and other.related_customer_id = one.customer_id
                and (one.kind, other.kind) in (('SPOUSE', 'SPOUSE'), ('PARENT', 'CHILD'),
                    ('CHILD', 'PARENT'), ('EMPLOYER', 'EMPLOYEE'), ('EMPLOYEE', 'EMPLOYER'),
                    ('SHARES_ACCOUNT', 'SHARES_ACCOUNT'))
        )
        """
    )
    assert lonely == []
    owners = bank.rows("select customer_id, account_id, holder_id, role from account_holder")
    held = bank.rows("select owner_id, account_id, customer_id, role from held_account")
    assert sorted(map(str, owners)) == sorted(map(str, held))
    assert {role for *_, role in owners} == {"JOINT_HOLDER", "AUTHORISED_USER"}


def test_segments_have_the_members_that_their_definition_says(bank: Bank) -> None:
    members = dict(
        bank.rows(
            "select code, count(*) from segment join segment_membership on segment_id = id"
            " group by code"
        )
    )
    assert members["HIGH_VALUE"] == bank.value(
        "select count(*) from customer where tier in ('GOLD', 'PLATINUM') and status <> 'CLOSED'"
    )
    assert members["NEW"] == bank.value(
        "select count(*) from customer where customer_since >= $1 and type <> 'BANK'",
        date(2026, 4, 1),
    )
    assert members["INVESTOR"] == bank.value("select count(distinct customer_id) from holding")
    busy = bank.value(
        """
        select count(*) from segment_membership m join segment on segment.id = segment_id
        join posting on posting.customer_id = m.customer_id
        where code = 'DORMANT' and booked_at >= '2026-01-01Z' and kind <> 'INTEREST_CREDITED'
        """
    )
    assert (members["DORMANT"] > 0, busy) == (True, 0)
    assert members["MORTGAGE"] == bank.value(
        "select count(distinct customer_id) from loan"
        " where purpose = 'HOME' and status in ('ACTIVE', 'IN_ARREARS')"
    )


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
