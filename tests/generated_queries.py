"""Queries made up over the whole schema, with ids and values of a real bank.

Most values stand in variables, so that a query can be asked again with other ones.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
    parse,
    validate,
)

_FIELDS_MAX: Final = 6
_DEPTH_MAX: Final = 4
_IDS_MAX: Final = 6
_COMBINING: Final = frozenset({"and", "or", "not"})
# The whole matrix, and reports of the whole bank, take long to answer and to compare.
_RARE: Final = ("accessMatrix", "bankSummary")


@dataclass
class Known:
    """Ids by type, and values to look up by."""

    ids: Mapping[str, Sequence[str]]
    look_ups: Mapping[str, Sequence[str]]


@dataclass
class Variable:
    """A variable of a query: its type, and what makes another value of it."""

    type: str
    make: Any


@dataclass
class Query:
    """A query, and its variables."""

    text: str
    variables: Mapping[str, Variable]

    def values(self, cursors: Sequence[str] = ()) -> dict[str, Any]:
        """Make values; ``cursors`` are those that an earlier answer had."""
        made = {name: variable.make(cursors) for name, variable in self.variables.items()}
        return {name: value for name, value in made.items() if value is not None}


@dataclass
class Maker:
    """Makes one query after the other; the same ones for the same random numbers.

    Values are made of what is ``known`` by then: another person may ask a query again.
    """

    schema: GraphQLSchema
    known: Known
    rng: random.Random
    fragments: list[str] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)

    def query(self) -> Query:
        """Make a valid query: fields of one name may not fit together below a union."""
        while True:
            made = self._query()
            if not validate(self.schema, parse(made.text)):
                return made

    def _query(self) -> Query:
        """Make a query of one to three root fields."""
        self.fragments, self.variables = [], {}
        roots = [self._root() for _ in range(self.rng.randint(1, 3))]
        named = "\n".join(f"f{n}: {root}" for n, root in enumerate(roots))
        given = ", ".join(f"${name}: {each.type}" for name, each in self.variables.items())
        head = f"query Made({given})" if given else "query Made"
        return Query("\n".join([f"{head} {{ {named} }}", *self.fragments]), self.variables)

    def _root(self) -> str:
        query = self.schema.query_type
        assert query is not None
        names = sorted(query.fields)
        if self.rng.random() < 0.9:
            names = [name for name in names if name not in _RARE]
        # What filters leave out is seen best in lists of everything.
        if self.rng.random() < 0.3:
            names = [name for name in names if "filter" in query.fields[name].args]
        name = self.rng.choice(names)
        return self._field(name, query.fields[name], _DEPTH_MAX)

    def _field(self, name: str, definition: GraphQLField, depth: int) -> str:
        type_ = get_named_type(definition.type)
        given = self._arguments(name, definition)
        if is_leaf_type(type_):
            return f"{name}{given}"
        return f"{name}{given} {self._selection(type_, depth)}"

    def _selection(self, type_: Any, depth: int) -> str:
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
            types = self.schema.get_possible_types(type_)
            some = self.rng.sample(list(types), min(len(types), 4))
            spread = [f"... on {each.name} {self._selection(each, depth)}" for each in some]
            return f"{{ __typename {' '.join(spread)} }}"
        assert isinstance(type_, GraphQLObjectType)
        parts = list(self._parts(type_, depth))
        text = " ".join(parts or ["__typename"])
        if self.rng.random() < 0.1:
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {type_.name} {{ {text} }}")
            return f"{{ ...{name} }}"
        return f"{{ {text} }}"

    def _parts(self, type_: GraphQLObjectType, depth: int) -> Iterator[str]:
        names = list(type_.fields)
        if type_.name.endswith("Connection") and self.rng.random() < 0.5:
            yield "totalCount"
        chosen = self.rng.sample(names, min(len(names), self.rng.randint(1, _FIELDS_MAX)))
        if type_.name.endswith("Connection") and self.rng.random() < 0.5:
            # What a next page begins after.
            yield "pageInfo { endCursor startCursor hasNextPage hasPreviousPage }"
            chosen = [name for name in chosen if name != "pageInfo"]
        for n, name in enumerate(chosen):
            definition = type_.fields[name]
            if not is_leaf_type(get_named_type(definition.type)) and depth == 0:
                continue
            text = self._field(name, definition, depth - 1)
            chance = self.rng.random()
            if chance < 0.1:
                text = f"a{depth}{n}: {text}"
            elif chance < 0.15:
                wanted = self._given("Boolean!", lambda _: self.rng.random() < 0.5)
                text = f"... @{self.rng.choice(['include', 'skip'])}(if: {wanted}) {{ {text} }}"
            elif chance < 0.2:
                text = f"... on {type_.name} {{ {text} }} __typename"
            yield text

    def _given(self, type_: str, make: Any) -> str:
        """Give a value in a variable."""
        name = f"v{len(self.variables)}"
        self.variables[name] = Variable(type_, make)
        return f"${name}"

    def _arguments(self, name: str, definition: GraphQLField) -> str:
        given = dict(self._named(name, definition))
        text = ", ".join(f"{argument}: {value}" for argument, value in given.items())
        return f"({text})" if text else ""

    def _named(self, name: str, definition: GraphQLField) -> Iterator[tuple[str, str]]:
        rng, arguments = self.rng, definition.args
        yield from self._of_its_own(name, definition)
        if name == "behaviour" and rng.random() < 0.7:
            yield "from", self._given("Date", lambda _: rng.choice(_DAYS))
            yield "to", '"2026-09-30"'
        if "first" in arguments:
            yield from self._page()
        if "sort" in arguments and rng.random() < 0.5:
            enum = get_named_type(arguments["sort"].type)
            assert isinstance(enum, GraphQLEnumType)
            yield "sort", self._given(enum.name, lambda _: rng.choice(list(enum.values)))
        if "filter" in arguments and rng.random() < 0.7:
            yield "filter", self._filter(arguments["filter"].type)

    def _of_its_own(self, name: str, definition: GraphQLField) -> Iterator[tuple[str, str]]:
        """Give the arguments by which root fields find what they show."""
        rng, arguments = self.rng, definition.args
        if name == "customerBy":
            by = rng.choice(list(self.known.look_ups))
            yield "by", f"{{{by}: {self._given('String!', lambda _: self._look_up(by))}}}"
        elif name == "accountBy":
            yield "number", self._given("String!", lambda _: self._look_up("accountNumber"))
        elif name == "accessMatrix":
            yield "role", "TELLER"
        elif name == "exposure":
            customers = self._given("[ID!]!", lambda _: self._some(self.known.ids["Customer"]))
            yield "customerIds", customers
            yield "from", self._given("DateTime!", lambda _: rng.choice(_MOMENTS))
            yield "to", '"2027-01-01T00:00:00Z"'
        elif "ids" in arguments:
            yield "ids", self._given("[ID!]!", lambda _: self._some(self._ids(definition)))
        elif "id" in arguments:
            yield "id", self._given("ID!", lambda _: rng.choice(self._ids(definition)))

    def _page(self) -> Iterator[tuple[str, str]]:
        size, cursor = self.rng.choice([("first", "after"), ("last", "before")])
        yield size, self._given("Int!", lambda _: self.rng.randint(0, 5))
        if self.rng.random() < 0.4:
            choose = self.rng.choice
            yield cursor, self._given("String", lambda seen: choose(seen) if seen else None)

    def _look_up(self, by: str) -> str:
        return self.rng.choice(self.known.look_ups[by])

    def _some(self, ids: Sequence[str]) -> list[str]:
        return [self.rng.choice(ids) for _ in range(self.rng.randint(0, _IDS_MAX))]

    def _ids(self, definition: GraphQLField) -> Sequence[str]:
        name = get_named_type(definition.type).name
        if name == "AuditProof":
            name = "AuditEntry"
        if name in self.known.ids:
            return self.known.ids[name]
        return [each for ids in self.known.ids.values() for each in ids]

    def _filter(self, type_: Any) -> str:
        """Compare fields with values: as variables, as literals, or the whole as one variable."""
        named, chance = get_named_type(type_), self.rng.random()
        if chance < 0.4:
            return self._given(named.name, lambda _: self._conditions(named, 2))
        if chance < 0.5:
            return _literal(self._conditions(named, 2), named)
        name, operations = self._compared(named)
        operation = self.rng.choice(list(operations))
        leaf = operations[operation].type
        value = self._given(str(leaf), lambda _: self._value(leaf))
        return f"{{{name}: {{{operation}: {value}}}}}"

    def _compared(self, type_: Any) -> tuple[str, Any]:
        """Choose a field of a filter; gives what it may be compared by."""
        name = self.rng.choice([each for each in type_.fields if each not in _COMBINING])
        return name, get_named_type(type_.fields[name].type).fields

    def _conditions(self, type_: Any, depth: int) -> dict[str, Any]:
        """Make a filter's value."""
        name, operations = self._compared(type_)
        operation = self.rng.choice(list(operations))
        made: dict[str, Any] = {name: {operation: self._value(operations[operation].type)}}
        if depth and self.rng.random() < 0.5:
            inner = [self._conditions(type_, depth - 1) for _ in range(self.rng.randint(1, 2))]
            combining = self.rng.choice(sorted(_COMBINING))
            made[combining] = inner[0] if combining == "not" else inner
        return made

    def _value(self, type_: Any) -> Any:
        of = type_.of_type if is_non_null_type(type_) else type_
        leaf = get_named_type(of)
        if str(of).startswith("["):
            return [self._leaf(leaf) for _ in range(self.rng.randint(0, 3))]
        return self._leaf(leaf)

    def _leaf(self, type_: Any) -> Any:
        rng = self.rng
        if isinstance(type_, GraphQLEnumType):
            return rng.choice(list(type_.values))
        values: Mapping[str, Sequence[Any]] = {
            "Boolean": (True, False),
            "Date": _DAYS,
            "DateTime": _MOMENTS,
            "Decimal": ("100.00", "-100", "0.005"),
            "ID": self.known.ids["Customer"],
            "Int": range(800),
            "String": ("a", "A", "_", "%", "/", "1"),
        }
        return rng.choice(values[type_.name])


def _literal(value: Any, type_: Any) -> str:
    """Write a value into a document."""
    named = get_named_type(type_)
    if isinstance(value, dict):
        parts = (
            f"{name}: {_literal(each, named.fields[name].type)}" for name, each in value.items()
        )
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(each, named) for each in value)}]"
    return str(value) if isinstance(named, GraphQLEnumType) else json.dumps(value)


_DAYS: Final = ("2024-06-30", "2026-01-01", "2026-03-31")
_MOMENTS: Final = ("2026-05-01T00:00:00Z", "2018-06-30T12:00:00Z")
