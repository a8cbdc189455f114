"""A connection of the pool speaks for whoever took it, whatever became of those before."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
import pytest
from ended_session import end_session
from row_scopes import Person
from seed_support import Bank
from slow_sql import until

from app.auth.permissions import Role
from app.db.database import Database
from app.db.lending import BusyError
from app.db.viewer_setting import telling
from app.metrics import Metrics

POOL: Final = 3
PEOPLE: Final = 40
READS: Final = 20
# Whom the connection speaks for, and whom it lets see: each answer is checked for both.
SPEAKS: Final = """
    select current_setting('bank360.viewer') as viewer, pg_backend_pid() as pid,
        array(select id from customer order by id) as customers,
        (select count(*) from account) as accounts
"""
ANSWERS: Final = telling(
    """
    select json_build_array(current_setting('bank360.viewer'), pg_backend_pid(),
        array(select id from customer order by id), (select count(*) from account))
    """,
    0,
)
# Whom the session speaks for when a statement does not tell it itself.
SESSION: Final = "select coalesce(current_setting('bank360.viewer', true), '') where $1 <> ''"
# What becomes of statements that do not answer.
ENDS: Final = {
    "wrong": "select 1 / (select 0)",
    "slow": "select pg_sleep(600)",
    "ended": "select pg_terminate_backend(pg_backend_pid())",
}


@asynccontextmanager
async def connected(dsn: str, size: int = POOL) -> AsyncIterator[Database]:
    database = await Database.connect(dsn, size, 1, Metrics().pool)
    try:
        yield database
    finally:
        await database.close()


Seen = tuple[list[UUID], int]


def answered(text: str) -> dict[str, Any]:
    """What a statement that is told itself who asks has read, as the rows of SPEAKS have it."""
    viewer, pid, customers, accounts = orjson.loads(text)
    ids = [UUID(customer) for customer in customers]
    return {"viewer": viewer, "pid": pid, "customers": ids, "accounts": accounts}


@pytest.fixture
async def people(invented_bank: Bank) -> dict[Person, Seen]:
    """Customers and staff of the bank, with the customers and the number of accounts they see."""
    owner = await asyncpg.connect(invented_bank.dsn)
    found = await owner.fetch(
        f"(select 'CUSTOMER' as role, id from customer where type <> 'BANK' limit {PEOPLE - 10})"
        " union all (select distinct 'TELLER', staff_id from assignment where role = 'TELLER'"
        " limit 8) union all select role, staff_id from staff_role where role in ('ADMIN')"
    )
    seen: dict[Person, Seen] = {}
    for role, id_ in found:
        person = Person(Role[role], id_)
        customers = await owner.fetch(f"select * from ({person.customers}) mine order by 1")
        accounts = f"select count(*) from account where {person.expected('account')}"
        seen[person] = ([row[0] for row in customers], await owner.fetchval(accounts))
    await owner.close()
    return seen


WAITS: Final = "waits"
TELLS: Final = "tells"
READS_ROWS: Final = "reads"
STEPS: Final = (WAITS, TELLS, READS_ROWS)
# How far each read has come: the events of its task, by step.
Steps = defaultdict[asyncio.Task[Any], dict[str, asyncio.Event]]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    found: Steps = defaultdict(lambda: {TELLS: asyncio.Event(), READS_ROWS: asyncio.Event()})
    for method, step in (("fetchval", TELLS), ("fetch", READS_ROWS)):
        send = getattr(asyncpg.Connection, method)

        async def noted(
            connection: asyncpg.Connection,
            sql: str,
            *values: Any,
            send: Any = send,
            step: str = step,
        ) -> Any:
            task = asyncio.current_task()
            assert task is not None
            found[task][step].set()
            return await send(connection, sql, *values)

        monkeypatch.setattr(asyncpg.Connection, method, noted)
    return found


class Reading:
    """Reads as one person again and again; some reads are cut off, some fail."""

    def __init__(
        self,
        database: Database,
        steps: Steps,
        person: Person,
        seen: Seen,
        outcomes: Counter[str],
    ) -> None:
        self._database = database
        self._steps = steps
        self._person = person
        self._seen = seen
        self._outcomes = outcomes
        # Random numbers for a test, the same in each run.
        self._rng = Random(person.id.int)

    async def run(self) -> None:
        for _ in range(READS):
            draw = self._rng.random()
            if draw < 0.25:
                await self._cut_off()
            elif draw < 0.35:
                await self._fail("wrong")
            elif draw < 0.38:
                await self._fail("ended")
            elif draw < 0.385:
                await self._fail("slow")
            await self._answer()

    async def _fetch(self, sql: str) -> Any:
        # A busy pool is asked again, as a client would. Both ways take turns by chance.
        answers = self._rng.random() < 0.5
        while True:
            try:
                if sql is SPEAKS and answers:
                    return [
                        answered(await self._database.answer(ANSWERS, [], self._person.setting))
                    ]
                if answers:
                    return await self._database.answer(telling(sql, 0), [], self._person.setting)
                return await self._database.fetch(sql, [], self._person.setting)
            except BusyError:
                self._outcomes["busy"] += 1

    async def _cut_off(self) -> None:
        """Cancel a read while it waits for a connection, tells it the viewer, or reads."""
        step = self._rng.choice(STEPS)
        task = asyncio.create_task(self._fetch(SPEAKS))
        reached = self._steps[task][step] if step != WAITS else asyncio.Event()
        ended = asyncio.create_task(reached.wait())
        await asyncio.wait(
            [task, ended],
            timeout=0.01 if step == WAITS else None,
            return_when=asyncio.FIRST_COMPLETED,
        )
        for _ in range(self._rng.randrange(4)):
            await asyncio.sleep(0)
        ended.cancel()
        task.cancel()
        try:
            self._check(await task)
            self._outcomes["answered all the same"] += 1
        except asyncio.CancelledError:
            self._outcomes[f"cut off while it {step}"] += 1
        except asyncpg.QueryCanceledError:
            self._outcomes["asked again"] += 1

    async def _fail(self, how: str) -> None:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await self._fetch(ENDS[how])
        self._outcomes[how] += 1

    async def _answer(self) -> None:
        while True:
            try:
                self._check(await self._fetch(SPEAKS))
            except asyncpg.QueryCanceledError:
                # On a busy machine an answer may take too long; a client asks again.
                self._outcomes["asked again"] += 1
            else:
                self._outcomes["answered"] += 1
                return

    def _check(self, rows: Any) -> None:
        (row,) = rows
        assert row["viewer"] == self._person.setting
        assert (row["customers"], row["accounts"]) == self._seen


@pytest.mark.usefixtures("unmeasured")
async def test_no_connection_ever_speaks_for_another_viewer(
    invented_bank: Bank, people: dict[Person, Seen], steps: Steps
) -> None:
    outcomes: Counter[str] = Counter()
    async with connected(invented_bank.dsn) as database, asyncio.TaskGroup() as group:
        for person, seen in people.items():
            group.create_task(Reading(database, steps, person, seen, outcomes).run())
    assert outcomes["answered"] == READS * len(people)
    for outcome in (*(f"cut off while it {step}" for step in STEPS), *ENDS):
        assert outcomes[outcome], outcomes


async def test_taking_and_giving_back_cost_one_round_trip(
    invented_bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        send = getattr(asyncpg.Connection, name)

        async def recorded(
            connection: asyncpg.Connection, sql: str, *values: Any, send: Any = send
        ) -> Any:
            sent.append(sql)
            return await send(connection, sql, *values)

        monkeypatch.setattr(asyncpg.Connection, name, recorded)
    async with connected(invented_bank.dsn) as database:
        for _ in range(3):
            sent.clear()
            await database.fetch("select 1", [], "{}")
            assert sent == ["select set_config('bank360.viewer', $1, false)", "select 1"]


async def test_an_answer_costs_one_round_trip(
    invented_bank: Bank, people: dict[Person, Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves a session that speaks for nobody, so that nothing is read before it is told."""
    sent: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        send = getattr(asyncpg.Connection, name)

        async def recorded(
            connection: asyncpg.Connection, sql: str, *values: Any, send: Any = send
        ) -> Any:
            sent.append(sql)
            return await send(connection, sql, *values)

        monkeypatch.setattr(asyncpg.Connection, name, recorded)
    silent = "select set_config('bank360.viewer', $1, false)"
    async with connected(invented_bank.dsn, 1) as database:
        for before, first in (("nothing", [silent]), ("fetch", [silent]), ("answer", [])):
            (person, _), *_ = people.items()
            if before == "fetch":
                await database.fetch("select 1", [], person.setting)
            silences = first
            for person, seen in people.items():
                sent.clear()
                found = answered(await database.answer(ANSWERS, [], person.setting))
                assert sent == [*silences, ANSWERS], before
                assert found["viewer"] == person.setting
                assert (found["customers"], found["accounts"]) == seen
                silences = []
                assert await database.answer(SESSION, [], person.setting) == ""


