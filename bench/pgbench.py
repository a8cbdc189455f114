"""Commands through the unit of work beside pgbench, which sends the statements they send."""

import asyncio
import os
import re
import statistics
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

from app.auth.promises import Promises
from app.auth.viewer import Viewer
from app.db.roles import APP_WRITE
from app.db.unit_of_work import Writes
from app.embedded_place import client_bin
from app.planner.reader import Reader
from app.resolvers.context import Context

TIMEOUT_SECONDS: Final = 15


@dataclass
class Loader:
    """All that the unit of work touches of an operation's reader."""

    loaders: dict[Any, Any] = field(default_factory=dict)


def context_of(writes: Writes, viewer: Viewer) -> Context:
    """Give what a use case finds of an operation."""
    reader = cast("Reader", Loader())
    keys = writes.keys
    promises = Promises(keys.promise_secret)
    return Context(viewer, reader, keys.index, writes, promises, request_id="bench")


def literal(value: Any) -> str:
    """Write a value as SQL; times are those of the transaction."""
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return "now()"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    if isinstance(value, list):
        type_ = "uuid[]" if value and isinstance(value[0], UUID) else "text[]"
        return f"array[{', '.join(map(literal, value))}]::{type_}"
    text = str(value).replace("'", "''")
    return f"'{text}'::uuid" if isinstance(value, UUID) else f"'{text}'"


def written(value: Any, expressions: Mapping[Any, str]) -> str:
    """Write a value as SQL that says its type itself; what has an expression is that."""
    if isinstance(value, list | tuple):
        return f"array[{', '.join(written(each, expressions) for each in value)}]"
    return expressions[value] if value in expressions else literal(value)


def pgbench(dsn: str, file: Path, connections: int, seconds: int, **variables: int) -> float:
    """Run the script with its variables; gives transactions a second."""
    command = [
        str(client_bin() / "pgbench"),
        "--no-vacuum",
        "--protocol=prepared",
        f"--file={file}",
    ]
    command += [f"--client={connections}", "--jobs=2", f"--time={seconds}"]
    command += [f"--define={name}={value}" for name, value in variables.items()]
    command.append(dsn)
    options = f"-c role={APP_WRITE} -c jit=off -c statement_timeout={TIMEOUT_SECONDS}s"
    done = subprocess.run(
        command,
        env=os.environ | {"PGOPTIONS": options},
        check=False,
        capture_output=True,
        text=True,
    )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if done.returncode or found is None or "failed transactions: 0 " not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return float(found[1])


@dataclass
class Rates:
    """How much each side did a second, round by round."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def show(self) -> None:
        """Print medians and their ratio."""
        for name, rates in (("unit of work", self.ours), ("pgbench", self.theirs)):
            shown = " ".join(f"{rate:,.0f}" for rate in sorted(rates))
            print(f"{name:<14}{statistics.median(rates):>8,.0f} a second, of {shown}")
        ratio = statistics.median(self.ours) / statistics.median(self.theirs)
        print(f"ratio {ratio:.2f}", flush=True)


async def compare(
    ours: Callable[[], Awaitable[float]], theirs: Callable[[], float], rounds: int
) -> Rates:
    """Let both sides take turns."""
    rates = Rates()
    for _ in range(rounds):
        rates.ours.append(await ours())
        rates.theirs.append(await asyncio.to_thread(theirs))
    return rates
