"""The real files, where they are at hand: the tables, GraphQL's answers, and a stolen backup.

All in one file, because a test process imports the bank once and files are spread over processes.
"""

import csv
import gzip
import json
import subprocess
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from client import Client
from conftest import RETAIL_BANK, client_of
from documents import CUSTOMER_360, WHOLE_OF_MANY

from app.auth.tokens import TokenKey
from app.db.database import Database
from app.db.dump import backup
from app.db.keys import Keys
from app.db.retail_bank.load import import_retail_bank
from app.db.retail_bank.report import Summary
from app.embedded import EmbeddedPostgres
from app.settings import Settings

Bank = tuple[str, Summary]


async def rows(bank: Bank, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(bank[0])
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("what", "count"),
    [
        ("customer where source = 'RETAIL_BANK'", 5369),
        ("customer where source = 'LUXURY'", 1678),
        ("customer where type = 'BANK'", 1),
        ("account where source = 'RETAIL_BANK'", 4500),
        ("account_holder", 869),
        ("held_account", 869),
        ("card", 892),
        ("standing_order", 6471),
        ("loan where source = 'RETAIL_BANK'", 682),
        ("loan where source = 'LUXURY'", 1678),
        ("ticket", 23419),
        ("ticket where breached_at is not null", 371),
        ("interaction where kind = 'CALL'", 3999),
        ("interaction where kind = 'REVIEW'", 505),
        ("branch", 77),
        ("journal_entry where kind not like '%DIFFERENCE'", 49102),
        ("journal_entry where kind = 'ROUNDING_DIFFERENCE'", 2325),
        ("journal_entry where kind = 'UNEXPLAINED_DIFFERENCE'", 28),
    ],
)
async def test_the_bank_holds_what_the_files_hold(retail_bank: Bank, what: str, count: int) -> None:
    assert await rows(retail_bank, f"select count(*) from {what}") == [(count,)]


async def test_only_the_line_that_is_cut_off_is_refused(retail_bank: Bank) -> None:
    summary = retail_bank[1]
    assert list(map(str, summary.refused)) == [
        "trans.asc.gz:49104: the line is cut off or its quotes do not match"
    ]
    assert summary.lines()[-1] == ("all", "102,064", "102,063", "0", "1")


async def test_the_ledger_sums_to_zero_and_gives_every_balance(retail_bank: Bank) -> None:
    assert retail_bank[1].balanced
    assert await rows(retail_bank, "select currency, sum(amount) from posting group by 1") == [
        ("USD", Decimal(0))
    ]
    unequal = """
        select from account
        left join lateral (
            select sum(amount) as total, (array_agg(balance_after order by booked_at, id))[count(*)]
                as last
            from posting
            where posting.customer_id = account.customer_id and account_id = account.id
        ) as history on true
        where kind = 'DEMAND'
            and (balance <> coalesce(total, 0) or balance <> coalesce(last, 0))
    """
    assert await rows(retail_bank, unequal) == []


async def test_every_balance_follows_from_the_one_before(retail_bank: Bank) -> None:
    unequal = """
        select from (
            select balance_after, coalesce(sum(amount) over (
                partition by customer_id, account_id order by booked_at, id), 0) as total
            from posting where balance_after is not null
        ) as chain where balance_after <> total
    """
    assert await rows(retail_bank, unequal) == []


async def test_schedules_repay_what_was_lent(retail_bank: Bank) -> None:
    unequal = """
        select loan.number from loan
        join instalment on instalment.customer_id = loan.customer_id and loan_id = loan.id
        group by loan.customer_id, loan.id
        having sum(instalment.principal) <> loan.principal or count(*) <> term_months
            or (source = 'RETAIL_BANK' and loan.outstanding
                <> coalesce(sum(instalment.principal) filter (where paid = 0), 0))
    """
    assert await rows(retail_bank, unequal) == []


async def test_everybody_is_looked_after(retail_bank: Bank) -> None:
    alone = """
        select count(*) from customer where type <> 'BANK' and not exists (
            select from assignment where customer_id = customer.id
                and role = 'RELATIONSHIP_MANAGER')
    """
    assert await rows(retail_bank, alone) == [(0,)]


@pytest.mark.usefixtures("unmeasured")
async def test_a_repeat_doubles_nothing(retail_bank: Bank, keys: Keys) -> None:
    tables = ("customer", "instalment", "posting", "ticket_event", "interaction", "staff")
    counts = " union all ".join(f"select '{table}', count(*) from {table}" for table in tables)
    sizes = f"{counts} order by 1"
    before = await rows(retail_bank, sizes)
    again = await import_retail_bank(retail_bank[0], keys, RETAIL_BANK, lambda *_: None)
    assert again.lines()[-1] == ("all", "102,064", "0", "102,063", "1")
    assert await rows(retail_bank, sizes) == before


def clients() -> list[dict[str, str]]:
    path = RETAIL_BANK / "completedclient.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
async def bank(
    retail_bank: tuple[str, Summary], keys: Keys, token_key: TokenKey
) -> AsyncIterator[Client]:
    # A hundred customers are looked up, more than anybody may in a minute.
    settings = Settings.read(rate_of_look_ups=0)
    async with client_of(retail_bank[0], keys, token_key, settings) as client:
        yield client


