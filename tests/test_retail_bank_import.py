from datetime import date
from decimal import Decimal

from retail_bank_files import CLIENTS
from retail_bank_support import Imports, address, refusals


async def test_every_file_is_stored(imports: Imports) -> None:
    summary = await imports.run()
    assert refusals(summary) == []
    assert [line[2] for line in summary.lines()[1:]] == [*"232312415232", "30"]
    assert summary.balanced
    assert {name for name, _, _ in imports.steps} == {one.file for one in summary.files}
    assert all(done == total for name, done, total in imports.steps if name != CLIENTS)


async def test_a_client_becomes_a_customer(imports: Imports) -> None:
    await imports.run()
    emma = await imports.customer_id("C00000001")
    assert await imports.row(
        "select type, source, status, kyc_status, tier, gender, language, customer_since,"
        " branch.code, branch.name, branch.state from customer"
        " join branch on branch.id = branch_id where customer.id = $1",
        emma,
    ) == (
        "INDIVIDUAL",
        "RETAIL_BANK",
        "ACTIVE",
        "UNKNOWN",
        "NORMAL",
        "FEMALE",
        "en",
        date(2013, 1, 5),
        "D18",
        "Albuquerque",
        "NM",
    )

    async def clear(column: str) -> str:
        return await imports.clear("customer", f"{column}_ciphertext", emma, emma)

    assert await clear("name") == "Emma Avaya Smith"
    assert await clear("birth_date") == "1990-12-13"
    assert await clear("national_id") == "926-93-2157"
    assert await clear("phone") == "367-171-6840"
    assert await clear("email") == "emma.smith@example.com"
    assert address(await clear("address")) == {
        "line1": "387 Wellington Ave.",
        "line2": "Unit 1",
        "city": "Albuquerque",
        "region": "NM",
        "postalCode": "47246",
        "country": "US",
    }


async def test_customers_are_found_by_what_people_say(imports: Imports) -> None:
    await imports.run()
    index, emma = imports.keys.index, await imports.customer_id("C00000001")
    look_ups = [
        ("national_id_index", index.national_id("926 93 2157")),
        ("contact_index", index.phones("+1 367 171 6840")[0]),
        ("contact_index", index.phones("(367) 171-6840")[0]),
        ("contact_index", index.email("Emma.Smith@Example.com")),
        ("name_index", index.name_prefix("smi")),
        ("account_number_index", index.account_number("A00000001")),
    ]
    for table, digest in look_ups:
        found = await imports.rows(f"select customer_id from {table} where digest = $1", digest)
        assert found == [(emma,)], table


async def test_the_tier_follows_the_card_and_brings_an_adviser(imports: Imports) -> None:
    await imports.run()
    assert await imports.rows(
        "select number, tier, (select string_agg(role, ' ' order by role) from assignment"
        " where customer_id = customer.id) from customer order by number"
    ) == [
        ("BANK", "NORMAL", None),
        ("C00000001", "NORMAL", "RELATIONSHIP_MANAGER TELLER"),
        ("C00000002", "GOLD", "RELATIONSHIP_MANAGER TELLER WEALTH_ADVISOR"),
        ("C00000003", "NORMAL", "RELATIONSHIP_MANAGER TELLER"),
        ("P-LL0000076", "PLATINUM", "RELATIONSHIP_MANAGER TELLER WEALTH_ADVISOR"),
    ]
    assert (
        await imports.rows(
            "select assignment.role from assignment join customer on customer.id = customer_id"
            " join staff on staff.id = staff_id"
            " left join staff_role using (staff_id, role)"
            " where staff.branch_id <> customer.branch_id or staff_role.role is null"
        )
        == []
    )


async def test_staff_is_invented_for_each_branch_and_the_head_office(imports: Imports) -> None:
    await imports.run()
    assert await imports.rows(
        "select coalesce(code, 'head office'), count(distinct staff.id), count(*) from staff"
        " join staff_role on staff_id = staff.id"
        " left join branch on branch.id = branch_id group by 1 order by 1"
    ) == [("D01", 8, 10), ("D18", 8, 8), ("head office", 6, 6)]


