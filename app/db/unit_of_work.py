"""The unit of work: the one way in which anything is written for a viewer.

A command runs in one transaction: its idempotency key is taken, rows are locked inside the
viewer's scope, the change is made, and one audit record tells of it. docs/writing.md explains it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.auth.approvals import FOUR_EYES
from app.auth.viewer import Viewer
from app.db import command_keys, command_records
from app.db.commands import (
    APPROVAL_PREFIX,
    Approved,
    Beside,
    Change,
    Command,
    Done,
    Made,
    Maker,
)
from app.db.crypto import CustomerCipher
from app.db.database import close_pool, open_pool
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.lending import BusyError, end, is_closed
from app.db.roles import APP_WRITE
from app.db.scope import RowScope
from app.db.viewer_setting import VIEWER_SETTING
from app.domain.problem import Problem, ProblemCode

_ATTEMPTS_MAX: Final = 3
# Whoever sends the same command twice at once waits for the first of them for so long.
_WAIT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_ACQUIRE_TIMEOUT_SECONDS: Final = 5
# Whoever waits longer for a row begins anew: all attempts together stay below the time that an
# operation has.
_LOCK_SECONDS: Final = 4.0
_BACKOFF_SECONDS: Final = 0.1
_CONNECTIONS_MIN: Final = 2
# After these the command is tried again from the start. Whether a transaction whose connection was
# lost has been committed is told by its key.
_PASSING: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    ConnectionError,
)
# What passes by itself is not an answer to keep.
_NOT_STORED: Final = frozenset({ProblemCode.IN_PROGRESS, ProblemCode.TRY_AGAIN})

_BEGIN: Final = f"""
select set_config('{VIEWER_SETTING}', $1, true),
    set_config('lock_timeout', $2, true),
    pg_try_advisory_xact_lock($3, $4) as is_free, now() as at
"""


class WrongRowsError(Exception):
    """A statement changed another number of rows than its author meant: a fault of ours."""


@dataclass
class Unit:
    """One command's transaction, in the role app_write; ``at`` is its time.

    ``approved`` is set while a command is carried out that somebody else asked for, and that the
    viewer approves: `maker` is who asked, ``viewer`` who acts now. The command's record will have
    the id ``record_id``; records of what is told ``beside`` follow it, in their order.
    """

    connection: "PoolConnectionProxy[asyncpg.Record]"
    viewer: Viewer
    keys: Keys
    at: datetime
    command: Command
    ciphers: dict[UUID, CustomerCipher] = field(default_factory=dict)
    approved: Approved | None = None
    record_id: UUID = field(default_factory=new_id)
    beside: list[Beside] = field(default_factory=list)

    def tell_beside(self, change: Change, *, by_bank: bool = False) -> UUID:
        """Have another record tell what the command brings about beside; gives its id."""
        told = Beside(new_id(), change, by_bank)
        self.beside.append(told)
        return told.record_id

    @property
    def maker(self) -> Maker:
        """Whose command it is: what a rule asks about a person or post, it asks of the maker."""
        return self.approved.maker if self.approved else Maker(self.viewer.id, self.viewer.role)

    def check_version(self, row: asyncpg.Record, expected: int) -> None:
        """Refuse a row that has changed since the maker read it.

        Of an approved command the base is compared instead (app.db.approvals), which shows what
        has changed to who approves.
        """
        if self.approved is None and row["version"] != expected:
            raise Problem(ProblemCode.STALE_VERSION, "expectedVersion")

    async def lock_customers(self, *customers: UUID) -> dict[UUID, asyncpg.Record]:
        """Lock customers in the order of their ids; refuses those whom the viewer does not see."""
        rows = await self.connection.fetch(
            "select customer.*, wrapped_key from customer"
            " left join customer_key on customer_key.customer_id = customer.id"
            " where customer.id = any($1::uuid[]) and viewer_sees(customer.id)"
            " order by customer.id for update of customer",
            list(customers),
        )
        found = {row["id"]: row for row in rows}
        if len(found) < len(set(customers)):
            raise Problem(ProblemCode.NOT_FOUND)
        for row in rows:
            if row["wrapped_key"] is not None:
                self.ciphers[row["id"]] = self.keys.ring.cipher(row["id"], row["wrapped_key"])
        return found

    async def open_cipher(self, customer: UUID) -> CustomerCipher | None:
        """Give the cipher of a customer who need not be locked; None where the key is erased."""
        if customer not in self.ciphers:
            sql = "select wrapped_key from customer_key where customer_id = $1"
            wrapped = await self.connection.fetchval(sql, customer)
            if wrapped is None:
                return None
            self.ciphers[customer] = self.keys.ring.cipher(customer, wrapped)
        return self.ciphers[customer]

    async def lock_customer(self, customer: UUID) -> asyncpg.Record:
        """Lock one customer; refuses one whom the viewer does not see."""
        return (await self.lock_customers(customer))[customer]

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Read rows. What is read of strangers is for the rule alone, never for the answer."""
        return await self.connection.fetch(sql, *values)

    async def change(self, sql: str, *values: Any, rows: int = 1) -> None:
        """Insert, update or delete just so many rows; anything else undoes the command."""
        status = await self.connection.execute(sql, *values)
        if int(status.rpartition(" ")[2]) != rows:
            message = f"{status}, not {rows}: {sql}"
            raise WrongRowsError(message)

    async def insert(self, table: str, **values: Any) -> None:
        """Insert one row."""
        names = ", ".join(values)
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await self.change(f"insert into {table} ({names}) values ({places})", *values.values())

    def encrypt(self, customer: UUID, place: str, row: UUID, clear: str | None) -> bytes | None:
        """Encrypt a value with the customer's key; null stays null."""
        return None if clear is None else self.ciphers[customer].encrypt(place, row, clear)

    def decrypt(self, customer: UUID, place: str, row: UUID, sealed: bytes | None) -> str | None:
        """Open a value; null where there is none or the key is erased."""
        cipher = self.ciphers.get(customer)
        return None if sealed is None or cipher is None else cipher.decrypt(place, row, sealed)


