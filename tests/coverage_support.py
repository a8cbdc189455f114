"""Whose coverage is not measured: what takes long, and runs over lines that other tests run over.

On Python 3.11 measuring more than doubles the time that Python takes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from coverage import Coverage

# By these the processes that a test starts are told to measure, too.
_VARIABLES = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


@contextmanager
def not_measured() -> Iterator[None]:
    """Measure nothing within, nor in the processes that are started there."""
    measuring = Coverage.current()
    kept = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    if measuring is not None:
        measuring.stop()
    try:
        yield
    finally:
        os.environ.update(kept)
        if measuring is not None:
            measuring.start()
