"""Records of reads share batches, and no answer leaves without its own."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from client import Client
from conftest import client_of
from factories import Factory
from prometheus_client.parser import text_string_to_metric_families
from trail import SHOWN, Trail

from app.auth.tokens import TokenKey
from app.db import reads
from app.db.audit import Record
from app.db.keys import Keys
from app.db.reads import reads_hash


@pytest.fixture(scope="module")
def url(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("read_audit_batches")


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(url)
    yield made
    await made.close()


@pytest.fixture
def trail(connection: asyncpg.Connection) -> Trail:
    return Trail(connection)


@pytest.fixture
async def factory(connection: asyncpg.Connection, keys: Keys) -> Factory:
    return Factory(connection, keys)


@pytest.fixture
async def client(url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Client]:
    async with client_of(url, keys, token_key) as made:
        yield made


async def test_a_batch_is_one_record_with_a_hash_of_its_reads(
    client: Client, trail: Trail, factory: Factory, keys: Keys
) -> None:
    made = [await factory.customer() for _ in range(3)]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { name email } } }"
    await client.run(query, ids=[each.global_id for each in made])
    rows = await trail.connection.fetch(
        "select * from audit_read where customer_id = any ($1)", [each.id for each in made]
    )
    (record_id,) = {row["record_id"] for row in rows}
    record = await trail.connection.fetchrow("select * from audit_record where id = $1", record_id)
    assert record is not None
    assert record["kind"] == "READ"
    assert record["reads_hash"] == reads_hash(rows) == reads_hash(rows[::-1])
    assert record["mac"] == Record.of_row(record).mac(keys.audit)
    changed = [dict(rows[0], role="TELLER"), *map(dict, rows[1:])]
    assert reads_hash(changed) != record["reads_hash"] != reads_hash(rows[1:])
    pending = "select count(*) from audit_pending where record_id = $1"
    linked = "select count(*) from audit_link where record_id = $1"
    waiting = await trail.connection.fetchval(pending, record_id)
    assert waiting or await trail.connection.fetchval(linked, record_id)


async def test_concurrent_operations_share_batches(
    client: Client, trail: Trail, factory: Factory
) -> None:
    made = [await factory.customer() for _ in range(50)]
    await client.run(SHOWN % "id", id=made[0].global_id)
    before = await trail.count("audit_record")
    query = SHOWN % "name"
    await asyncio.gather(*(client.run(query, id=each.global_id) for each in made))
    assert [await trail.of(each) for each in made] == [[["CUSTOMER_NAME_READ"]]] * 50
    assert await trail.count("audit_record") - before < 50
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families((await client.http.get("/metrics")).text)
        for sample in family.samples
    }
    assert found["bank360_read_audit_rows_total"] == 50
    assert found["bank360_read_audit_wait_seconds_count"] == 50
    assert 0 < found["bank360_read_audit_batch_seconds_count"] < 50
    assert found["bank360_read_audit_failures_total"] == 0


async def test_without_a_record_nothing_is_shown(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer(name="Canary Yellow")
    await trail.connection.execute("revoke insert on audit_read from app_write")
    try:
        response = await client.send(SHOWN % "name tier", id=customer.global_id)
        harmless = await client.run(SHOWN % "tier", id=customer.global_id)
    finally:
        await trail.connection.execute("grant insert on audit_read to app_write")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    assert "try again" in error["message"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "Canary" not in response.text
    assert harmless == {"customer": {"tier": "GOLD"}}
    assert await trail.of(customer) == []
    metrics = (await client.http.get("/metrics")).text
    assert "bank360_read_audit_failures_total 1.0" in metrics
    await client.run(SHOWN % "name", id=customer.global_id)
    assert await trail.of(customer) == [["CUSTOMER_NAME_READ"]]


async def test_a_lost_connection_holds_the_answer_back_and_is_replaced(
    client: Client, trail: Trail, factory: Factory
) -> None:
    customer = await factory.customer()
    async with trail.connection.transaction():
        await trail.connection.execute("lock table audit_pending")
        asked = asyncio.create_task(client.send(SHOWN % "name", id=customer.global_id))
        writer = await waiting_writer(trail.connection)
        await trail.connection.execute("select pg_terminate_backend($1)", writer)
        response = await asked
    assert response.status_code == 503
    assert "data" not in response.json()
    assert (await client.run(SHOWN % "name", id=customer.global_id))["customer"]["name"]
    assert await trail.of(customer) == [["CUSTOMER_NAME_READ"]]


async def waiting_writer(connection: asyncpg.Connection) -> int:
    """The process that waits for the table's lock to write reads; the sequencer waits, too."""
    for _ in range(500):
        found = await connection.fetchval(
            "select pid from pg_locks where not granted and mode = 'RowExclusiveLock'"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        if found:
            return int(found)
        await asyncio.sleep(0.02)
    raise AssertionError


async def test_the_answer_waits_for_its_record_and_a_client_that_leaves_makes_no_hole(
    url: str, keys: Keys, token_key: TokenKey, trail: Trail, factory: Factory
) -> None:
    gone, stays = await factory.customer(), await factory.customer()
    async with client_of(url, keys, token_key) as client:
        async with trail.connection.transaction():
            await trail.connection.execute("lock table audit_pending")
            tasks = [
                asyncio.create_task(client.send(SHOWN % "name", id=each.global_id))
                for each in (gone, stays)
            ]
            await waiting_writer(trail.connection)
            assert not any(task.done() for task in tasks)
            tasks[0].cancel()
        assert (await tasks[1]).json()["data"]["customer"]["name"]
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
    # The server has stopped: whatever was on its way is written.
    assert await trail.of(stays) == [["CUSTOMER_NAME_READ"]]
    assert await trail.of(gone) in ([], [["CUSTOMER_NAME_READ"]])
    for row in await trail.connection.fetch("select id, reads_hash from audit_record"):
        sql = "select * from audit_read where record_id = $1"
        assert reads_hash(await trail.connection.fetch(sql, row["id"])) == row["reads_hash"]


async def test_a_server_that_stops_writes_and_numbers_what_waits(
    *,
    url: str,
    keys: Keys,
    token_key: TokenKey,
    trail: Trail,
    factory: Factory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    customer = await factory.customer()
    lock = trail.connection.transaction()
    await lock.start()
    # The sequencer does without this table: it would end if it did not wait for the reads.
    await trail.connection.execute("lock table audit_read")
    closes = reads.Reads.close

    async def unlock_and_close(self: reads.Reads) -> None:
        await lock.rollback()
        await closes(self)

    monkeypatch.setattr(reads.Reads, "close", unlock_and_close)
    async with client_of(url, keys, token_key) as client:
        task = asyncio.create_task(client.send(SHOWN % "name", id=customer.global_id))
        await waiting_writer(trail.connection)
        task.cancel()
    assert await trail.of(customer) == [["CUSTOMER_NAME_READ"]]
    assert await trail.count("audit_pending") == 0
    assert await trail.count("audit_link") == await trail.count("audit_record")
    last = "select max(position) = (select max(position) from audit_head) from audit_link"
    assert await trail.connection.fetchval(last)


async def test_more_than_can_wait_is_refused(
    client: Client, trail: Trail, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "_WAITING_ROWS_MAX", 1)
    made = [await factory.customer() for _ in range(6)]
    async with trail.connection.transaction():
        await trail.connection.execute("lock table audit_pending")
        tasks = [
            asyncio.create_task(client.send(SHOWN % "name", id=each.global_id)) for each in made
        ]
        # Two are being written and one waits; the others are told at once.
        for _ in range(500):
            if sum(task.done() for task in tasks) == 3:
                break
            await asyncio.sleep(0.02)
    answers = [(await task).status_code for task in tasks]
    assert sorted(answers) == [200] * 3 + [503] * 3


async def test_big_batches_are_cut(
    client: Client, trail: Trail, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "_BATCH_ROWS_MAX", 2)
    made = [await factory.customer() for _ in range(6)]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { name } } }"
    ids = [each.global_id for each in made]
    before = await trail.count("audit_record")
    await asyncio.gather(
        client.run(query, ids=ids), *(client.run(query, ids=[each]) for each in ids)
    )
    assert [len(await trail.of(each)) for each in made] == [2] * 6
    assert await trail.count("audit_record") - before >= 4
