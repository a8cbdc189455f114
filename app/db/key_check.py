"""Whether the keys at hand are the ones that a database was written with."""

from typing import Final
from uuid import UUID

import asyncpg

from app.db.audit import Connection
from app.db.crypto import CryptoError, CustomerCipher, KeyRing
from app.db.keys import Keys, KeysError
from app.db.master_key import PREFIX_BYTES

NOBODY: Final = UUID(int=0)
KNOWN: Final = b"bank360 key check"
# Held by a rotation alone, and by long loads together. Any fixed number that no other use of
# advisory locks in this database takes.
ROTATION_LOCK: Final = 360_007


async def check_keys(dsn: str, keys: Keys) -> None:
    """Compare the keys with the database's; a database without customers' keys takes these.

    Raises KeysError for foreign keys: customers written under two sets of keys could never be
    told apart again. A database that was never migrated is left alone. From then on the ring
    wraps with the master key that is in force in this database.
    """
    connection = await asyncpg.connect(dsn)
    try:
        digest = keys.index.email(KNOWN.decode())
        # Of two processes that start at once, the first one's row counts for both.
        await connection.execute(
            "insert into key_check (id, master, digest) values (1, $1, $2) on conflict do nothing",
            keys.master.wrap(KNOWN, NOBODY),
            digest,
        )
        row = await connection.fetchrow("select master, digest from key_check")
    except asyncpg.UndefinedTableError:
        return
    finally:
        await connection.close()
    assert row is not None
    if row["digest"] != digest:
        message = "the index key is not the one that this database was written with"
        raise KeysError(message)
    try:
        keys.ring.unwrap(row["master"], NOBODY)
        keys.ring.wrap_with(row["master"][:PREFIX_BYTES])
    except CryptoError as error:
        message = "the master key is not the one that this database was written with"
        raise KeysError(message) from error


async def make_key(
    connection: Connection, ring: KeyRing, customer_id: UUID
) -> tuple[bytes, CustomerCipher]:
    """Make a new customer's key for a row that the caller's transaction inserts.

    The master key stays in force until that transaction ends: a rotation waits for it. Raises
    CryptoError when the key in force is not known here.
    """
    await _follow(connection, ring)
    return ring.make(customer_id)


async def hold_keys(connection: asyncpg.Connection, ring: KeyRing) -> None:
    """Keep the master key in force until the connection closes: for loads that take long.

    Raises CryptoError while the master key is being rotated.
    """
    if not await connection.fetchval("select pg_try_advisory_lock_shared($1)", ROTATION_LOCK):
        message = "the master key is being rotated: try again when `bank360 keys rotate` is done"
        raise CryptoError(message)
    await _follow(connection, ring)


async def _follow(connection: Connection, ring: KeyRing) -> None:
    prefix = await connection.fetchval("select wrapping_prefix()")
    if prefix is not None:
        ring.wrap_with(prefix)
