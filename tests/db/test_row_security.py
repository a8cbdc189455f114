"""Raw SQL in the roles of requests and jobs: only the rows of the scope, of every table."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any, Final

import asyncpg
import pytest
from factories import Factory, Made
from row_scopes import CLOSED, OF_AUDIT, OF_STAFF, OF_WORKER, SHARED, UNREAD, Person
from seed_support import Bank
from sqlmodel import SQLModel

from app.auth.permissions import Role
from app.db import tables
from app.db.bank_itself import BANK_ID
from app.db.ids import new_id
from app.db.viewer_setting import VIEWER_SETTING
from app.embedded import EmbeddedPostgres

assert tables  # Importing the tables registers them in the metadata.

ALL_TABLES: Final = sorted(SQLModel.metadata.tables.keys() - CLOSED)
TABLES: Final = sorted(set(ALL_TABLES) - UNREAD)
OF_CUSTOMERS: Final = sorted(set(TABLES) - SHARED - OF_STAFF - OF_AUDIT - {"staff"})
# The unit of work writes these without reading them.
UNREAD_BY_WRITERS: Final = OF_AUDIT | OF_WORKER | {"audit_pending"}


@asynccontextmanager
async def acting(
    dsn: str, role: str, viewer: str | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """A connection that acts in a role of the database, in a transaction that is rolled back."""
    connection = await asyncpg.connect(dsn, server_settings={"role": role})
    try:
        transaction = connection.transaction()
        await transaction.start()
        if viewer is not None:
            await connection.execute(f"select set_config('{VIEWER_SETTING}', $1, true)", viewer)
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


def keys_of(table: str) -> str:
    return ", ".join(column.name for column in SQLModel.metadata.tables[table].primary_key)


async def rows(
    connection: asyncpg.Connection, table: str, condition: str = "true"
) -> set[tuple[Any, ...]]:
    found = await connection.fetch(f"select {keys_of(table)} from {table} where {condition}")
    return {tuple(row) for row in found}


async def count(connection: asyncpg.Connection, table: str, condition: str = "true") -> int:
    found: int = await connection.fetchval(f"select count(*) from {table} where {condition}")
    return found


# For each role a person of the seeded bank whose scope holds as much as it can.
_WHO: Final = {
    Role.CUSTOMER: "select customer_id from held_account join ticket using (customer_id) limit 1",
    Role.SERVICE_AGENT: "select staff_id from staff_queue limit 1",
    **dict.fromkeys(
        (Role.TELLER, Role.RELATIONSHIP_MANAGER, Role.WEALTH_ADVISOR),
        """
        select staff_id from assignment left join held_account using (customer_id)
        where assignment.role = '{role}' group by staff_id
        order by count(owner_id) desc, staff_id limit 1
        """,
    ),
}
_ANYBODY: Final = "select staff_id from staff_role where role = '{role}' limit 1"


@pytest.fixture(scope="module")
def invented_bank(invented_bank: Bank, server: EmbeddedPostgres) -> Bank:
    """A copy of the seeded bank, which other tests want as it was seeded."""

    async def copy() -> None:
        connection = await asyncpg.connect(server.dsn)
        (name,) = re.findall(r"/(seed_\w+)\?", invented_bank.dsn)
        await connection.execute(f"create database row_security template {name}")
        await connection.close()

    asyncio.run(copy())
    dsn = re.sub(r"/seed_\w+\?", "/row_security?", invented_bank.dsn)
    return Bank(dsn, invented_bank.keys, invented_bank.summary)


@pytest.fixture(scope="module", autouse=True)
def _trail(invented_bank: Bank) -> None:
    """Leave a row in the tables that a seed leaves empty, for a customer of everybody's scopes."""

    async def fill() -> None:
        connection = await asyncpg.connect(invented_bank.dsn)
        factory = Factory(connection, invented_bank.keys)
        for found in await connection.fetch(
            "select customer_id, staff_id from assignment where role = 'TELLER'"
            " order by customer_id desc limit 1"
        ):
            customer = Made("cus", found["customer_id"], found["customer_id"])
            stranger = await connection.fetchval(
                "select staff_id from staff_role where role = 'TELLER' and staff_id <> $1",
                found["staff_id"],
            )
            await factory.trail(customer, stranger)
            account = await connection.fetchval(
                "select id from account where customer_id = $1 limit 1", customer.id
            )
            await _pays(factory, customer, Made("acc", customer.id, account))
            await factory.day_end(customer, account)
        await connection.close()

    asyncio.run(fill())


async def _pays(factory: Factory, customer: Made, account: Made) -> None:
    """Leave what a customer who pays others has."""
    wrapped = await factory.connection.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", customer.id
    )
    factory.ciphers[customer.id] = factory.keys.ring.cipher(customer.id, wrapped)
    await factory.freeze(account)
    await factory.payee(customer)
    await factory.insert(
        "daily_outgoing",
        customer_id=customer.id,
        ordered_on=date(2018, 1, 1),
        currency="USD",
        amount=Decimal("1.00"),
    )


