"""What statements cost: every statement that the application reads with, and its plan."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.planner.reader import Fetches


@dataclass(frozen=True)
class Bounds:
    """What one statement may cost. A table of more rows than ``big`` is never read whole."""

    big: int
    scanned: int
    sorted: int
    buffers: int


@dataclass(frozen=True)
class Plan:
    """A statement as it ran: its text, its values, and what PostgreSQL says of each step."""

    sql: str
    values: Sequence[Any]
    root: Mapping[str, Any]

    def steps(self) -> Iterator[Mapping[str, Any]]:
        """Every step of the plan."""
        waiting = [self.root]
        while waiting:
            step = waiting.pop()
            yield step
            waiting.extend(step.get("Plans", ()))

    @property
    def buffers(self) -> int:
        """Pages that the statement touched, in memory or not."""
        return int(self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"])

    def faults(self, bounds: Bounds, rows: Mapping[str, int]) -> Iterator[str]:
        """Say what is against the bounds, where ``rows`` are the sizes of tables."""
        for step in self.steps():
            kind, table = step["Node Type"], step.get("Relation Name", "")
            if kind == "Seq Scan" and rows.get(table, 0) > bounds.big and step["Actual Loops"]:
                yield f"scans {table} whole"
            if "Scan" in kind and table and scanned(step) > bounds.scanned:
                where = step.get("Index Name", table)
                yield f"reads {scanned(step):,.0f} rows of {where}"
            if kind in {"Sort", "Incremental Sort"}:
                # Beside the step that is sorted stand those that policies ask once.
                given = sum(
                    produced(below)
                    for below in step["Plans"]
                    if below["Parent Relationship"] == "Outer"
                )
                if given > bounds.sorted:
                    yield f"sorts {given:,.0f} rows by {', '.join(step['Sort Key'])}"
        # A planned query reads all its lists in one statement.
        if self.buffers > bounds.buffers * max(self.sql.count("json_agg("), 1):
            yield f"touches {self.buffers:,} pages"


def produced(step: Mapping[str, Any]) -> float:
    """Rows that a step gave in all its loops."""
    return float(step["Actual Rows"] * step["Actual Loops"])


def scanned(step: Mapping[str, Any]) -> float:
    """Rows that a step read in all its loops, given or thrown away."""
    thrown = sum(
        step.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter")
    )
    return produced(step) + float(thrown * step["Actual Loops"])


@dataclass
class Explaining:
    """Reads as the application's database does, and keeps the plan of each statement.

    One statement at a time: each runs twice, and none may wait too long for a connection.
    """

    database: Fetches
    plans: list[Plan] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def fetch(self, sql: str, values: Sequence[Any], viewer: str) -> Sequence[Any]:
        """Explain a statement, then run it."""
        explain = f"explain (analyze, buffers, format json, timing off) {sql}"
        async with self._turn:
            ((found,),) = await self.database.fetch(explain, values, viewer)
            self.plans.append(Plan(sql, values, orjson.loads(found)[0]["Plan"]))
            return await self.database.fetch(sql, values, viewer)

    async def answer(self, sql: str, values: Sequence[Any], viewer: str) -> Any:
        """Explain a statement that is told itself who is asking, then run it."""
        explain = f"explain (analyze, buffers, format json, timing off) {sql}"
        async with self._turn:
            found = await self.database.answer(explain, values, viewer)
            self.plans.append(Plan(sql, values, orjson.loads(found)[0]["Plan"]))
            return await self.database.answer(sql, values, viewer)
