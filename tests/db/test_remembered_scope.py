"""What row-level security remembers of a customer holds for one statement, and never longer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import pytest
from factories import Factory, Made
from row_scopes import Person
from slow_sql import until

from app.auth.permissions import Role
from app.db.policies import SERVED_SETTING
from app.db.viewer_setting import VIEWER_SETTING

ACCOUNTS: Final = "select count(*) from account where customer_id = any($1)"
REMEMBERED: Final = f"select current_setting('{SERVED_SETTING}', true)"
# How a right to see the customer ends, by the kind of scope: as somebody else changes the rows.
ENDS: Final = {
    Role.TELLER: "delete from assignment where customer_id = $1",
    Role.SERVICE_AGENT: "update ticket set queue = 'ELSEWHERE' where customer_id = $1",
    Role.BRANCH_MANAGER: "update customer set branch_id = null where id = $1",
}


@dataclass(frozen=True)
class Scoped:
    """A customer with two accounts and a loan, and who may see that one."""

    dsn: str
    customer: Made
    people: dict[Role, UUID]

    @asynccontextmanager
    async def reading(
        self, role: Role, database_role: str = "app_read", **settings: str
    ) -> AsyncIterator[asyncpg.Connection]:
        """A connection that speaks for the person in a role, outside any transaction."""
        given = {"role": database_role, **settings}
        connection = await asyncpg.connect(self.dsn, server_settings=given)
        try:
            await self.tell(connection, role)
            yield connection
        finally:
            await connection.close()

    async def tell(self, connection: asyncpg.Connection, role: Role) -> None:
        viewer = Person(role, self.people[role]).setting
        await connection.execute(f"select set_config('{VIEWER_SETTING}', $1, false)", viewer)

    async def seen(self, connection: asyncpg.Connection) -> int:
        found: int = await connection.fetchval(ACCOUNTS, [self.customer.id])
        return found


@pytest.fixture
async def scoped(factory: Factory, database_url: str) -> Scoped:
    branch = await factory.branch()
    customer = await factory.customer(branch_id=branch.id)
    for _ in range(2):
        await factory.account(customer)
    queue = f"QUEUE-{branch.id.hex}"
    await factory.ticket(customer, queue=queue)
    await factory.loan(customer, paid=0)
    people = {
        Role.TELLER: await factory.responsible("TELLER", customer),
        Role.SERVICE_AGENT: await factory.agent(queue),
        Role.BRANCH_MANAGER: (await factory.staff("BRANCH_MANAGER", branch)).id,
        # Sees nobody but those whom a service is begun for.
        Role.RELATIONSHIP_MANAGER: await factory.responsible("RELATIONSHIP_MANAGER"),
    }
    return Scoped(database_url, customer, people)


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("role", ENDS)
async def test_a_right_that_ended_is_gone_in_the_next_statement(
    scoped: Scoped, owner: asyncpg.Connection, role: Role, mode: str
) -> None:
    async with scoped.reading(role, plan_cache_mode=mode) as connection:
        statement = await connection.prepare(ACCOUNTS)
        for _ in range(7):
            assert await statement.fetchval([scoped.customer.id]) == 2
        await owner.execute(ENDS[role], scoped.customer.id)
        assert await statement.fetchval([scoped.customer.id]) == 0


@pytest.mark.parametrize("role", ENDS)
async def test_a_right_that_ended_is_gone_within_a_transaction(
    scoped: Scoped, owner: asyncpg.Connection, role: Role
) -> None:
    """The time stands still in a transaction; what is committed does not."""
    async with scoped.reading(role) as connection, connection.transaction():
        assert await scoped.seen(connection) == 2
        assert str(scoped.customer.id) in await connection.fetchval(REMEMBERED)
        await owner.execute(ENDS[role], scoped.customer.id)
        assert await scoped.seen(connection) == 0


async def test_a_snapshot_that_is_kept_sees_what_it_saw(
    scoped: Scoped, owner: asyncpg.Connection
) -> None:
    async with scoped.reading(Role.TELLER) as connection:
        async with connection.transaction(isolation="repeatable_read"):
            assert await scoped.seen(connection) == 2
            await owner.execute(ENDS[Role.TELLER], scoped.customer.id)
            assert await scoped.seen(connection) == 2
        assert await scoped.seen(connection) == 0


async def test_a_service_ends_with_its_time(
    scoped: Scoped, factory: Factory, owner: asyncpg.Connection
) -> None:
    role = Role.RELATIONSHIP_MANAGER
    async with scoped.reading(role) as connection:
        assert await scoped.seen(connection) == 0
        service = await factory.service(scoped.customer, scoped.people[role], role)
        assert await scoped.seen(connection) == 2
        ends = "update begun_service set ends_at = $2 where id = $1"
        await owner.execute(ends, service.id, datetime.now(UTC) + timedelta(seconds=1))

        async def ended() -> bool:
            return await scoped.seen(connection) == 0

        await until(ended)


async def test_one_viewer_is_not_taken_for_another(scoped: Scoped) -> None:
    """Nor in one transaction, where time and snapshot are the same."""
    async with (
        scoped.reading(Role.TELLER) as connection,
        connection.transaction(isolation="repeatable_read"),
    ):
        assert await scoped.seen(connection) == 2
        await scoped.tell(connection, Role.RELATIONSHIP_MANAGER)
        assert await scoped.seen(connection) == 0
        await connection.execute(f"select set_config('{VIEWER_SETTING}', '', true)")
        assert await scoped.seen(connection) == 0
        await scoped.tell(connection, Role.BRANCH_MANAGER)
        assert await scoped.seen(connection) == 2


async def test_one_customer_is_not_taken_for_another(scoped: Scoped, factory: Factory) -> None:
    other = await factory.customer()
    await factory.account(other)
    both = [scoped.customer.id, other.id]
    for role in ENDS:
        async with scoped.reading(role) as connection:
            for given in (both, both[::-1]):
                assert await connection.fetchval(ACCOUNTS, given) == 2, role


@pytest.mark.parametrize("role", [*ENDS, Role.RELATIONSHIP_MANAGER, Role.CUSTOMER, Role.ADMIN])
async def test_who_is_passed_over_is_not_remembered(
    scoped: Scoped, factory: Factory, role: Role
) -> None:
    """A condition that is unknown, as a branch is to those who have none, is not a yes."""
    stranger = await factory.customer(branch_id=(await factory.branch()).id)
    await factory.account(stranger)
    await factory.ticket(stranger)
    await factory.responsible("TELLER", stranger)
    scoped.people[Role.CUSTOMER] = scoped.customer.id
    scoped.people[Role.ADMIN] = (await factory.staff("ADMIN")).id
    async with scoped.reading(role) as connection:
        for table, owner_id in (("customer", "id"), ("ticket", "customer_id")):
            found = await connection.fetchrow(
                f"select array(select {owner_id} from {table} where {owner_id} = any($1)),"
                " array(select customer_id from account where customer_id = any($1))",
                [scoped.customer.id, stranger.id],
            )
            assert found is not None
            assert stranger.id not in {*found[0], *found[1]}, table


async def test_nothing_is_remembered_after_the_transaction(scoped: Scoped) -> None:
    async with scoped.reading(Role.TELLER) as connection:
        assert await scoped.seen(connection) == 2
        assert not await connection.fetchval(REMEMBERED)
        async with connection.transaction():
            assert await scoped.seen(connection) == 2
        assert not await connection.fetchval(REMEMBERED)


@pytest.mark.parametrize("role", ENDS)
async def test_what_was_remembered_before_does_not_count(
    scoped: Scoped, owner: asyncpg.Connection, role: Role
) -> None:
    """Not even if a session had kept it: the moment that it belongs to is over."""
    async with scoped.reading(role) as connection:
        async with connection.transaction():
            assert await scoped.seen(connection) == 2
            remembered = await connection.fetchval(REMEMBERED)
        await connection.execute(f"select set_config('{SERVED_SETTING}', $1, false)", remembered)
        await owner.execute(ENDS[role], scoped.customer.id)
        assert await scoped.seen(connection) == 0


async def test_a_transaction_that_has_written_remembers_nothing(scoped: Scoped) -> None:
    """It sees what it wrote, and what it takes back, in one and the same snapshot."""
    customer, teller = scoped.customer.id, scoped.people[Role.TELLER]
    assign = "insert into assignment (customer_id, role, staff_id) values ($1, 'TELLER', $2)"
    # A policy of writers lets them see any account or ticket; loans are of the scope alone.
    loans = "select count(*) from loan where customer_id = $1"
    async with scoped.reading(Role.TELLER, "app_write") as connection, connection.transaction():
        assert await connection.fetchval(loans, customer) == 1
        await connection.execute(ENDS[Role.TELLER], customer)
        assert await connection.fetchval(loans, customer) == 0
        inner = connection.transaction()
        await inner.start()
        await connection.execute(assign, customer, teller)
        assert await connection.fetchval(loans, customer) == 1
        await inner.rollback()
        assert await connection.fetchval(loans, customer) == 0