@pytest.fixture
async def owner(invented_bank: Bank) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(invented_bank.dsn)
    yield connection
    await connection.close()


async def person(owner: asyncpg.Connection, role: Role) -> Person:
    return Person(role, await owner.fetchval(_WHO.get(role, _ANYBODY).format(role=role)))


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_sees_the_rows_of_its_scope(
    invented_bank: Bank, owner: asyncpg.Connection, role: Role
) -> None:
    viewer = await person(owner, role)
    scope = await owner.fetch(viewer.customers)
    everybody = await count(owner, "customer") - 1
    assert (len(scope) == 0) == (role in {Role.ADMIN, Role.EXECUTIVE})
    assert (len(scope) == everybody) == (
        role in {Role.ANALYST, Role.COMPLIANCE, Role.MARKETER, Role.RISK_OFFICER}
    )
    async with acting(invented_bank.dsn, "app_read", viewer.setting) as connection:
        for table in TABLES:
            assert await rows(connection, table) == await rows(
                owner, table, viewer.expected(table)
            ), table


@pytest.mark.parametrize(
    "viewer",
    [None, "", "{}", '{"scope": "EVERYTHING"}', '{"scope": "SELF"}', '{"scope": "ASSIGNED"}'],
)
@pytest.mark.parametrize("role", ["app_read", "app_write"])
async def test_nobody_sees_no_customer(invented_bank: Bank, role: str, viewer: str | None) -> None:
    # In the unit of work, rights were checked before: somebody known may lock a payee's rows.
    tables_ = (
        OF_CUSTOMERS if role == "app_read" else ["card", "loan", "interaction", "ticket_comment"]
    )
    async with acting(invented_bank.dsn, role, viewer) as connection:
        for table in tables_:
            assert await count(connection, table) == 0, table


@pytest.mark.parametrize("viewer", [None, ""])
@pytest.mark.parametrize("role", ["app_read", "app_write"])
async def test_without_a_viewer_there_is_nothing_at_all(
    invented_bank: Bank, role: str, viewer: str | None
) -> None:
    async with acting(invented_bank.dsn, role, viewer) as connection:
        for table in sorted(set(TABLES) - (OF_AUDIT if role == "app_write" else set())):
            assert await count(connection, table) == 0, table


@pytest.mark.parametrize(
    ("role", "tables_"), [("app_read", UNREAD), ("app_write", UNREAD_BY_WRITERS)]
)
async def test_what_is_written_blindly_is_not_read(
    invented_bank: Bank, owner: asyncpg.Connection, role: str, tables_: frozenset[str]
) -> None:
    compliance = await person(owner, Role.COMPLIANCE)
    for table in sorted(tables_):
        async with acting(invented_bank.dsn, role, compliance.setting) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await count(connection, table)


@pytest.mark.parametrize("role", ["app_read", "app_write", "jobs"])
async def test_the_check_of_the_keys_is_the_owners(invented_bank: Bank, role: str) -> None:
    for table in sorted(CLOSED):
        async with acting(invented_bank.dsn, role) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"select from {table}")


async def test_every_table_is_guarded(owner: asyncpg.Connection) -> None:
    open_tables = await owner.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind in ('r', 'p') and not relrowsecurity and relname <> 'alembic_version'"
    )
    assert open_tables == []
    strangers = await owner.fetch(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
        " and (has_function_privilege('public', oid, 'execute')"
        "   or not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, public, pg_temp'])"
    )
    assert strangers == []
    for role in ("app_read", "app_write", "jobs"):
        found = await owner.fetchrow(
            "select rolsuper or rolbypassrls, rolcanlogin from pg_roles where rolname = $1",
            role,
        )
        assert found is not None
        assert tuple(found) == (False, False)


async def test_the_functions_of_policies_tell_of_no_stranger(
    invented_bank: Bank, owner: asyncpg.Connection
) -> None:
    teller = await person(owner, Role.TELLER)
    outside = f"customer.id not in ({teller.customers})"
    link = await owner.fetchrow(
        f"select customer.id, account_id from customer join account_holder on customer_id = id"
        f" where {outside} and holder_id not in ({teller.customers}) limit 1"
    )
    assert link is not None
    async with acting(invented_bank.dsn, "app_read", teller.setting) as connection:
        assert await connection.fetchval("select viewer_serves($1)", link["id"]) is False
        assert await connection.fetchval("select viewer_holds($1, $2)", *link) is False
        assert await connection.fetchval("select viewer_branch()") is None
        assert await connection.fetchval("select viewer_queues()") == []


async def test_somebody_with_two_posts_acts_in_one(
    invented_bank: Bank, owner: asyncpg.Connection
) -> None:
    """The rows of a post are the same whatever other post the person holds."""
    both = await owner.fetch(
        "select staff_id, array_agg(role order by role) as roles from staff_role"
        " group by staff_id having count(*) > 1"
    )
    assert len(both) == 2
    for found in both:
        seen = []
        for role in found["roles"]:
            viewer = Person(Role[role], found["staff_id"])
            async with acting(invented_bank.dsn, "app_read", viewer.setting) as connection:
                seen.append(await rows(connection, "customer"))
            assert seen[-1] == await rows(owner, "customer", viewer.expected("customer"))
        assert seen[0] != seen[1]


