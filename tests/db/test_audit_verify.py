"""What `bank360 audit verify` says of a trail that somebody with the owner's rights changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import pytest
from audit_trail import Audited, open_trail

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.audit import COLUMNS
from app.db.audit_chain import Head
from app.db.audit_verify import RangeError, Verified
from app.db.head_file import HeadFile
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.reads import Reads
from app.domain.audit import AuditFault


@pytest.fixture
async def empty(
    migrated_database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> AsyncIterator[Audited]:
    dsn = await asyncio.to_thread(migrated_database, f"audit_{new_id().hex[-12:]}")
    async with open_trail(dsn, keys, tmp_path) as made:
        yield Audited(made.dsn, made.keys, made.owner, made.writers, made.folder)


@pytest.fixture
async def trail(empty: Audited) -> Audited:
    await empty.fill(3)
    await empty.fill(2)
    return empty


async def test_an_untouched_trail_is_whole(trail: Audited) -> None:
    await trail.write(trail.record())
    found = await trail.verify()
    assert found == Verified(records=5, heads=2, first=1, last=5, pending=1, kept=5)
    assert str(found) == (
        "the audit trail is whole: 5 records at positions 1 to 5, 2 signed heads,"
        " 1 records not numbered yet; outside of the database the last head kept is of 5"
    )


async def test_an_empty_trail_is_whole(empty: Audited) -> None:
    assert str(await empty.verify()) == (
        "the audit trail is whole: 0 records, 0 signed heads, 0 records not numbered yet;"
        " outside of the database no head is kept"
    )


async def test_a_range_is_checked_alone(trail: Audited) -> None:
    await trail.tamper(
        f"update audit_record set command = 'x' where id = '{(await trail.link(2))['record_id']}'"
    )
    assert await trail.verify(3, 4) == Verified(records=2, heads=1, first=3, last=4)
    assert await trail.verify(3) == Verified(3, 2, 3, 5, pending=0, kept=5)
    assert await trail.verify(1, 1) == Verified(1, 0, 1, 1)
    assert (await trail.broken(None, 4)).where == "position 2"


async def test_positions_that_are_not_there_are_refused(trail: Audited) -> None:
    for first, last, said in (
        (4, 2, "--from 4 --to 2: the first position is after the last"),
        (6, None, "--from 6: the last position is 5"),
        (None, 9, "--to 9: the last position is 5"),
    ):
        with pytest.raises(RangeError) as caught:
            await trail.verify(first, last)
        assert str(caught.value) == said


async def test_a_trail_of_many_batches_is_whole(
    empty: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.sequencer.BATCH", 100)
    await empty.fill(530)
    found = await empty.verify()
    heads = await empty.heads()
    assert heads >= {256, 512, 530}
    assert (found.records, found.heads, found.last) == (530, len(heads), 530)
    await empty.tamper("delete from audit_head where position = 256")
    broken = await empty.broken()
    assert (broken.where, broken.fault) == ("position 256", AuditFault.REMOVED)


ALTERED = {
    "kind": "'READ'",
    "actor_id": "gen_random_uuid()",
    "role": "'ADMIN'",
    "command": "'eraseCustomer'",
    "payload_hash": "'\\x00'",
    "customer_id": "gen_random_uuid()",
    "subject_prefix": "'cus'",
    "subject_id": "gen_random_uuid()",
    "event": "null",
    "fields": "'{email}'",
    "detail_ciphertext": "'\\x00'",
    "reads_hash": "'\\x00'",
    "request_id": "'r'",
    "mac": "'\\x00'",
    "recorded_at": "recorded_at - interval '1 day'",
}


async def test_an_altered_record_is_named_whatever_was_altered(trail: Audited) -> None:
    assert set(ALTERED) == {*COLUMNS, "mac"} - {"id"}
    record = (await trail.link(4))["record_id"]
    await trail.owner.execute("create table kept as select * from audit_record")
    for column, value in ALTERED.items():
        await trail.tamper(f"update audit_record set {column} = {value} where id = '{record}'")
        broken = await trail.broken()
        assert (broken.where, broken.fault) == ("position 4", AuditFault.ALTERED), column
        assert str(broken).startswith("position 4: altered: ")
        assert str(record) in str(broken)
        await trail.tamper(
            "delete from audit_record", "insert into audit_record select * from kept"
        )
    assert (await trail.verify()).records == 5


async def test_values_that_no_record_can_hold_are_named(trail: Audited) -> None:
    record = (await trail.link(2))["record_id"]
    await trail.tamper(
        "alter table audit_record drop constraint ck_audit_record_kind",
        f"update audit_record set kind = 'NONE' where id = '{record}'",
    )
    assert (await trail.broken()).where == "position 2"


@pytest.mark.parametrize("column", ["record_mac", "hash", "record_id"])
async def test_an_altered_link_is_named(trail: Audited, column: str) -> None:
    value = "gen_random_uuid()" if column == "record_id" else "'\\x00'"
    await trail.tamper(f"update audit_link set {column} = {value} where position = 2")
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("position 2", AuditFault.ALTERED)


async def test_a_removed_record_is_named(trail: Audited) -> None:
    record = (await trail.link(3))["record_id"]
    await trail.tamper(f"delete from audit_record where id = '{record}'")
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("position 3", AuditFault.REMOVED)
    assert str(record) in str(broken)


@pytest.mark.parametrize("position", [1, 2, 4])
async def test_a_removed_link_is_named(trail: Audited, position: int) -> None:
    await trail.tamper(f"delete from audit_link where position = {position}")
    broken = await trail.broken()
    assert (broken.where, broken.fault) == (f"position {position}", AuditFault.REMOVED)
    # Whoever begins after the gap cannot tell what the chain was.
    assert (await trail.broken(position + 1)).where == f"position {position}"


async def test_a_removed_record_whose_traces_are_covered_up_is_told_by_the_head(
    trail: Audited,
) -> None:
    record = (await trail.link(4))["record_id"]
    await trail.tamper(
        f"delete from audit_record where id = '{record}'",
        "delete from audit_link where position = 4",
        "update audit_link set position = 4 where position = 5",
        "update audit_head set position = 4 where position = 5",
    )
    await trail.rehash(4)
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("head of position 4", AuditFault.FORGED)


async def test_a_tail_that_was_cut_off_is_told_by_a_head(trail: Audited) -> None:
    trail.file.path.unlink()
    await trail.tamper("delete from audit_link where position >= 4")
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("position 4", AuditFault.REMOVED)


async def test_a_tail_that_was_cut_off_with_its_head_is_told_by_the_file(trail: Audited) -> None:
    await trail.tamper(
        "delete from audit_record where (recorded_at, id) in"
        " (select recorded_at, record_id from audit_link where position >= 4)",
        "delete from audit_link where position >= 4",
        "delete from audit_head where position >= 4",
    )
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("position 4", AuditFault.REMOVED)
    assert str(trail.file.path) in str(broken)


async def test_a_whole_trail_that_was_removed_is_told_by_the_file(trail: Audited) -> None:
    await trail.tamper("truncate audit_record, audit_link, audit_head")
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("position 1", AuditFault.REMOVED)


_CONTENT = "record_id = other.record_id, record_mac = other.record_mac"


@pytest.mark.parametrize(
    "exchanged",
    [
        f"{_CONTENT}, recorded_at = other.recorded_at",
        f"{_CONTENT}, recorded_at = other.recorded_at, hash = other.hash",
        "hash = other.hash",
    ],
)
async def test_swapped_links_are_named(trail: Audited, exchanged: str) -> None:
    await trail.tamper(
        "drop index ix_audit_link_record_id",
        f"update audit_link set {exchanged} from audit_link as other"
        " where (audit_link.position, other.position) in ((2, 4), (4, 2))",
    )
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("position 2", AuditFault.SWAPPED)
    assert "position 4" in str(broken)


async def test_swapped_links_whose_hashes_are_made_anew_are_told_by_the_head(
    trail: Audited,
) -> None:
    await trail.tamper(
        "drop index ix_audit_link_record_id",
        f"update audit_link set {_CONTENT}, recorded_at = other.recorded_at"
        " from audit_link as other where (audit_link.position, other.position) in ((4, 5), (5, 4))",
    )
    await trail.rehash(4)
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("head of position 5", AuditFault.FORGED)
    assert "links after 3" in str(broken)


async def test_an_inserted_record_is_named(trail: Audited) -> None:
    record = trail.record()
    values = ", ".join(f"${n}" for n in range(1, len(COLUMNS) + 2))
    given = record.values()
    given[COLUMNS.index("fields")] = list(record.fields)
    await trail.owner.execute(
        f"insert into audit_record ({', '.join(COLUMNS)}, mac) values ({values})",
        *given,
        bytes(32),
    )
    broken = await trail.broken()
    assert (broken.where, broken.fault) == (f"record {record.id}", AuditFault.INSERTED)
    # On its way into the chain it is named too.
    await trail.owner.execute(
        "insert into audit_pending (recorded_at, record_id) values ($1, $2)",
        record.recorded_at,
        record.id,
    )
    broken = await trail.broken()
    assert broken.where == f"record {record.id}, not numbered yet"
    assert broken.fault is AuditFault.INSERTED
    # And in it.
    async with trail.sequencing():
        await trail.until_numbered([record.id])
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("position 6", AuditFault.ALTERED)
    assert "put in without the bank's key" in str(broken)


class Unobserved:
    """Nobody is told of records of reads; `app.db.reads.ReadsObserver`."""

    def recorded(self, rows: int, seconds: float) -> None: ...

    def waited(self, seconds: float) -> None: ...

    def failed(self) -> None: ...


@pytest.fixture
async def readers(empty: Audited) -> Audited:
    """A trail of 30 records of reads, of two customers each."""
    reads = Reads(empty.keys.audit, Unobserved())
    await reads.open(empty.dsn, 30)
    for _ in range(30):
        seen: dict[UUID | None, tuple[str, ...]] = {
            new_id(): ("CUSTOMER_NAME_READ",),
            new_id(): ("CUSTOMER_NAME_READ", "CUSTOMER_CONTACT_READ"),
        }
        viewer = Viewer(Role.TELLER, (Role.TELLER,), staff_id=new_id())
        await reads.record(viewer, seen, "Customer360", "request")
    await reads.close()
    await empty.fill(0)
    return empty


READ_OF_25 = (
    "(select read.id from audit_read read join audit_link link on read.record_id = link.record_id"
    " where link.position = 25 order by read.id limit 1)"
)


async def test_reads_are_checked_with_their_records(readers: Audited) -> None:
    assert (await readers.verify()).records == 30
    await readers.owner.execute("create table kept as select * from audit_read")
    for change in (
        "update audit_read set fields = '{}' where id =",
        "update audit_read set customer_id = gen_random_uuid() where id =",
        "update audit_read set actor_id = gen_random_uuid() where id =",
        "update audit_read set recorded_at = recorded_at - interval '1 day' where id =",
        "delete from audit_read where id =",
        (
            "insert into audit_read select gen_random_uuid(), recorded_at, gen_random_uuid(),"
            " record_id, actor_id, role, operation, fields, request_id from audit_read where id ="
        ),
    ):
        await readers.tamper(f"{change} {READ_OF_25}")
        broken = await readers.broken()
        assert (broken.where, broken.fault) == ("position 25", AuditFault.ALTERED), change
        await readers.tamper("delete from audit_read", "insert into audit_read select * from kept")
    await readers.tamper(
        "insert into audit_read select customer_id, recorded_at, gen_random_uuid(),"
        " gen_random_uuid(), actor_id, role, operation, fields, request_id from audit_read"
        f" where id = {READ_OF_25}"
    )
    broken = await readers.broken()
    assert broken.fault is AuditFault.INSERTED
    assert str(broken).endswith("no record tells of it")


async def test_a_record_that_is_written_twice_is_named(trail: Audited) -> None:
    link = await trail.link(2)
    names = ", ".join(name for name in (*COLUMNS, "mac") if name != "recorded_at")
    await trail.owner.execute(
        f"insert into audit_record (recorded_at, {names}) select recorded_at + interval '1 s',"
        f" {names} from audit_record where id = $1",
        link["record_id"],
    )
    broken = await trail.broken()
    assert (broken.where, broken.fault) == (f"record {link['record_id']}", AuditFault.INSERTED)


async def test_what_waits_for_a_position_is_checked(trail: Audited) -> None:
    link = await trail.link(2)
    sql = "insert into audit_pending (recorded_at, record_id) values ($1, $2)"
    await trail.owner.execute(sql, link["recorded_at"], link["record_id"])
    broken = await trail.broken()
    assert broken.fault is AuditFault.INSERTED
    assert "it has a position already" in str(broken)
    await trail.owner.execute("delete from audit_pending")
    await trail.write(record := trail.record())
    await trail.tamper(f"delete from audit_record where id = '{record.id}'")
    broken = await trail.broken()
    assert broken.where == f"record {record.id}, not numbered yet"
    assert broken.fault is AuditFault.REMOVED


@pytest.mark.parametrize("column", ["hash", "signature", "signed_at"])
async def test_a_changed_head_is_named(trail: Audited, column: str) -> None:
    value = "now()" if column == "signed_at" else "'\\x00'"
    await trail.tamper(f"update audit_head set {column} = {value} where position = 3")
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("head of position 3", AuditFault.FORGED)


async def test_a_head_of_another_key_is_named(trail: Audited, tmp_path: Path) -> None:
    other = Keys.load(tmp_path / "other", None, None).audit
    link = await trail.link(4)
    head = Head.sign(other, 4, link["hash"], link["recorded_at"])
    await trail.tamper(
        "insert into audit_head (position, hash, signed_at, signature) values"
        f" (4, '\\x{head.hash.hex()}', '{head.signed_at}', '\\x{head.signature.hex()}')"
    )
    broken = await trail.broken()
    assert (broken.where, broken.fault) == ("head of position 4", AuditFault.FORGED)


async def test_a_head_kept_in_the_file_is_checked(trail: Audited, tmp_path: Path) -> None:
    kept = trail.file.path.read_text(encoding="ascii")
    place = str(trail.file.path)
    for text in ("", "{}", "[]", kept[:50], kept.replace("head 5", "head 4"), "\xff", "null"):
        trail.file.path.write_text(text, encoding="latin-1")
        broken = await trail.broken()
        assert (broken.where, broken.fault) == (place, AuditFault.FORGED), text
    other = Keys.load(tmp_path / "other", None, None).audit
    head = Head.from_json(kept, trail.keys.audit)
    HeadFile(trail.file.path, other).write(Head.sign(other, 5, head.hash, head.signed_at))
    assert "is not signed with this bank's key" in str(await trail.broken())
    moved = Head.sign(trail.keys.audit, 5, bytes(32), head.signed_at)
    trail.file.write(moved)
    broken = await trail.broken()
    assert (broken.where, broken.fault) == (f"head of position 5 in {place}", AuditFault.FORGED)
    trail.file.path.unlink()
    assert (await trail.verify()).kept == 0