async def test_accounts_belong_to_owners_and_users_are_linked_on_both_sides(
    imports: Imports,
) -> None:
    await imports.run()
    noah = await imports.customer_id("C00000002")
    olivia = await imports.customer_id("C00000003")
    account_id, *rest = await imports.row(
        "select id, kind, currency, balance, statement_frequency, opened_on, source_ref"
        " from account where customer_id = $1",
        noah,
    )
    assert rest == [
        "DEMAND",
        "USD",
        Decimal("0.00"),
        "AFTER_TRANSACTION",
        date(2014, 3, 1),
        None,
    ]
    number = await imports.clear("account", "number_ciphertext", noah, account_id)
    assert number == "A00000002"
    assert await imports.row(
        "select customer_id, account_id, holder_id, role from account_holder"
    ) == (
        noah,
        account_id,
        olivia,
        "AUTHORISED_USER",
    )
    assert await imports.row("select customer_id, owner_id, account_id from held_account") == (
        olivia,
        noah,
        account_id,
    )
    assert set(
        await imports.rows("select customer_id, related_customer_id, kind from relationship")
    ) == {(noah, olivia, "SHARES_ACCOUNT"), (olivia, noah, "SHARES_ACCOUNT")}
    card_id, level, issued_on, owner_id = await imports.row(
        "select id, level, issued_on, account_owner_id from card where customer_id = $1", noah
    )
    assert (level, issued_on, owner_id) == ("INFINITE", date(2015, 2, 5), noah)
    assert await imports.clear("card", "number_ciphertext", noah, card_id) == "V00000001"


async def test_standing_orders_keep_the_payee_secret(imports: Imports) -> None:
    await imports.run()
    orders = await imports.rows(
        "select customer_id, id, purpose, amount, currency, frequency, status, payee_bank,"
        " source_ref from standing_order order by source_ref"
    )
    assert [order[2:] for order in orders] == [
        ("HOUSEHOLD", Decimal("2452.00"), "USD", "MONTHLY", "ACTIVE", "YZ", "29401"),
        ("OTHER", Decimal("3372.70"), "USD", "MONTHLY", "ACTIVE", "ST", "29402"),
    ]
    payee = await imports.clear("standing_order", "payee_account_ciphertext", *orders[0][:2])
    assert payee == "87144583"


async def test_loans_have_the_state_and_the_schedule_that_fits_it(imports: Imports) -> None:
    await imports.run()
    assert await imports.rows(
        "select loan.number, status, source_status, outstanding, ends_on, count(*),"
        " count(*) filter (where paid > 0),"
        " count(*) filter (where paid = 0 and due_on <= date '2018-12-31')"
        " from loan join instalment on loan_id = loan.id"
        " and instalment.customer_id = loan.customer_id where source = 'RETAIL_BANK'"
        " group by loan.customer_id, loan.id order by loan.number"
    ) == [
        ("L00000001", "PAID_OFF", "A", Decimal("0.00"), date(2015, 7, 5), 12, 12, 0),
        ("L00000002", "DEFAULTED", "B", Decimal("100.00"), date(2015, 7, 5), 12, 11, 1),
        ("L00000003", "ACTIVE", "C", Decimal("1300.00"), date(2020, 1, 31), 24, 11, 0),
        ("L00000004", "IN_ARREARS", "D", Decimal("1400.00"), date(2020, 1, 31), 24, 10, 1),
    ]


