"""Rotation of the master key while servers run: a new key, everything re-wrapped, the old one gone.

In order, so that a stop at any point leaves a bank that reads and a rotation that can go on:

1. The key set gets a new key beside the old one. Servers learn of it before anything is wrapped
   with it: they read a replaced key file again, or were given the set in their environment.
2. The new key comes into force (``key_check`` is wrapped with it). The database refuses new
   customers' keys under any other from then on, and this waits for those that are being written.
3. What is under another key is re-wrapped, batch by batch; each row itself tells what it is under.
4. The old key leaves the set. It is kept apart, since earlier backups need it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import orjson

from app.db import audit
from app.db.bank_itself import BANK_ID
from app.db.crypto import CryptoError
from app.db.ids import new_id
from app.db.key_check import KNOWN, NOBODY, ROTATION_LOCK
from app.db.keys import Keys
from app.db.master_key import PREFIX_BYTES, MasterKey
from app.domain.audit import AuditKind

COMMAND: Final = "keys rotate"
BATCH_ROWS: Final = 500
# Writing a new customer takes milliseconds; loads that take long hold the rotation's own lock.
_FLIP_TIMEOUT_SECONDS: Final = 10

_OTHERS: Final = f"substring(wrapped_key from 1 for {PREFIX_BYTES}) <> $1"
_COUNT: Final = f"select count(*) from customer_key where {_OTHERS}"
# A key that is erased at the same moment stays erased: only rows that are there are locked.
_BATCH: Final = f"""
select customer_id, wrapped_key from customer_key
where {_OTHERS} and customer_id > $2 order by customer_id limit $3 for update
"""
_REWRAP: Final = """
update customer_key set wrapped_key = given.wrapped_key
from unnest($1::uuid[], $2::bytea[]) as given (customer_id, wrapped_key)
where customer_key.customer_id = given.customer_id
"""
_ELSEWHERE: Final = """
select distinct coalesce(host(client_addr), 'this machine') as place from pg_stat_activity
where datname = current_database() and application_name = 'bank360'
    and client_addr is distinct from inet_client_addr()
order by place
"""


class RotationError(Exception):
    """The master key is not rotated, or not yet to the end; the text says why and what to do."""


@dataclass(frozen=True)
class Rotation:
    """What a rotation did: rows re-wrapped, whether it went on with an earlier one.

    ``retired`` is the file that keeps the old key, and None where the set is not in a file.
    """

    rewrapped: int
    resumed: bool
    retired: Path | None


async def rotate(dsn: str, keys: Keys, progress: Callable[[str, int, int], None]) -> Rotation:
    """Rotate the master key, or finish a rotation that was cut off; acts as the owner.

    Raises RotationError.
    """
    async with _alone(dsn) as connection:
        master = _current(keys)
        in_force = await _in_force(connection, master)
        resumed = len(master.prefixes) > 1
        if not resumed:
            master = await _add(connection, keys, master)
        if in_force != master.primary:
            await _bring_into_force(connection, keys, master, in_force)
        rewrapped = await _rewrap(connection, master, progress)
        return Rotation(rewrapped, resumed, _retire(keys, master))


async def next_set(dsn: str, keys: Keys) -> MasterKey:
    """Give the set that servers need before a rotation: with a new key; changes nothing.

    Raises RotationError where a rotation is not finished.
    """
    async with _alone(dsn) as connection:
        master = _current(keys)
        await _in_force(connection, master)
        if len(master.prefixes) > 1:
            message = (
                "the master key has a new key already: run `bank360 keys rotate` to bring it into"
                " force, or --print-final when that is done"
            )
            raise RotationError(message)
        return master.with_new_key()


async def final_set(dsn: str, keys: Keys) -> MasterKey:
    """Give the set without the keys that nothing is under; changes nothing.

    Raises RotationError where something still is.
    """
    async with _alone(dsn) as connection:
        master = _current(keys)
        in_force = await _in_force(connection, master)
        left = await connection.fetchval(_COUNT, master.primary)
        if in_force != master.primary or left:
            message = (
                f"{left:,} customers' keys are not under the new master key: run"
                " `bank360 keys rotate` first"
            )
            raise RotationError(message)
        return master.primary_alone()


@asynccontextmanager
async def _alone(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect, as the only one who works on the master key; its file's errors become ours."""
    connection = await asyncpg.connect(dsn)
    try:
        # Closing the connection gives the lock back.
        if not await connection.fetchval("select pg_try_advisory_lock($1)", ROTATION_LOCK):
            message = (
                "another rotation runs, or the bank is being filled (import, seed, demo): try again"
                " when that is done"
            )
            raise RotationError(message)
        yield connection
    except CryptoError as error:
        raise RotationError(str(error)) from error
    finally:
        await connection.close()


