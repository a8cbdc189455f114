"""The sequencer: every committed record gets one position, in order, whoever dies meanwhile."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from audit_trail import Trail, open_trail, until, until_so

from app.db.audit import write
from app.db.audit_chain import GENESIS, Head, link_hash
from app.db.ids import new_id
from app.db.keys import Keys

HOLDER = (
    "select pid from pg_locks where locktype = 'advisory' and granted"
    " and database = (select oid from pg_database where datname = current_database())"
)


@pytest.fixture
async def trail(
    migrated_database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> AsyncIterator[Trail]:
    """A bank of its own: positions are those of the whole bank."""
    url = await asyncio.to_thread(migrated_database, f"sequencer_{new_id().hex[-12:]}")
    async with open_trail(url, keys, tmp_path) as made:
        yield made


async def check_chain(trail: Trail) -> list[Head]:
    """Recompute the whole chain; gives its heads, each of which was signed over it."""
    links = await trail.owner.fetch(
        "select link.*, record.mac from audit_link link join audit_record record"
        " on record.id = link.record_id and record.recorded_at = link.recorded_at order by position"
    )
    hashes = {}
    tip = GENESIS
    for link in links:
        assert link["record_mac"] == link["mac"]
        tip = link_hash(tip, link["position"], link["record_id"], link["record_mac"])
        assert link["hash"] == tip
        hashes[link["position"]] = tip
    rows = await trail.owner.fetch(
        "select position, hash, signed_at, signature from audit_head order by position"
    )
    heads = [Head(*row) for row in rows]
    for head in heads:
        assert head.hash == hashes[head.position]
        assert head.is_signed(trail.keys.audit)
    return heads


async def write_as_many(
    trail: Trail, wake: Callable[[], None], seconds_of: Callable[[], bool]
) -> dict[UUID, list[UUID]]:
    """16 writers on 5 subjects, whose rows they lock; gives each subject's records in order."""
    subjects = [new_id() for _ in range(5)]
    await trail.owner.execute("create table if not exists subject (id uuid primary key)")
    await trail.owner.execute("grant select, update on subject to app_write")
    await trail.owner.executemany("insert into subject values ($1)", [(id_,) for id_ in subjects])
    committed: dict[UUID, list[UUID]] = defaultdict(list)

    async def writer(number: int) -> None:
        for turn in count(number):
            if not seconds_of():
                return
            subject = subjects[turn % len(subjects)]
            record = trail.record(subject_id=subject)
            async with trail.writers.acquire() as connection, connection.transaction():
                await connection.execute("select from subject where id = $1 for update", subject)
                # Every seventh transaction is rolled back, and leaves a gap in the serials.
                if turn % 7:
                    await write(connection, trail.keys.audit, record)
                    committed[subject].append(record.id)
            wake()

    await asyncio.gather(*(writer(number) for number in range(16)))
    return committed


async def test_sixteen_writers_get_dense_positions_in_each_subjects_order(trail: Trail) -> None:
    async with trail.sequencing() as (seen, wake):
        committed = await write_as_many(trail, wake, lambda: seen.position < 600)
        written = [record for records in committed.values() for record in records]
        await trail.until_numbered(written)
        assert seen.readers.count > 0
    numbered = await trail.numbered()
    assert sorted(numbered) == sorted(written)
    place = {record: position for position, record in enumerate(numbered)}
    for records in committed.values():
        assert [place[record] for record in records] == sorted(place[each] for each in records)
    heads = await check_chain(trail)
    assert {256, 512, len(numbered)} <= {head.position for head in heads}
    assert trail.file.read() == heads[-1]
    assert seen.failures == 0
    assert await trail.owner.fetchval("select count(*) from audit_pending") == 0


async def test_records_of_a_long_transaction_come_when_it_commits(trail: Trail) -> None:
    async with trail.sequencing() as (_, wake), trail.writers.acquire() as connection:
        early, late = trail.record(), trail.record()
        async with connection.transaction():
            await write(connection, trail.keys.audit, early)
            await trail.write(late)
            wake()
            await trail.until_numbered([late.id])
        # Nobody wakes it: it looks by itself.
        await trail.until_numbered([early.id])
    assert await trail.numbered() == [late.id, early.id]


async def test_one_takes_over_when_the_holder_is_killed(trail: Trail) -> None:
    async with AsyncExitStack() as stack:
        all_seen = []
        for _ in range(3):
            seen, _ = await stack.enter_async_context(trail.standing_by())
            all_seen.append(seen)
        for _ in range(3):
            await until(lambda: sum(seen.lock for seen in all_seen) == 1)
            await trail.until_numbered(await trail.write(trail.record(), trail.record()))
            killed = await trail.owner.fetch(f"select pg_terminate_backend(pid) from ({HOLDER}) x")
            assert len(killed) == 1
            await trail.until_numbered(await trail.write(trail.record()))
        await until(lambda: sum(seen.failures for seen in all_seen) == 3)
    assert len(await trail.numbered()) == 9
    heads = await check_chain(trail)
    assert heads[-1].position == 9