@pytest.mark.parametrize("how", ["wrong", "slow", "cut off"])
async def test_a_session_speaks_for_nobody_after_an_answer_that_failed(
    invented_bank: Bank, people: dict[Person, Seen], steps: Steps, how: str
) -> None:
    (person, _), (other, seen), *_ = people.items()
    async with connected(invented_bank.dsn, 1) as database:
        assert await database.answer(SESSION, [], person.setting) == ""
        failing = telling(ENDS["slow" if how == "cut off" else how], 0)
        task = asyncio.create_task(database.answer(failing, [], person.setting))
        if how == "cut off":
            await steps[task][READS_ROWS].wait()
            task.cancel()
        with pytest.raises((asyncpg.PostgresError, asyncio.CancelledError)):
            await task
        assert await database.answer(SESSION, [], other.setting) == ""
        found = answered(await database.answer(ANSWERS, [], other.setting))
        assert found["viewer"] == other.setting
        assert (found["customers"], found["accounts"]) == seen


async def test_a_connection_that_was_not_told_is_ended(
    invented_bank: Bank, people: dict[Person, Seen]
) -> None:
    (person, seen), *_ = people.items()
    async with connected(invented_bank.dsn, 1) as database:
        (before,) = await database.fetch(SPEAKS, [], person.setting)
        with pytest.raises(asyncpg.CharacterNotInRepertoireError):
            await database.fetch(SPEAKS, [], "a viewer that cannot be set: \x00")
        (after,) = await database.fetch(SPEAKS, [], person.setting)
        assert after["pid"] != before["pid"]
        assert (after["customers"], after["accounts"]) == seen


