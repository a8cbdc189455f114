"""Clients that go on while their server is killed, and what must hold once they are answered."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import asyncpg
import httpx
from killed_server import POLL_SECONDS, SECONDS_MAX, Server, fail

AnsweredT = TypeVar("AnsweredT")

# Codes that tell nothing of the command: it is sent again, with the same key.
SEND_AGAIN: Final = frozenset({"IN_PROGRESS", "TRY_AGAIN"})
_AWAY_SECONDS: Final = 0.25
_TOO_BUSY: Final = {"RATE_LIMITED"}
_FAULT: Final = "INTERNAL_SERVER_ERROR"


@dataclass
class Run(Generic[AnsweredT]):
    """What all clients share: the server, what it answered, and how it went."""

    http: httpx.AsyncClient
    url: str
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    answered: list[AnsweredT] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    # Odd while the database is away.
    changes: int = 0

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Take faults for what they are while the database is away."""
        self.changes += 1
        try:
            yield
        finally:
            self.changes += 1

    async def send(self, token: str, query: str, variables: dict[str, Any]) -> Any:
        """Send an operation until it is answered; gives its data."""
        deadline = monotonic() + SECONDS_MAX
        while True:
            changes = self.changes
            try:
                response = await self.http.post(
                    f"{self.url}/graphql",
                    json={"query": query, "variables": variables},
                    headers={"Authorization": f"Bearer {token}"},
                )
            except httpx.ConnectError:
                # It does not listen yet, so it was not told either. What asks too often keeps it
                # from starting.
                await asyncio.sleep(_AWAY_SECONDS)
            except httpx.TransportError:
                self.counts["answers lost"] += 1
            else:
                body = response.json()
                if "errors" not in body:
                    return body["data"]
                codes = {error["extensions"]["code"] for error in body["errors"]}
                was_away = changes % 2 == 1 or changes != self.changes
                if codes - _TOO_BUSY - ({_FAULT} if was_away else set()):
                    fail(f"unexpected: {body['errors']}")
                self.counts["too busy, or without the database"] += 1
            if monotonic() > deadline:
                fail("the server answers no more")
            await asyncio.sleep(POLL_SECONDS)

    async def command(self, token: str, query: str, name: str, values: dict[str, Any]) -> Any:
        """Send a mutation with its key until it is carried out or refused; gives its answer."""
        while True:
            answer = (await self.send(token, query, {"input": values}))[name]
            if answer.get("code") not in SEND_AGAIN:
                return answer
            self.counts["asked to send again"] += 1

    async def more(self, count: int) -> None:
        """Wait until so many more commands are answered, or all are."""
        wanted = len(self.answered) + count
        known, deadline = len(self.answered), monotonic() + SECONDS_MAX
        while len(self.answered) < wanted and not self.is_over.is_set():
            if len(self.answered) > known:
                known, deadline = len(self.answered), monotonic() + SECONDS_MAX
            if monotonic() > deadline:
                fail("nothing is answered any more")
            await asyncio.sleep(0.001)

    def summary(self) -> str:
        """Say how it went."""
        return ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))


@asynccontextmanager
async def working(
    url: str, clients: Sequence[Callable[[Run[Any]], Coroutine[Any, Any, None]]]
) -> AsyncIterator[Run[Any]]:
    """Let the clients work; in the end every command that was begun is answered."""
    async with httpx.AsyncClient(timeout=SECONDS_MAX) as http, asyncio.TaskGroup() as tasks:
        run: Run[Any] = Run(http, url)
        for client in clients:
            tasks.create_task(client(run))
        try:
            yield run
        finally:
            run.is_over.set()


async def kill_again_and_again(
    run: Run[Any],
    kills: Iterable[Callable[[], Awaitable[None]]],
    between: tuple[int, int],
    chosen: random.Random,
) -> None:
    """Kill while commands are under way; each kill ends when all is up again.

    ``between`` two kills so many commands are answered.
    """
    for kill in kills:
        await run.more(chosen.randint(*between))
        await kill()
    await run.more(between[0])


async def keys_and_records(
    owner: asyncpg.Connection,
    acknowledged: set[tuple[UUID, str]],
    commands: Sequence[str],
    beside: int = 0,
) -> list[str]:
    """Compare acknowledged commands, by actor and key, with keys and records, both ways.

    So many records must be there ``beside`` the one of each command, those of tickets left out that
    the bank opens about what is out of the ordinary.
    """
    rows = await owner.fetch(
        """
        select idempotency_key.actor_id, key, count(audit_record.id) as records
        from idempotency_key
        left join audit_record on audit_record.payload_hash = idempotency_key.payload_hash
            and audit_record.actor_id = idempotency_key.actor_id
            and audit_record.command = idempotency_key.command
            and audit_record.subject_id = idempotency_key.result_id
        where problem is null group by 1, 2
        """
    )
    done = {(row["actor_id"], row["key"]): row["records"] for row in rows}
    records = await owner.fetchval(
        "select count(*) from audit_record where command = any($1)"
        " and subject_prefix is distinct from 'tkt'",
        commands,
    )
    faults = []
    if missing := acknowledged - done.keys():
        faults.append(f"{len(missing)} acknowledged commands are missing")
    if more := done.keys() - acknowledged:
        faults.append(f"{len(more)} commands were carried out, and nobody was told")
    if wrong := {key for key, count in done.items() if count != 1}:
        faults.append(f"{len(wrong)} commands have not exactly one audit record")
    if records != len(acknowledged) + beside:
        faults.append(f"{records} audit records for {len(acknowledged)} commands and {beside}")
    return faults


async def chain(owner: asyncpg.Connection, target: Server) -> list[str]:
    """Wait for the sequencer, then look at positions and chain."""
    deadline = monotonic() + SECONDS_MAX
    while await owner.fetchval("select exists (select from audit_pending)"):
        if monotonic() > deadline:
            return ["the sequencer has not numbered every record"]
        await asyncio.sleep(POLL_SECONDS)
    links = await owner.fetchrow(
        """
        select count(*) as links, max(position) as last, count(distinct record_id) as records,
            (select count(*) from audit_record) as all_records
        from audit_link
        """
    )
    assert links is not None
    faults = [] if len(set(links)) == 1 else [f"positions are not dense: {dict(links)}"]
    with tempfile.TemporaryFile() as said:
        status = await asyncio.to_thread(target.run("audit", "verify", output=said).wait)
        said.seek(0)
        text = said.read().decode().strip()
    print(text)
    return faults if status == 0 else [*faults, f"audit verify ended with {status}: {text}"]