async def test_kills_among_writers_lose_and_double_nothing(trail: Trail) -> None:
    async with AsyncExitStack() as stack:
        first, wake = await stack.enter_async_context(trail.standing_by())
        second, _ = await stack.enter_async_context(trail.standing_by())

        async def kill() -> None:
            for position in (50, 150, 250):
                await until(lambda p=position: max(first.position, second.position) > p)  # type: ignore[misc]
                await trail.owner.fetch(f"select pg_terminate_backend(pid) from ({HOLDER}) x")

        killing = asyncio.create_task(kill())
        committed = await write_as_many(
            trail, wake, lambda: max(first.position, second.position) < 400
        )
        await killing
        written = [record for records in committed.values() for record in records]
        await trail.until_numbered(written)
    numbered = await trail.numbered()
    assert sorted(numbered) == sorted(written)
    place = {record: position for position, record in enumerate(numbered)}
    for records in committed.values():
        assert [place[record] for record in records] == sorted(place[each] for each in records)
    await check_chain(trail)


async def test_it_goes_on_where_it_stopped(trail: Trail) -> None:
    written = await trail.fill(3)
    written += await trail.fill(2)
    assert await trail.numbered() == written
    heads = await check_chain(trail)
    assert [head.position for head in heads] == [3, 5]
    assert trail.file.read() == heads[-1]
    assert trail.file.path.stat().st_mode & 0o777 == 0o600


async def test_heads_are_signed_while_records_come_and_not_otherwise(trail: Trail) -> None:
    async with trail.sequencing() as (seen, wake):
        await trail.write(trail.record())
        wake()
        await until(lambda: seen.heads == 1)
        await trail.write(trail.record())
        wake()
        await until(lambda: seen.heads == 2)
    assert seen.heads == 2
    assert [head.position for head in await check_chain(trail)] == [1, 2]


async def test_it_comes_back_when_the_database_does(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect: Any = asyncpg.connect
    lost = 3

    async def flaky(*given: Any, **more: Any) -> Any:
        nonlocal lost
        if lost:
            lost -= 1
            raise ConnectionRefusedError
        return await connect(*given, **more)

    monkeypatch.setattr("app.db.sequencer.asyncpg.connect", flaky)
    async with trail.sequencing() as (seen, _):
        await trail.until_numbered(await trail.write(trail.record()))
    assert seen.failures == 3


async def test_it_ends_while_it_waits_for_the_database(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_given: object, **_more: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("app.db.sequencer.asyncpg.connect", refuse)
    async with asyncio.timeout(5), trail.standing_by() as (seen, _):
        await until(lambda: seen.failures > 0)
    assert not seen.lock


async def test_who_stands_by_ends_too(trail: Trail) -> None:
    async with trail.sequencing() as (first, _), asyncio.timeout(10):
        async with trail.standing_by() as (second, _):
            sql = "select count(*) from pg_stat_activity where application_name = $1"

            async def both_connected() -> bool:
                return bool(await trail.owner.fetchval(sql, "bank360 sequencer") == 2)

            await until_so(both_connected)
        assert first.lock
        assert not second.lock


async def test_a_chain_that_lost_its_end_is_not_covered_up(trail: Trail) -> None:
    await trail.fill(3)
    kept = trail.file.read()
    await trail.tamper(
        "delete from audit_link where position = 3", "delete from audit_head where position = 3"
    )
    async with trail.sequencing() as (seen, _):
        await trail.until_numbered(await trail.write(trail.record()))
        await until(lambda: seen.heads == 1)
    # Numbering goes on; the evidence stays.
    assert seen.failures == 1
    assert trail.file.read() == kept


async def test_a_file_that_holds_no_head_is_left_alone(trail: Trail) -> None:
    await trail.fill(1)
    trail.file.path.write_text("{}", encoding="ascii")
    await trail.fill(1)
    assert trail.file.path.read_text(encoding="ascii") == "{}"
    assert len(await trail.numbered()) == 2


async def test_a_record_that_was_taken_away_before_its_turn_leaves_a_link(trail: Trail) -> None:
    first, second = await trail.write(trail.record(), trail.record())
    await trail.tamper(f"delete from audit_record where id = '{first}'")
    async with trail.sequencing() as (seen, _):
        await trail.until_numbered([first, second])
    assert seen.failures == 1
    assert await trail.numbered() == [first, second]
