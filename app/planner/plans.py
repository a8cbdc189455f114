"""Plans, and where they are kept: beside the document that they answer."""

import asyncio
import weakref
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from app.planner.answering import Reading, Run
from app.planner.collecting import Reason, UnplannedError
from app.planner.compiling import Step, Values
from app.planner.plan_keys import Uses
from app.planner.prepared import Prepared
from app.planner.root_fields import RootField, Types

# Of one document: for its roles, its variables, and the types of its rows.
_OUTLINES_MAX: Final = 20
# Letters of SQL in all plans together; what was made first is thrown away first.
_LETTERS_MAX: Final = 50_000_000
# What has no statement takes some memory all the same.
_LETTERS_MIN: Final = 2_000


class PlanFailedError(Exception):
    """The database failed while a plan ran: each of the root fields ``keys`` is null for it."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the response keys of the root fields."""
        super().__init__()
        self.keys = keys


@dataclass(frozen=True)
class Plan:
    """What answers an operation: a statement, unless nothing is read, and what reads its array."""

    statement: Prepared | None
    reading: Reading
    parameters: Sequence[Values]
    steps: Sequence[Step] = ()

    async def run(self, run: Run) -> dict[str, Any]:
        """Give the operation's data; raises UnplannedError where the reference path must answer."""
        if self.steps:
            await asyncio.gather(*(step(run) for step in self.steps))
        run.array = []
        if self.statement is not None:
            values = dict(run.reader.scope.values)
            for parameter in self.parameters:
                values.update(parameter(run))
            statement = self.statement
            text = await run.reader.answer(statement.sql, statement.arguments(values))
            run.array = orjson.loads(text)
        data: dict[str, Any] = self.reading.read(run.array, run)
        return data


@dataclass(frozen=True)
class Unplanned:
    """Why there is no plan. An exception that is kept would keep all that it passed through."""

    reason: Reason
    detail: str

    def error(self) -> UnplannedError:
        """Give the exception to raise."""
        return UnplannedError(self.reason, self.detail)


@dataclass
class Outline:
    """An operation's root fields under some variables, and its plans by the types of their rows."""

    roots: Mapping[str, RootField]
    plans: dict[tuple[Types, ...], "Plan | Unplanned"] = field(default_factory=dict)


@dataclass
class Plans:
    """The outlines and plans of one document, kept as long as the document is."""

    uses: Mapping[str | None, Uses] = field(default_factory=dict)
    outlines: OrderedDict[tuple[Any, ...], Outline] = field(default_factory=OrderedDict)

    def outline(self, key: tuple[Any, ...]) -> Outline | None:
        """Give what is known under a key."""
        found = self.outlines.get(key)
        if found is not None:
            self.outlines.move_to_end(key)
        return found

    def keep(self, key: tuple[Any, ...], outline: Outline) -> Outline:
        """Keep an outline; the one that was not used for longest goes."""
        self.outlines[key] = outline
        if len(self.outlines) > _OUTLINES_MAX:
            self.outlines.popitem(last=False)
        return outline


@dataclass
class KeptPlans:
    """Keeps all plans of a server within bounds."""

    # Weakly: a document that is forgotten takes its plans along.
    _kept: deque[tuple[weakref.ref[Outline], tuple[Types, ...], int]] = field(default_factory=deque)
    _letters: int = 0

    def keep(self, outline: Outline, types: tuple[Types, ...], plan: Plan | Unplanned) -> None:
        """Keep a plan; the oldest go when there are too many."""
        outline.plans[types] = plan
        statement = plan.statement if isinstance(plan, Plan) else None
        size = max(len(statement.sql) if statement else 0, _LETTERS_MIN)
        self._kept.append((weakref.ref(outline), types, size))
        self._letters += size
        while self._letters > _LETTERS_MAX:
            reference, key, length = self._kept.popleft()
            oldest = reference()
            if oldest is not None:
                oldest.plans.pop(key, None)
            self._letters -= length
