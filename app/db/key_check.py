"""Whether the keys at hand are the ones that a database was written with."""

from typing import Final
from uuid import UUID

import asyncpg

from app.db.crypto import CryptoError
from app.db.keys import Keys, KeysError

_NOBODY: Final = UUID(int=0)
_KNOWN: Final = b"bank360 key check"


async def check_keys(dsn: str, keys: Keys) -> None:
    """Compare the keys with the database's; a database without customers' keys takes these.

    Raises KeysError for foreign keys: customers written under two sets of keys could never be
    told apart again. A database that was never migrated is left alone.
    """
    connection = await asyncpg.connect(dsn)
    try:
        digest = keys.index.email(_KNOWN.decode())
        # Of two processes that start at once, the first one's row counts for both.
        await connection.execute(
            "insert into key_check (id, master, digest) values (1, $1, $2) on conflict do nothing",
            keys.ring.wrap(_KNOWN, _NOBODY),
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
        keys.ring.unwrap(row["master"], _NOBODY)
    except CryptoError as error:
        message = "the master key is not the one that this database was written with"
        raise KeysError(message) from error