async def test_a_ticket_keeps_its_customer_in_the_queue_for_seven_days(
    owner: asyncpg.Connection,
) -> None:
    agent = await person(owner, Role.SERVICE_AGENT)
    ticket = await owner.fetchrow(
        "select customer_id, id from ticket join staff_queue using (queue)"
        f" where staff_id = '{agent.id}' and status = 'CLOSED'"
        f" and customer_id not in ({agent.customers}) limit 1"
    )
    assert ticket is not None
    transaction = owner.transaction()
    await transaction.start()
    for days, is_seen in ((0, True), (7, True), (8, False)):
        await owner.execute(
            "update ticket set closed_at = ((select current_on from business_date) - $2::integer)"
            "::timestamp at time zone 'UTC' where id = $1",
            ticket["id"],
            days,
        )
        await owner.execute("set local role app_read")
        await owner.execute(f"select set_config('{VIEWER_SETTING}', $1, true)", agent.setting)
        found = await count(owner, "customer", f"id = '{ticket['customer_id']}'")
        assert bool(found) is is_seen, days
        await owner.execute("reset role")
    await transaction.rollback()


async def changed(connection: asyncpg.Connection, sql: str, *values: object) -> int:
    """The number of rows that a statement changed."""
    return int((await connection.execute(sql, *values)).split()[-1])


async def test_the_unit_of_work_changes_the_scopes_rows_and_anybodys_ledger(
    invented_bank: Bank, owner: asyncpg.Connection
) -> None:
    teller = await person(owner, Role.TELLER)
    mine, others = [
        await owner.fetchval(
            f"select customer_id from ticket join card using (customer_id) where customer_id"
            f" {inside} ({teller.customers}) limit 1"
        )
        for inside in ("in", "not in")
    ]
    async with acting(invented_bank.dsn, "app_write", teller.setting) as connection:
        change = "update card set status = status where customer_id = $1"
        assert await changed(connection, change, mine) > 0
        assert await changed(connection, change, others) == 0
        # A ticket may leave the queue by which its customer was seen.
        change = "update ticket set queue = queue where customer_id = $1"
        assert await changed(connection, change, others) > 0
        # A payee's account is locked and booked on, and its owner found.
        for table in ("account", "customer_number", "customer"):
            column = "id" if table == "customer" else "customer_id"
            lock = f"select from {table} where {column} = $1 for update"
            assert await connection.fetch(lock, others), table
        assert await changed(
            connection, "update account set held = held where customer_id = $1", others
        )
        card = (
            "insert into card (customer_id, id, account_owner_id, account_id, level, status,"
            " issued_on, source) select customer_id, gen_random_uuid(), account_owner_id,"
            " account_id, level, status, issued_on, source from card where customer_id = $1 limit 1"
        )
        assert await changed(connection, card, mine) == 1
        moved = f"update card set customer_id = '{others}' where customer_id = $1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(moved, mine)


async def test_the_unit_of_work_takes_on_a_new_customer(
    invented_bank: Bank, owner: asyncpg.Connection
) -> None:
    teller, row = await person(owner, Role.TELLER), new_id()
    async with acting(invented_bank.dsn, "app_write", teller.setting) as connection:
        await connection.execute(
            "insert into customer (id, number, type, source, status, kyc_status, tier,"
            " customer_since) values ($1, 'new', 'INDIVIDUAL', 'BANK360', 'ACTIVE', 'PENDING',"
            " 'NORMAL', current_date)",
            row,
        )
        for table, column, value in (
            ("customer_number", "number", "new"),
            ("customer_key", "wrapped_key", b"key"),
        ):
            insert = f"insert into {table} (customer_id, {column}) values ($1, $2)"
            await connection.execute(insert, row, value)
        assign = "insert into assignment (customer_id, role, staff_id) values ($1, 'TELLER', $2)"
        await connection.execute(assign, row, teller.id)
        # From now on the customer is in scope.
        await connection.execute("set local role app_read")
        assert await count(connection, "customer", f"id = '{row}'") == 1


@pytest.mark.parametrize("table", ALL_TABLES)
async def test_the_worker_works_on_everybodys_rows(
    invented_bank: Bank, owner: asyncpg.Connection, table: str
) -> None:
    async with acting(invented_bank.dsn, "jobs") as connection:
        assert await count(connection, table) == await count(owner, table) > 0


async def test_there_is_one_bank(owner: asyncpg.Connection) -> None:
    """Policies leave the bank's own rows out by its id."""
    assert await count(owner, "customer", f"id = '{BANK_ID}' and type = 'BANK'") == 1
    for change in ("type = 'BANK'", f"id = '{BANK_ID}'"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await owner.execute(
                f"update customer set {change} where id ="
                f" (select id from customer where id <> '{BANK_ID}' limit 1)"
            )
