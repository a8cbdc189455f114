"""The sequencer's loop: one process at a time numbers audit records, the others stand by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Final, Protocol

import structlog

from app.db.audit_chain import HeadError
from app.db.audit_keys import AuditKeys
from app.db.head_file import HeadFile
from app.db.sequencer import Numbered, Sequencer
from app.db.wake_ups import WakeUps

_log = structlog.get_logger("bank360.sequencer")

# Writers wake the sequencer. It looks by itself as well, as a wake-up may be lost with Redis: a
# look costs 0.2 ms, and a reader of events hardly notices a quarter of a second.
_LOOK_SECONDS: Final = 0.25
# How long nobody numbers, at most, after a holder is gone; a try costs less than a look.
_TRY_SECONDS: Final = 1.0
# Signing itself must end within the second after which records may no longer be changed unseen.
_HEAD_SECONDS: Final = 0.9
_RETRY_SECONDS: Final = 0.25
_RETRY_SECONDS_MAX: Final = 5.0
_STOP_SECONDS: Final = 5.0


class Observer(Protocol):
    """Is told what the sequencer does."""

    def holds(self, *, lock: bool) -> None:
        """Tell whether it is this process that numbers."""

    def numbered(self, position: int, waited_seconds: float) -> None:
        """Tell the last position, and for how long the oldest record had waited for one."""

    def signed(self, heads: int) -> None:
        """Tell of signed heads."""

    def failed(self) -> None:
        """Tell that the database or the file of the last head failed it, or was tampered with."""


@dataclass
class Sequencing:
    """Numbers audit records in this process, whenever it is this process's turn.

    ``written`` wakes it, and it wakes ``numbered`` when there are new positions to read. Where
    there is no ``file`` the last head is kept in the database only.
    """

    dsn: str
    keys: AuditKeys
    written: WakeUps
    numbered: WakeUps
    observer: Observer
    file: HeadFile | None
    _stops: asyncio.Event = field(default_factory=asyncio.Event)
    _failures: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run beside what is within; then number and sign what is left, and end."""
        self._stops.clear()
        task = asyncio.create_task(self._run())
        try:
            async with self.written.carried(), self.numbered.carried():
                yield
        finally:
            self._stops.set()
            self.written.wake()
            await asyncio.wait([task], timeout=_STOP_SECONDS)
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while not self._stops.is_set():
            try:
                async with Sequencer.connected(self.dsn, self.keys) as sequencer:
                    await self._take_turns(sequencer)
            except Exception as error:  # noqa: BLE001  # The bank's records wait for this loop.
                self._failed(error)
                pause = min(_RETRY_SECONDS * 2 ** (self._failures - 1), _RETRY_SECONDS_MAX)
                await self._stopped_within(pause)
            finally:
                self.written.publishes = True
                self.observer.holds(lock=False)

    def _failed(self, error: Exception) -> None:
        """Count a failure; of several in a row the first is logged."""
        self._failures = min(self._failures + 1, 16)
        self.observer.failed()
        if self._failures == 1:
            _log.warning("audit records wait: the sequencer lost its database", exc_info=error)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stops.wait()
        except TimeoutError:
            return False
        return True

    async def _take_turns(self, sequencer: Sequencer) -> None:
        """Stand by until the lock is free, then number until told to stop."""
        while not await sequencer.take_turn():
            self._failures = 0
            if await self._stopped_within(_TRY_SECONDS):
                return
        self._failures = 0
        _log.info("this process numbers audit records", position=sequencer.position)
        # Nobody else needs to be woken.
        self.written.publishes = False
        self.observer.holds(lock=True)
        keeper = _Keeper(self.file, self.observer)
        await keeper.begin(sequencer)
        await self._number(sequencer, keeper)

    async def _number(self, sequencer: Sequencer, keeper: "_Keeper") -> None:
        head_due = 0.0
        while True:
            stops = self._stops.is_set()
            seen = self.written.count
            done = await sequencer.number()
            self._tell(sequencer, done)
            is_last = stops and not done.has_more
            if monotonic() >= head_due or is_last:
                if sequencer.is_unsigned:
                    await sequencer.sign()
                    self.observer.signed(1)
                if await keeper.keep(sequencer):
                    head_due = monotonic() + _HEAD_SECONDS
            if is_last:
                return
            if not done.has_more:
                wait = _LOOK_SECONDS
                if sequencer.is_unsigned:
                    wait = min(wait, max(head_due - monotonic(), 0.0))
                await self.written.wait(seen, wait)

    def _tell(self, sequencer: Sequencer, done: Numbered) -> None:
        if done.oldest is not None:
            self.numbered.wake()
            waited = (datetime.now(UTC) - done.oldest).total_seconds()
            self.observer.numbered(sequencer.position, max(waited, 0.0))
            self.observer.signed(done.heads)
        else:
            self.observer.numbered(sequencer.position, 0.0)
        if done.missing:
            self.observer.failed()
            _log.error(
                "audit records were taken away before they were numbered: run bank360 audit verify",
                records=done.missing,
                position=sequencer.position,
            )


class _Keeper:
    """Keeps the last head in the file, unless the file tells that the chain is not what it was."""

    def __init__(self, file: HeadFile | None, observer: Observer) -> None:
        self._file = file
        self._observer = observer
        self._kept = 0

    async def begin(self, sequencer: Sequencer) -> None:
        """Compare the chain with the head in the file, which is evidence when they differ."""
        if self._file is None:
            return
        try:
            kept = await asyncio.to_thread(self._file.read)
        except HeadError as error:
            self._leave(str(error))
            return
        if kept is not None:
            if not await sequencer.holds(kept):
                self._leave(f"the chain does not hold its head of position {kept.position}")
                return
            self._kept = kept.position

    def _leave(self, reason: str) -> None:
        assert self._file is not None
        self._observer.failed()
        _log.error(
            "the file of the last audit head is left as it is: run bank360 audit verify",
            file=str(self._file.path),
            reason=reason,
        )
        self._file = None

    async def keep(self, sequencer: Sequencer) -> bool:
        """Keep the last head; gives whether there was one that was not kept yet."""
        head = sequencer.head
        if head is None or head.position == self._kept:
            return False
        self._kept = head.position
        if self._file is not None:
            try:
                await asyncio.to_thread(self._file.write, head)
            except OSError as error:
                self._observer.failed()
                _log.warning("the last audit head was not kept in its file", exc_info=error)
        return True