async def test_a_luxury_loan_brings_its_own_customer(imports: Imports) -> None:
    summary = await imports.run()
    devin = await imports.customer_id("P-LL0000076")
    assert await imports.row(
        "select number, purpose, principal, outstanding, monthly_payment, annual_rate,"
        " term_months, status, granted_on, collateral_value, account_id from loan"
        " where customer_id = $1",
        devin,
    ) == (
        "LL0000076",
        "BOAT",
        Decimal("790000.00"),
        Decimal("373732.18"),
        Decimal("4524.65"),
        Decimal("0.033590"),
        240,
        "ACTIVE",
        date(2012, 4, 27),
        Decimal("930250.00"),
        None,
    )
    assert await imports.row(
        "select source, occupation, gender, email_ciphertext, customer_since from customer"
        " where id = $1",
        devin,
    ) == ("LUXURY", "Vice President", None, None, date(2012, 4, 27))
    assert await imports.row(
        "select count(*), sum(principal), count(*) filter (where paid > 0) from instalment"
        " where customer_id = $1",
        devin,
    ) == (240, Decimal("790000.00"), 92)
    assert [note for note in summary.notes if note.startswith("Luxury")] == [
        "Luxury loans: 1 state a balance that is not what their schedule leaves; kept as stated",
        "Luxury loans: 1 state payments that are due after 2018-12-31; kept as stated",
    ]


async def test_the_ledger_follows_the_files_balances(imports: Imports) -> None:
    summary = await imports.run()
    assert await imports.rows(
        "select posting.kind, amount, balance_after, posting.value_on, source_ref, channel"
        " from posting join journal_entry as entry"
        " on entry.customer_id = entry_customer_id and entry.id = entry_id"
        " where balance_after is not null"
        " order by posting.booked_at, posting.id"
    ) == [
        (kind, Decimal(amount), Decimal(balance), date(2013, *day), number, channel)
        for kind, amount, balance, day, number, channel in (
            ("CASH_DEPOSIT", "700.00", "700.00", (1, 5), "101", "BRANCH"),
            ("CASH_WITHDRAWAL", "-50.00", "650.00", (2, 10), "103", "BRANCH"),
            ("ROUNDING_DIFFERENCE", "0.10", "650.10", (2, 10), "102", None),
            ("HOUSEHOLD_PAYMENT", "-200.00", "450.10", (2, 10), "102", None),
            ("ROUNDING_DIFFERENCE", "0.10", "450.20", (2, 28), "104", None),
            ("INTEREST_CREDITED", "4.90", "455.10", (2, 28), "104", None),
            ("UNEXPLAINED_DIFFERENCE", "20.00", "475.10", (3, 1), "105", None),
            ("PENSION", "100.00", "575.10", (3, 1), "105", None),
        )
    ]
    assert await imports.value("select balance from account where balance > 0") == Decimal("575.10")
    assert await imports.rows(
        "select internal_purpose, sum(amount) from posting join account"
        " on account.customer_id = posting.customer_id and account.id = account_id"
        " where account.kind = 'INTERNAL' group by 1 order by 1"
    ) == [
        ("CASH", Decimal("-650.00")),
        ("CLEARING", Decimal("100.00")),
        ("INTEREST_EXPENSE", Decimal("-4.90")),
        ("ROUNDING_DIFFERENCE", Decimal("-0.20")),
        ("UNEXPLAINED_DIFFERENCE", Decimal("-20.00")),
    ]
    assert summary.balanced
    small, large = map(str, summary.differences)
    assert small.startswith("ROUNDING_DIFFERENCE: 2 postings, 0.20 USD in all, +0.20 USD net")
    assert large.startswith("UNEXPLAINED_DIFFERENCE: 1 postings, 20.00 USD in all, +20.00")
    entries = "select id from journal_entry order by booked_at, id"
    by_posting = (
        "select entry_id from posting where balance_after is not null order by booked_at, id"
    )
    assert await imports.rows(entries) == await imports.rows(by_posting)


async def test_the_other_side_of_a_payment_is_secret(imports: Imports) -> None:
    await imports.run()
    postings = await imports.rows(
        "select customer_id, id, counterparty_bank from posting"
        " where counterparty_account_ciphertext is not null order by value_on"
    )
    assert [bank for _, _, bank in postings] == ["YZ", "ST"]
    customer_id, posting_id, _ = postings[0]
    column = "counterparty_account_ciphertext"
    assert await imports.clear("posting", column, customer_id, posting_id) == "87144583"