async def test_a_360_by_national_id_answers_as_the_files_say(bank: Client) -> None:
    data = await bank.run(CUSTOMER_360, nationalId="690-40-5090")
    found = data["customerBy"]
    (client,) = [row for row in clients() if row["social"] == "690-40-5090"]
    assert found["number"] == client["client_id"]
    assert found["name"] == f"{client['first']} {client['middle']} {client['last']}"
    assert (found["phone"], found["email"]) == (client["phone"], client["email"])
    assert found["birthDate"] == client["fulldate"]
    assert found["address"]["line1"] == client["address_1"]
    (account,) = found["accounts"]
    assert account["balance"]["amount"] == "73652.40"
    first, second, *_ = account["transactions"]["nodes"]
    assert (first["kind"], first["amount"]["amount"]) == ("FEE", "-14.60")
    assert second["balanceAfter"]["amount"] == "73667.00"
    assert found["loans"][0]["status"] == "PAID_OFF"
    assert found["tickets"]["totalCount"] == 6
    assert found["totals"][0]["netWorth"]["amount"] == "73652.40"


async def test_a_hundred_real_customers_in_one_request(bank: Client) -> None:
    wanted = clients()[:100]
    ids = []
    for row in wanted:
        by = {"nationalId": row["social"]}
        query = "query ($by: CustomerBy!) { customerBy(by: $by) { id } }"
        ids.append((await bank.run(query, by=by))["customerBy"]["id"])
    data = await bank.run(WHOLE_OF_MANY, ids=ids)
    assert [node["number"] for node in data["nodes"]] == [row["client_id"] for row in wanted]
    assert [node["phone"] for node in data["nodes"]] == [row["phone"] for row in wanted]


def test_a_plain_backup_names_nobody(
    retail_bank: tuple[str, Summary], server: EmbeddedPostgres, tmp_path: Path
) -> None:
    target = tmp_path / "bank.sql"
    backup(retail_bank[0], server.bin_dir, target, plain=True)
    people = clients()
    sampled = people[:: len(people) // 200][:200]
    assert len(sampled) == 200
    secrets = {
        secret
        for row in sampled
        for secret in (
            f"{row['first']} {row['middle']}",
            f"{row['middle']} {row['last']}",
            row["phone"],
            row["phone"].replace("-", ""),
            row["email"],
            row["address_1"],
            row["social"],
            row["social"].replace("-", ""),
        )
    }
    assert found_in(target, secrets) == []
    # The search works, and the dump is whole: a plain value of the last sampled customer.
    assert found_in(target, {sampled[-1]["client_id"]}) != []


def found_in(file: Path, texts: set[str]) -> list[str]:
    """Give what a thief's grep finds."""
    wanted = file.with_suffix(".wanted")
    wanted.write_text("\n".join(texts), encoding="utf-8")
    run = subprocess.run(
        ["grep", "--fixed-strings", "--ignore-case", "--only-matching", "-f", wanted, file],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    assert run.returncode in {0, 1}, run.stderr
    return run.stdout.splitlines()


LISTS = """
query ($id: ID!) {
  customers(first: 5) { nodes { id name } }
  oldest: customers(first: 5, sort: OLDEST) { nodes { id } }
  tickets(first: 5) { nodes { id subject } }
  earliest: tickets(first: 5, sort: OLDEST) { nodes { id } }
  customer(id: $id) {
    timeline(first: 5) { nodes { __typename ... on Node { id } } }
    transactions(first: 5) { nodes { id } }
    interactions(first: 5) { nodes { id } }
    relationships { customer { name } }
    heldAccounts { number owner { name } }
    holdings { value { amount } }
  }
}
"""
# Tables with more than 5,000 rows; a scan of a smaller one may well be the better plan.
BIG = {"customer", "customer_key", "assignment", "posting", "instalment", "ticket", "ticket_event"}


def scans(plan: dict[str, Any]) -> list[str]:
    """Give the tables that a plan reads from end to end."""
    found = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return found + [table for child in plan.get("Plans", []) for table in scans(child)]


async def test_no_canonical_query_reads_a_big_table_from_end_to_end(
    bank: Client, retail_bank: tuple[str, Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, list[Any]]] = []
    fetch, answer = Database.fetch, Database.answer

    async def fetched(database: Database, sql: str, values: list[Any], viewer: str) -> Any:
        sent.append((sql, values))
        return await fetch(database, sql, values, viewer)

    async def answered(database: Database, sql: str, values: list[Any], viewer: str) -> Any:
        sent.append((sql, [*values, viewer]))
        return await answer(database, sql, values, viewer)

    monkeypatch.setattr(Database, "fetch", fetched)
    monkeypatch.setattr(Database, "answer", answered)
    found = await bank.run(CUSTOMER_360, nationalId="690-40-5090")
    ids = [found["customerBy"]["id"]]
    await bank.run(LISTS, id=ids[0])
    await bank.run(WHOLE_OF_MANY, ids=ids)
    beside = "__schema { queryType { name } } nodes(ids: $ids)"
    await bank.run(WHOLE_OF_MANY.replace("nodes(ids: $ids)", beside), ids=ids)
    # The reference executor's for the last one; the others are planned, and look up first.
    assert len(sent) > 12
    connection = await asyncpg.connect(retail_bank[0], server_settings={"role": "app_read"})
    try:
        for sql, values in sent:
            plan = json.loads(await connection.fetchval(f"explain (format json) {sql}", *values))
            assert BIG.isdisjoint(scans(plan[0]["Plan"])), sql
    finally:
        await connection.close()
