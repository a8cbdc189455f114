"""Where a server's processor time goes: its stack is looked at every millisecond that it works.

The kernel's timer counts processor time of the whole process, so what waits costs nothing. Each
sample belongs to the first frame, from the innermost one, that a stage is known for. Time in C is
counted for the Python line that called it; what runs with no line of Python is the event loop's.
"""

import json
import linecache
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SECONDS: Final = 0.001
_LOOP: Final = "event loop, sockets"
# (end of the file's name or part of it, function or None for any, text of the line, stage)
_STAGES: Final = (
    ("asyncio/runners.py", None, None, _LOOP),
    ("app/planner/plans.py", "run", "orjson.loads", "reading PostgreSQL's JSON"),
    ("app/http.py", "_response", None, "writing JSON, response"),
    ("app/http.py", "_viewer", None, "token"),
    ("app/http.py", None, None, "HTTP"),
    ("app/accept.py", None, None, "HTTP"),
    ("app/addresses.py", None, None, "HTTP"),
    ("app/request.py", None, None, "HTTP"),
    ("app/bodies.py", None, None, "HTTP"),
    ("app/auth/", None, None, "token"),
    ("app/db/revocations.py", None, None, "token"),
    ("app/db/redis.py", None, None, "token"),
    ("app/db/crypto.py", None, None, "decryption"),
    ("app/planner/values.py", "get", "decrypt", "decryption"),
    ("app/rates.py", None, None, "rates"),
    ("app/db/counters.py", None, None, "rates"),
    ("app/limits.py", None, None, "measuring"),
    ("app/execution.py", "prepare", "get_variable_values", "variables"),
    ("app/execution.py", "prepare", None, "document"),
    ("app/persisted.py", None, None, "document"),
    ("app/operation.py", "_record", None, "log and metrics"),
    ("app/metrics.py", None, None, "log and metrics"),
    ("app/db/reads.py", None, None, "read audit"),
    ("app/db/audit", None, None, "read audit"),
    ("app/jobs/", None, None, "numbering audit records"),
    ("app/db/sequencer.py", None, None, "numbering audit records"),
    ("app/db/wake_ups.py", None, None, "numbering audit records"),
    ("app/db/head_file.py", None, None, "numbering audit records"),
    ("app/db/database.py", "_speak_for", None, "telling who asks"),
    ("app/db/database.py", "fetch", None, "statement"),
    ("app/db/database.py", "answer", None, "statement"),
    ("app/db/lending.py", None, None, "checkout"),
    ("app/db/database.py", None, None, "checkout"),
    ("app/db/lookup.py", None, None, "look-up"),
    ("app/planner/planning.py", "_outline", None, "finding the plan"),
    ("app/planner/collecting.py", None, None, "finding the plan"),
    ("app/planner/planning.py", "_found", None, "finding the plan"),
    ("app/planner/planning.py", "execute", None, "finding the plan"),
    ("app/planner/disclosure.py", None, None, "noting what is shown"),
    ("app/planner/answering.py", "tell_exposures", None, "noting what is shown"),
    ("app/planner/reader.py", None, None, "statement"),
    ("app/planner/prepared.py", None, None, "statement"),
    ("app/planner/", None, None, "assembly"),
    ("app/domain/", None, None, "assembly"),
    ("app/execution.py", None, None, "operation"),
    ("app/operation.py", None, None, "operation"),
    ("starlette/middleware/gzip.py", None, None, "compression"),
    ("/starlette/", None, None, "HTTP"),
    ("/uvicorn/", None, None, "HTTP"),
    ("/httptools/", None, None, "HTTP"),
)


def _stage(frame: FrameType | None) -> str:
    while frame is not None:
        code = frame.f_code
        for file, function, text, stage in _STAGES:
            if file not in code.co_filename or function not in {None, code.co_name}:
                continue
            if text is not None and text not in linecache.getline(code.co_filename, frame.f_lineno):
                continue
            return stage
        frame = frame.f_back
    return _LOOP


@contextmanager
def sampling() -> Iterator[None]:
    """Sample; at the end print how many samples each stage and function has, as JSON.

    SIGUSR1 forgets what was counted so far, so that a warm server can be looked at alone.
    """
    stages: Counter[str] = Counter()
    functions: Counter[str] = Counter()

    def sample(_number: int, frame: FrameType | None) -> None:
        stages[_stage(frame)] += 1
        if frame is not None:
            code = frame.f_code
            functions[f"{_stage(frame)}: {code.co_filename} {code.co_name}"] += 1

    def forget(_number: int, _frame: FrameType | None) -> None:
        stages.clear()
        functions.clear()

    # uvicorn raises it once more at its end, when what was counted is still to be told.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR1, forget)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        told = {"stages": dict(stages), "functions": dict(functions.most_common(200))}
        sys.stdout.write(json.dumps(told))