def _current(keys: Keys) -> MasterKey:
    """Give the set as it is now: another rotation may have changed the file since it was loaded."""
    return keys.master if keys.master_file is None else keys.master_file.read()


async def _in_force(connection: asyncpg.Connection, master: MasterKey) -> bytes:
    """Give the prefix of the key in force."""
    wrapped: bytes | None = await connection.fetchval("select master from key_check")
    if wrapped is None or not master.knows(wrapped):
        message = "the master key is not the one that this database was written with"
        raise RotationError(message)
    master.unwrap(wrapped, NOBODY)
    return wrapped[:PREFIX_BYTES]


async def _add(connection: asyncpg.Connection, keys: Keys, master: MasterKey) -> MasterKey:
    """Put a new key into the file, for every server of this machine to find."""
    if keys.master_file is None:
        message = (
            "the master key is in BANK360_MASTER_KEY, where this command cannot change it: give"
            " every server the output of `bank360 keys rotate --print-new`, then run this again"
            " with it"
        )
        raise RotationError(message)
    places = [row["place"] for row in await connection.fetch(_ELSEWHERE)]
    if places:
        message = (
            f"servers on other machines ({', '.join(places)}) do not read {keys.master_file.path}:"
            " put the output of `bank360 keys rotate --print-new` into the key file of each, and"
            " into this one, then run this again"
        )
        raise RotationError(message)
    grown = master.with_new_key()
    keys.master_file.replace(grown)
    return grown


async def _bring_into_force(
    connection: asyncpg.Connection, keys: Keys, master: MasterKey, in_force: bytes
) -> None:
    """Have new customers' keys wrapped with the new key from now on, and record the rotation."""
    record = audit.Record(
        recorded_at=datetime.now(UTC), id=new_id(), kind=AuditKind.WRITE, command=COMMAND
    )
    bank_key = await connection.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", BANK_ID
    )
    if bank_key is not None:
        detail = {"from": in_force[1:].hex(), "to": master.primary[1:].hex()}
        cipher = keys.ring.cipher(BANK_ID, bank_key)
        sealed = cipher.encrypt(
            "audit_record.detail_ciphertext", record.id, orjson.dumps(detail).decode()
        )
        record = replace(record, detail_ciphertext=sealed)
    try:
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{_FLIP_TIMEOUT_SECONDS}s'")
            await connection.execute(
                "update key_check set master = $1", master.wrap(KNOWN, NOBODY, master.primary)
            )
            await audit.write(connection, keys.audit, record)
    except asyncpg.LockNotAvailableError as error:
        message = (
            f"new customers have been in the making for {_FLIP_TIMEOUT_SECONDS} s: run"
            " `bank360 keys rotate` again when they are stored"
        )
        raise RotationError(message) from error


async def _rewrap(
    connection: asyncpg.Connection, master: MasterKey, progress: Callable[[str, int, int], None]
) -> int:
    """Re-wrap what is under another key; gives how many, and raises if any does not open."""
    total = await connection.fetchval(_COUNT, master.primary)
    done, last = 0, UUID(int=0)
    unreadable: list[UUID] = []
    progress("customers' keys", done, total)
    while True:
        async with connection.transaction():
            rows = await connection.fetch(_BATCH, master.primary, last, BATCH_ROWS)
            if not rows:
                break
            last = rows[-1]["customer_id"]
            rewrapped: dict[UUID, bytes] = {}
            for customer_id, wrapped in rows:
                try:
                    key = master.unwrap(wrapped, customer_id)
                except CryptoError:
                    unreadable.append(customer_id)
                else:
                    rewrapped[customer_id] = master.wrap(key, customer_id)
            await connection.execute(_REWRAP, list(rewrapped), list(rewrapped.values()))
        done += len(rewrapped)
        progress("customers' keys", done, total)
    if unreadable:
        message = (
            f"{len(unreadable):,} customers' keys do not open under any key of the master key"
            f" (the first is that of {unreadable[0]}); {done:,} are re-wrapped, and the old key"
            " stays"
        )
        raise RotationError(message)
    return done


def _retire(keys: Keys, master: MasterKey) -> Path | None:
    if keys.master_file is None:
        return None
    retired = keys.master_file.keep_retired(master)
    keys.master_file.replace(master.primary_alone())
    return retired
