"""What the commands share: a stop that is asked for is a stop, whenever it comes."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from app.cli_context import TERMINATED_STATUS, Terminated, run

ANSWER = 7


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def _swallow_nothing() -> Iterator[None]:
    """See to it that a signal after the work would be seen as well, not end the tests."""
    earlier = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, earlier)


def test_work_answers() -> None:
    async def work() -> int:
        return ANSWER

    assert run(work()) == ANSWER


def test_termination_cancels_work_that_waits() -> None:
    async def work() -> None:
        _terminate()
        await asyncio.Event().wait()

    with pytest.raises(Terminated) as stopped:
        run(work())
    assert stopped.value.code == TERMINATED_STATUS


def test_termination_at_the_end_of_work_is_not_lost() -> None:
    async def work() -> int:
        _terminate()
        return ANSWER

    with pytest.raises(Terminated) as stopped:
        run(work())
    assert stopped.value.code == TERMINATED_STATUS


def test_termination_outlives_work_that_withstands_it() -> None:
    async def work() -> int:
        _terminate()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return ANSWER
        return 0

    with pytest.raises(Terminated):
        run(work())


def test_termination_comes_before_a_failure_that_it_caused() -> None:
    async def work() -> None:
        _terminate()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            message = "the connection was closed"
            raise ConnectionError(message) from None

    with pytest.raises(Terminated):
        run(work())
