"""Queries made up over the whole schema, with ids and values of a real bank."""

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
)

# Root fields with arguments of their own kind, which no plan answers.
_LEFT_OUT: Final = frozenset(
    {"accessMatrix", "auditProof", "bankSummary", "exposure", "nodes", "transferRequirements"}
)
_FIELDS_MAX: Final = 6
_DEPTH_MAX: Final = 4


@dataclass
class Known:
    """Ids by type, and values to look up by."""

    ids: Mapping[str, Sequence[str]]
    look_ups: Mapping[str, Sequence[str]]


@dataclass
class Maker:
    """Makes one query after the other; the same ones for the same random numbers."""

    schema: GraphQLSchema
    known: Known
    rng: random.Random
    fragments: list[str] = field(default_factory=list)

    def query(self) -> str:
        """Make a query of one to three root fields."""
        self.fragments = []
        roots = [self._root() for _ in range(self.rng.randint(1, 3))]
        named = "\n".join(f"f{n}: {root}" for n, root in enumerate(roots))
        return "\n".join([f"query Made {{ {named} }}", *self.fragments])

    def _root(self) -> str:
        query = self.schema.query_type
        assert query is not None
        names = sorted(query.fields.keys() - _LEFT_OUT)
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
        chosen = self.rng.sample(names, min(len(names), self.rng.randint(1, _FIELDS_MAX)))
        for n, name in enumerate(chosen):
            definition = type_.fields[name]
            if not is_leaf_type(get_named_type(definition.type)) and depth == 0:
                continue
            text = self._field(name, definition, depth - 1)
            chance = self.rng.random()
            if chance < 0.1:
                text = f"a{depth}{n}: {text}"
            elif chance < 0.15:
                text = f"... @include(if: {self.rng.choice(['true', 'false'])}) {{ {text} }}"
            elif chance < 0.2:
                text = f"... on {type_.name} {{ {text} }} __typename"
            yield text

    def _arguments(self, name: str, definition: GraphQLField) -> str:
        rng, arguments = self.rng, definition.args
        if name == "customerBy":
            by = rng.choice(list(self.known.look_ups))
            return f'(by: {{{by}: "{rng.choice(self.known.look_ups[by])}"}})'
        if name == "accountBy":
            return f'(number: "{rng.choice(self.known.look_ups["accountNumber"])}")'
        if "id" in arguments:
            return f'(id: "{rng.choice(self._ids(definition))}")'
        given = []
        if name == "behaviour":
            given.append('from: "2026-01-01", to: "2026-03-31"')
        if "first" in arguments:
            given.append(f"{rng.choice(['first', 'last'])}: {rng.randint(0, 5)}")
        if "sort" in arguments and rng.random() < 0.5:
            enum = get_named_type(arguments["sort"].type)
            assert isinstance(enum, GraphQLEnumType)
            given.append(f"sort: {rng.choice(list(enum.values))}")
        if "filter" in arguments and rng.random() < 0.4:
            given.append(f"filter: {self._filter(arguments['filter'].type)}")
        return f"({', '.join(given)})" if given else ""

    def _ids(self, definition: GraphQLField) -> Sequence[str]:
        name = get_named_type(definition.type).name
        if name in self.known.ids:
            return self.known.ids[name]
        return [each for ids in self.known.ids.values() for each in ids]

    def _filter(self, type_: Any) -> str:
        """Compare one field, that is an enum, a date or a number, with a value."""
        fields = {
            name: get_named_type(each.type)
            for name, each in get_named_type(type_).fields.items()
            if name not in {"and", "or", "not"}
        }
        name = self.rng.choice(list(fields))
        operations = {
            each: get_named_type(found.type) for each, found in fields[name].fields.items()
        }
        operation = self.rng.choice(list(operations))
        value = self._value(operations[operation])
        return f"{{{name}: {{{operation}: {f'[{value}]' if operation == 'in' else value}}}}}"

    def _value(self, type_: Any) -> str:
        if isinstance(type_, GraphQLEnumType):
            return str(self.rng.choice(list(type_.values)))
        texts = {
            "Boolean": "true",
            "Date": '"2024-06-30"',
            "DateTime": '"2026-05-01T00:00:00Z"',
            "Decimal": '"100.00"',
            "ID": f'"{self.rng.choice(self.known.ids["Customer"])}"',
            "Int": str(self.rng.randint(0, 800)),
            "String": '"a"',
        }
        return texts[type_.name]
