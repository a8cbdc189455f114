"""Statements compiled to text once per shape; values are filled in for every run."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

_DIALECT: Final = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
# Shapes differ by what clients select, so their number has a limit.
_SHAPES_MAX: Final = 5_000


@dataclass(frozen=True)
class Prepared:
    """A statement's text, the names of its values in order, and the values it was built with."""

    sql: str
    names: tuple[str, ...]
    values: Mapping[str, Any]

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """Give the positional values, those in ``given`` before those it was built with."""
        return [given[name] if name in given else self.values[name] for name in self.names]


def prepare(statement: Select[Any]) -> Prepared:
    """Compile a statement for asyncpg."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Prepared(compiled.string, tuple(compiled.positiontup or ()), compiled.params)


_prepared: OrderedDict[Hashable, Prepared] = OrderedDict()


def prepared(shape: Hashable, build: Callable[[], Select[Any]]) -> Prepared:
    """Give the statement of a shape, built and compiled on first use."""
    found = _prepared.get(shape)
    if found is not None:
        _prepared.move_to_end(shape)
        return found
    made = _prepared[shape] = prepare(build())
    if len(_prepared) > _SHAPES_MAX:
        _prepared.popitem(last=False)
    return made