async def test_cutting_off_the_telling_ends_the_connection(
    invented_bank: Bank, people: dict[Person, Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may have understood, or not: nobody asks it again."""
    (one, _), (other, seen), *_ = people.items()
    tell = asyncpg.Connection.fetchval
    told = asyncio.Event()

    async def hang(connection: asyncpg.Connection, sql: str, *values: Any) -> Any:
        await tell(connection, sql, *values)
        told.set()
        await asyncio.Event().wait()

    async with connected(invented_bank.dsn, 1) as database:
        (before,) = await database.fetch(SPEAKS, [], other.setting)
        monkeypatch.setattr(asyncpg.Connection, "fetchval", hang)
        task = asyncio.create_task(database.fetch(SPEAKS, [], one.setting))
        await told.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        monkeypatch.setattr(asyncpg.Connection, "fetchval", tell)
        (after,) = await database.fetch(SPEAKS, [], other.setting)
        assert after["pid"] != before["pid"]
        assert (after["customers"], after["accounts"]) == seen


async def test_a_transaction_left_open_is_rolled_back(
    invented_bank: Bank, people: dict[Person, Seen]
) -> None:
    """A setting made in one that is rolled back would revert to whoever asked before."""
    (one, _), (other, seen), *_ = people.items()
    async with connected(invented_bank.dsn, 1) as database:
        loop = asyncio.get_running_loop()
        warned: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _loop, context: warned.append(context))
        await database.fetch("begin", [], one.setting)
        assert [context["message"][:20] for context in warned] == ["Resetting connection"]
        loop.set_exception_handler(None)
        (row,) = await database.fetch(SPEAKS, [], other.setting)
        assert row["viewer"] == other.setting
        assert (row["customers"], row["accounts"]) == seen


async def test_nobody_is_read_without_a_viewer(invented_bank: Bank) -> None:
    async with connected(invented_bank.dsn) as database:
        assert await database.fetch_value("select count(*) from customer") == 0

        async def none_left() -> bool:
            return bool(await database.fetch_value("select count(*) from branch") == 0)

        await until(none_left)


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_the_server_ended_is_not_lent_again(
    database_url: str, turns: int
) -> None:
    async with connected(database_url, 1) as database:
        first = await database.fetch_value("select pg_backend_pid()")
        await end_session(database_url, first, turns)
        second = await database.fetch_value("select pg_backend_pid()")
        assert second != first
