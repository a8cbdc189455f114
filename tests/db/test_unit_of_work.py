"""The unit of work itself: what it does when others hold rows, connections break, or code errs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from ended_session import end_session
from factories import Factory, Made
from writing_support import state

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.commands import Change, Command, Done
from app.db.commands import Made as MadeByCommand
from app.db.keys import Keys
from app.db.scope import RowScope
from app.db.unit_of_work import Act, Unit, Writes, WrongRowsError, _Attempt
from app.domain.problem import Problem, ProblemCode

LOCK_SECONDS = 0.1


class Bench:
    """Carries out one kind of command: it raises a customer's version."""

    def __init__(self, writes: Writes, customer: Made, woken: list[str]) -> None:
        self.writes = writes
        self.customer = customer
        self.woken = woken
        oneself = Viewer(Role.CUSTOMER, (Role.CUSTOMER,), customer_id=customer.id)
        self.scope = RowScope(oneself)

    def change(self, customer: UUID) -> Change:
        made = MadeByCommand("cus", customer, customer)
        return Change(made, "customer.touched", customer, ["version"], {"note": "touched"})

    async def touch(self, unit: Unit) -> Change:
        await unit.lock_customer(self.customer.id)
        sql = "update customer set version = version + 1 where id = $1"
        await unit.change(sql, self.customer.id)
        return self.change(self.customer.id)

    async def send(self, key: str, act: Act | None = None, **payload: Any) -> Done | Problem:
        command = Command("touch", key, payload)
        return await self.writes.carry_out(command, self.scope, "request", act or self.touch)


@pytest.fixture
async def bench(database_url: str, keys: Keys, factory: Factory) -> AsyncIterator[Bench]:
    woken: list[str] = []
    writes = await Writes.connect(
        database_url,
        keys,
        10,
        15,
        wake=lambda: woken.append("woken"),
        observe=lambda name, outcome: woken.append(f"{name} {outcome}"),
    )
    writes.lock_seconds = LOCK_SECONDS
    yield Bench(writes, await factory.customer(), woken)
    await writes.close()


async def version(owner: asyncpg.Connection, customer: Made) -> int:
    found: int = await owner.fetchval("select version from customer where id = $1", customer.id)
    return found


async def test_a_command_is_done_once_and_wakes_the_sequencer(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    first, again = await bench.send("a"), await bench.send("a")
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.replayed, again.replayed, first.made) == (False, True, again.made)
    assert bench.woken == ["woken", "touch DONE", "touch REPLAYED"]
    assert await version(owner, bench.customer) == 2


