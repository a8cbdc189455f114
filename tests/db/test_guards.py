"""What the database itself refuses, and that migrations make just what is declared."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import asyncpg
import pytest
from alembic import command
from factories import Factory, Made
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import SQLModel

from app.db import guards
from app.db.database import Database
from app.db.ids import new_id
from app.db.migrate import alembic_config, is_current, upgrade
from app.embedded import EmbeddedPostgres
from app.metrics import Metrics


def dump(server: EmbeddedPostgres, url: str) -> list[str]:
    """Give the statements of a schema, without what differs between any two dumps."""
    run = subprocess.run(
        [server.bin_dir / "pg_dump", "--schema-only", "--exclude-table=alembic_version", url],
        capture_output=True,
        text=True,
        check=True,
    )
    text = re.sub(r"^(--.*|\\(un)?restrict .*|)$\n", "", run.stdout, flags=re.MULTILINE)
    return text.splitlines()


def test_migrations_make_what_is_declared(
    server: EmbeddedPostgres, new_database: Callable[[str], str], database_url: str
) -> None:
    declared = new_database("declared")

    async def create() -> None:
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        connection = await asyncpg.connect(declared)
        for table in SQLModel.metadata.sorted_tables:
            await connection.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in table.indexes:
                await connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
        for statement in guards.statements():
            await connection.execute(statement)
        await connection.close()

    asyncio.run(create())
    assert dump(server, database_url) == dump(server, declared)


def test_alembic_finds_nothing_to_do(database_url: str) -> None:
    command.check(alembic_config(database_url))


def test_migrating_twice_and_at_once_is_harmless(new_database: Callable[[str], str]) -> None:
    url = new_database("twice")
    assert not asyncio.run(is_current(url))
    program = "import asyncio, sys; from app.db.migrate import upgrade; "
    program += "asyncio.run(upgrade(sys.argv[1]))"
    running = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    asyncio.run(upgrade(url))
    assert asyncio.run(is_current(url))


def test_the_audit_trail_is_not_taken_back(new_database: Callable[[str], str]) -> None:
    url = new_database("back")
    asyncio.run(upgrade(url))
    with pytest.raises(RuntimeError, match="restore a backup"):
        command.downgrade(alembic_config(url), "base")
    assert asyncio.run(is_current(url))


@pytest.mark.parametrize("table", sorted(guards.APPEND_ONLY))
async def test_history_cannot_be_changed(
    owner: asyncpg.Connection, factory: Factory, table: str
) -> None:
    customer = await factory.customer()
    await factory.postings(await factory.account(customer), "1.00")
    await factory.ticket(customer)
    await factory.trail(customer, (await factory.staff("TELLER")).id)
    key = "position" if table in {"audit_head", "audit_link"} else "id"
    before = await owner.fetch(f"select * from {table} order by {key}")
    assert before
    for statement in (
        f"update {table} set {key} = {key}",
        f"delete from {table}",
        f"truncate {table} cascade",
    ):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(statement)
    assert await owner.fetch(f"select * from {table} order by {key}") == before


async def book(factory: Factory, account: Made, **changes: object) -> None:
    """Book one posting whose entry and counterpart are as wrong as ``changes`` say."""
    bank = await factory.bank()
    cash = await factory.account(bank, kind="INTERNAL", internal_purpose="CASH", balance=None)
    entry = new_id()
    at = datetime(2018, 1, 1, tzinfo=UTC)
    common = {
        "kind": "CASH_DEPOSIT",
        "currency": "USD",
        "booked_at": at,
        "value_on": date(2018, 1, 1),
    }
    await factory.insert(
        "journal_entry",
        customer_id=account.owner,
        id=entry,
        kind="CASH_DEPOSIT",
        booked_at=at,
        value_on=date(2018, 1, 1),
        source="BANK360",
    )
    ours = common | {
        "customer_id": account.owner,
        "id": new_id(),
        "account_id": account.id,
        "entry_customer_id": account.owner,
        "entry_id": entry,
        "amount": Decimal("5.00"),
        "balance_after": Decimal("5.00"),
    }
    theirs = ours | {
        "customer_id": bank.id,
        "id": new_id(),
        "account_id": cash.id,
        "amount": Decimal("-5.00"),
        "balance_after": None,
    }
    await factory.connection.copy_records_to_table(
        "posting",
        records=[tuple((ours | changes).values()), tuple(theirs.values())],
        columns=list(ours),
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount": Decimal("5.01")}, "do not sum to zero"),
        ({"currency": "EUR"}, "do not sum to zero|does not fit"),
        ({"balance_after": None}, "does not fit"),
        ({"entry_customer_id": new_id()}, "no journal entry"),
        ({"value_on": date(2018, 1, 2)}, "no journal entry of its time"),
        ({"amount": Decimal(0)}, "ck_posting_amount"),
        ({"amount": Decimal("5.00001")}, "ck_posting_amount"),
        ({"kind": "GIFT"}, "ck_posting_kind"),
        ({"account_id": new_id()}, "fk_posting_customer_id_account_id|does not fit"),
    ],
)
async def test_a_wrong_booking_is_refused_whole(
    owner: asyncpg.Connection, factory: Factory, changes: dict[str, object], says: str
) -> None:
    account = await factory.account(await factory.customer())
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=says):
        await book(factory, account, **changes)
    count = "select count(*) from posting where customer_id = $1"
    assert await owner.fetchval(count, account.owner) == 0
    await book(factory, account)
    assert await owner.fetchval(count, account.owner) == 1


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        ("account", "balance = null", "ck_account_balance_kept"),
        ("account", "held = -1", "ck_account_held"),
        ("account", "status = 'CLOSED'", "ck_account_closed_on_given"),
        ("account", "internal_purpose = 'CASH'", "ck_account_internal_purpose_given"),
        ("customer", "tier = 'BRONZE'", "ck_customer_tier"),
        ("customer", "credit_score = 1001", "ck_customer_credit_score"),
        ("ticket", "status = 'CLOSED'", "ck_ticket_resolution_given"),
        ("ticket", "csat = 6", "ck_ticket_csat"),
        ("loan", "outstanding = -0.01", "ck_loan_outstanding"),
        ("instalment", "paid = principal + interest + 1", "ck_instalment_paid"),
    ],
)
async def test_rules_are_also_constraints(
    owner: asyncpg.Connection, factory: Factory, table: str, change: str, constraint: str
) -> None:
    customer = await factory.customer()
    await factory.account(customer)
    await factory.loan(customer, paid=0)
    await factory.ticket(customer)
    column = "id" if table == "customer" else "customer_id"
    with pytest.raises(asyncpg.CheckViolationError, match=constraint):
        await owner.execute(f"update {table} set {change} where {column} = $1", customer.id)


async def test_the_role_of_queries_can_only_read(database_url: str) -> None:
    database = await Database.connect(database_url, 2, 5, Metrics().pool)
    try:
        assert await database.fetch_value("select current_user") == "app_read"
        assert await database.fetch_value("select count(*) from branch") >= 0
        await database.fetch("set default_transaction_read_only = off", [], "")
        for statement in ("delete from branch", "create table mine ()", "delete from posting"):
            with pytest.raises(
                (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)
            ):
                await database.fetch(statement, [], "")
    finally:
        await database.close()


async def test_nothing_is_added_to_an_entry_later(
    owner: asyncpg.Connection, factory: Factory
) -> None:
    account = await factory.account(await factory.customer())
    await book(factory, account)
    again = """
        insert into posting (customer_id, id, account_id, entry_customer_id, entry_id, kind, amount,
            currency, balance_after, booked_at, value_on)
        select customer_id, gen_random_uuid(), account_id, entry_customer_id, entry_id, kind,
            amount, currency, balance_after, booked_at, value_on
        from posting where entry_customer_id = $1
    """
    with pytest.raises(asyncpg.RestrictViolationError, match="has postings already"):
        await owner.execute(again, account.owner)
    count = "select count(*) from posting where entry_customer_id = $1"
    assert await owner.fetchval(count, account.owner) == 2


@pytest.mark.parametrize("role", ["app_read", "app_write", "jobs"])
async def test_no_role_of_requests_can_shadow_a_table(owner: asyncpg.Connection, role: str) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(f"set local role {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("create temporary table account (id uuid)")
    await transaction.rollback()


@pytest.mark.parametrize("role", ["app_write", "jobs"])
async def test_no_role_of_requests_can_change_history(owner: asyncpg.Connection, role: str) -> None:
    async with owner.transaction():
        await owner.execute(f"set local role {role}")
        for table in sorted(guards.APPEND_ONLY):
            for right in ("update", "delete", "truncate"):
                query = "select has_table_privilege(current_user, $1, $2)"
                assert not await owner.fetchval(query, table, right)