Act = Callable[[Unit], Awaitable[Change]]


@dataclass
class Writes:
    """Carries out commands; made once for a server."""

    pool: "asyncpg.Pool[asyncpg.Record]"
    keys: Keys
    wake: Callable[[], None] = lambda: None
    observe: Callable[[str, str], None] = lambda _command, _outcome: None
    lock_seconds: float = _LOCK_SECONDS

    @classmethod
    async def connect(
        cls,
        dsn: str,
        keys: Keys,
        readers: int,
        statement_timeout_seconds: int,
        *,
        wake: Callable[[], None],
        observe: Callable[[str, str], None],
    ) -> Self:
        """Open the pool that commands write through, half as large as that of ``readers``.

        ``wake`` is called after every commit: there is something for the sequencer. ``observe`` is
        told every command's name and how it ended.
        """
        size = max(readers // 2, _CONNECTIONS_MIN)
        pool = await open_pool(dsn, APP_WRITE, size, statement_timeout_seconds)
        return cls(pool, keys, wake, observe)

    async def close(self) -> None:
        """Close every connection once its transaction ends, or when that takes too long."""
        await close_pool(self.pool)

    async def carry_out(
        self,
        command: Command,
        scope: RowScope,
        request_id: str,
        act: Act,
        *,
        shows: bool = False,
    ) -> Done | Problem:
        """Carry a command out, or tell what became of it when it was sent before.

        ``act`` makes the change in the unit that it is given, or raises Problem. A refusal is
        kept: the same command is refused again however the world has changed. A command that
        ``shows`` something instead of changing it acts again when it is sent again, with the
        rights of that moment and a record of its own: what it shows is shown once more.
        """
        attempt = _Attempt(self, command, scope, request_id, act, shows)
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        failures = 0
        while True:
            try:
                outcome = await attempt.run()
            except _PASSING:
                failures += 1
                if failures == _ATTEMPTS_MAX:
                    return self._told(command, Problem(ProblemCode.TRY_AGAIN))
                await asyncio.sleep(_BACKOFF_SECONDS * failures)
                continue
            if outcome is not None:
                return self._told(command, outcome)
            if asyncio.get_running_loop().time() > deadline:
                return self._told(command, Problem(ProblemCode.IN_PROGRESS))
            await asyncio.sleep(_POLL_SECONDS)

    def _told(self, command: Command, outcome: Done | Problem) -> Done | Problem:
        if isinstance(outcome, Problem):
            word = outcome.code.value
        elif outcome.replayed:
            word = "REPLAYED"
        else:
            asked = outcome.made.prefix == APPROVAL_PREFIX and command.name in FOUR_EYES
            word = "PENDING" if asked else "DONE"
        self.observe(command.name, word)
        return outcome

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
        """Take a connection for one transaction; raises BusyError when none comes free."""
        try:
            connection = await self.pool.acquire(timeout=_ACQUIRE_TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise BusyError from error
        try:
            yield connection
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            # Rolling back over a lost connection fails in ways that hide the loss. The driver's own
            # confusion is how it hears of an end between two statements.
            if isinstance(error, asyncpg.InternalClientError):
                end(connection)
            if is_closed(connection):
                raise ConnectionResetError from error
            raise
        finally:
            await self.pool.release(connection)


@dataclass
class _Attempt:
    """One try at carrying a command out, in a transaction of its own."""

    writes: Writes
    command: Command
    scope: RowScope
    request_id: str
    act: Act
    shows: bool

    async def run(self) -> Done | Problem | None:
        """Give the outcome; None while the same command is being carried out elsewhere."""
        payload_hash = self.writes.keys.audit.mac(self.command.content)
        async with self.writes.connection() as connection:
            try:
                async with connection.transaction():
                    unit, before = await self._begin(connection, payload_hash)
                    if unit is None or isinstance(before, Problem) or (before and not self.shows):
                        return before
                    outcome = await self._act(unit, payload_hash, before)
            except Problem as problem:
                return await self._refuse(connection, payload_hash, problem)
            self.writes.wake()
            return outcome

    async def _begin(
        self, connection: "PoolConnectionProxy[asyncpg.Record]", payload_hash: bytes
    ) -> tuple[Unit | None, Done | Problem | None]:
        """Take the key's lock; gives the unit, unless another has it, and what the key stands for.

        The transaction's first statement tells who is asking: before it, nobody is.
        """
        viewer, command = self.scope.viewer, self.command
        begun = await connection.fetchrow(
            _BEGIN,
            self.scope.setting,
            f"{self.writes.lock_seconds * 1000:.0f}ms",
            *command_keys.lock_of(viewer.id, command.key),
        )
        assert begun is not None
        if not begun["is_free"]:
            return None, None
        # Apart from the lock: a statement sees nothing that was committed while it took it.
        known = await connection.fetchrow(command_keys.KNOWN, viewer.id, command.key)
        before = command_keys.replayed(known, command, payload_hash) if known else None
        return Unit(connection, viewer, self.writes.keys, begun["at"], command), before

    async def _refuse(
        self,
        connection: "PoolConnectionProxy[asyncpg.Record]",
        payload_hash: bytes,
        problem: Problem,
    ) -> Done | Problem | None:
        """Keep a refusal, of whose command nothing else stays; gives the key's outcome.

        Its transaction was rolled back, and the key's lock with it: if the same command was carried
        out meanwhile, that is what has become of it.
        """
        if problem.code in _NOT_STORED:
            return problem
        async with connection.transaction():
            unit, before = await self._begin(connection, payload_hash)
            if unit is None:
                return None
            if before is None:
                await self._store(unit, payload_hash, None, problem)
            elif not self.shows:
                return before
            return problem

    async def _act(self, unit: Unit, payload_hash: bytes, before: Done | None) -> Done | Problem:
        change = await self.act(unit)
        if before is None:
            made = None if change.refusal else change.made
            await self._store(unit, payload_hash, made, change.refusal)
        await command_records.write(unit, change, payload_hash, self.request_id)
        return before or change.refusal or Done(change.made)

    async def _store(
        self, unit: Unit, payload_hash: bytes, made: Made | None, problem: Problem | None
    ) -> None:
        await unit.change(
            command_keys.STORE,
            unit.viewer.id,
            self.command.key,
            self.command.name,
            payload_hash,
            unit.at,
            made and made.prefix,
            made and made.owner,
            made and made.id,
            problem and command_keys.written(problem),
        )