async def test_whoever_cannot_have_the_rows_is_told_to_try_again(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    async with owner.transaction():
        await owner.execute("select from customer where id = $1 for update", bench.customer.id)
        refused = await bench.send("a")
    assert isinstance(refused, Problem)
    assert refused.code is ProblemCode.TRY_AGAIN
    # What passes is not kept: the same command is carried out once the rows are free.
    assert isinstance(await bench.send("a"), Done)


async def test_a_command_whose_connection_breaks_is_begun_anew(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    broken: list[int] = []

    async def act(unit: Unit) -> Change:
        change = await bench.touch(unit)
        if not broken:
            broken.append(await unit.connection.fetchval("select pg_backend_pid()"))
            await owner.execute("select pg_terminate_backend($1)", broken[0])
            with suppress(asyncio.CancelledError):
                await unit.fetch("select pg_sleep(5)")
        return change

    assert isinstance(await bench.send("a", act), Done)
    assert broken
    assert await version(owner, bench.customer) == 2


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_the_server_ended_is_no_hindrance(
    bench: Bench, database_url: str, turns: int
) -> None:
    used: list[int] = []

    async def act(unit: Unit) -> Change:
        used.append(await unit.connection.fetchval("select pg_backend_pid()"))
        return await bench.touch(unit)

    assert isinstance(await bench.send("a", act), Done)
    await end_session(database_url, used[0], turns)
    assert isinstance(await bench.send("b", act), Done)
    assert used[-1] != used[0]


async def test_what_is_done_while_a_refusal_is_kept_is_the_answer(
    bench: Bench, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = _Attempt._refuse
    done: list[Done | Problem] = []

    async def keep_late(*given: Any) -> Done | Problem | None:
        if not done:
            done.append(await bench.send("a"))
        return await keep(*given)

    async def refuses(_unit: Unit) -> Change:
        raise Problem(ProblemCode.ACCOUNT_FROZEN)

    monkeypatch.setattr(_Attempt, "_refuse", keep_late)
    outcome = await bench.send("a", refuses)
    assert isinstance(outcome, Done)
    assert outcome.replayed
    assert isinstance(done[0], Done)
    assert outcome.made == done[0].made
    assert await version(owner, bench.customer) == 2


async def test_a_fault_of_ours_leaves_nothing(bench: Bench, owner: asyncpg.Connection) -> None:
    async def forgets_rows(unit: Unit) -> Change:
        await bench.touch(unit)
        await unit.change("update customer set version = 9 where id = $1", UUID(int=0))
        return bench.change(bench.customer.id)

    before = await state(owner)
    with pytest.raises(WrongRowsError, match="UPDATE 0, not 1"):
        await bench.send("a", forgets_rows)
    assert await state(owner) == before
    # Nothing was decided, so the key is free.
    assert isinstance(await bench.send("a"), Done)


async def test_a_command_that_is_cancelled_leaves_nothing(
    bench: Bench, owner: asyncpg.Connection
) -> None:
    reached = asyncio.Event()

    async def waits(unit: Unit) -> Change:
        await bench.touch(unit)
        reached.set()
        await unit.fetch("select pg_sleep(60)")
        return bench.change(bench.customer.id)

    before = await state(owner)
    task = asyncio.create_task(bench.send("a", waits))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await state(owner) == before
    assert isinstance(await bench.send("a"), Done)


async def test_two_that_lock_the_same_customers_never_wait_for_each_other(
    bench: Bench, factory: Factory
) -> None:
    staff = await factory.staff("TELLER")
    both = [bench.customer, await factory.customer()]
    for customer in both:
        await factory.assign(customer, staff, "TELLER")
    bench.scope = RowScope(Viewer(Role.TELLER, (Role.TELLER,), staff_id=staff.id))
    bench.writes.lock_seconds = 30

    def locks(*customers: Made) -> Act:
        async def act(unit: Unit) -> Change:
            await unit.lock_customers(*(customer.id for customer in customers))
            return bench.change(customers[0].id)

        return act

    outcomes = await asyncio.gather(
        *(bench.send(f"{n}", locks(*(both if n % 2 else both[::-1]))) for n in range(40))
    )
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert "touch TRY_AGAIN" not in bench.woken


async def test_nothing_is_written_for_nobody(bench: Bench, owner: asyncpg.Connection) -> None:
    """Without a viewer the role app_write neither sees nor changes a customer."""

    async def forgets_the_viewer(unit: Unit) -> Change:
        await unit.fetch("select set_config('bank360.viewer', '', true)")
        return await bench.touch(unit)

    refused = await bench.send("a", forgets_the_viewer)
    assert isinstance(refused, Problem)
    assert refused.code is ProblemCode.NOT_FOUND
    assert await version(owner, bench.customer) == 1


async def test_a_later_transaction_of_the_connection_speaks_for_its_own_viewer(
    bench: Bench, factory: Factory
) -> None:
    """What a transaction says of its viewer ends with it, also when it is rolled back."""
    stranger = await factory.customer()

    async def who(unit: Unit) -> Change:
        setting = await unit.connection.fetchval("select current_setting('bank360.viewer')")
        assert str(unit.viewer.id) in setting
        raise Problem(ProblemCode.NOTHING_TO_CHANGE)

    scopes = [bench.scope, RowScope(Viewer(Role.CUSTOMER, (), customer_id=stranger.id))]
    for n in range(20):
        bench.scope = scopes[n % 2]
        await bench.send(f"{n}", who)
    async with bench.writes.connection() as connection:
        assert await connection.fetchval("select count(*) from customer") == 0
