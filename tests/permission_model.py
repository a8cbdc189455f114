"""What ``schema.graphql`` says of who may see what, read as an outsider would: from its text."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    EnumValueNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    ListValueNode,
    build_schema,
    get_named_type,
    is_leaf_type,
)

# Objects without rows, which are selected whole like a value.
EMBEDDED = {"Address", "Money"}
FILE = Path(__file__).parents[1] / "schema.graphql"


@dataclass(frozen=True)
class Rule:
    """One ``@auth``."""

    permission: str
    roles: frozenset[str]
    masked_for: frozenset[str]
    step_up: frozenset[str]

    def outcome(self, role: str, *, strong: bool) -> str:
        if role in self.roles:
            return "step_up" if role in self.step_up and not strong else "clear"
        return "masked" if role in self.masked_for else "denied"


@cache
def sdl() -> GraphQLSchema:
    return build_schema(FILE.read_text(encoding="utf-8"))


def rule_of(node: Any) -> Rule | None:
    """Read the directive of a definition's AST node."""
    for directive in node.directives or ():
        if directive.name.value == "auth":
            given = {argument.name.value: argument.value for argument in directive.arguments}
            return Rule(
                given["permission"].value,
                _names(given.get("roles")),
                _names(given.get("maskedFor")),
                _names(given.get("stepUp")),
            )
    return None


def _names(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    assert isinstance(value, ListValueNode)
    return frozenset(each.value for each in value.values if isinstance(each, EnumValueNode))


def type_rule(name: str) -> Rule | None:
    return rule_of(sdl().type_map[name].ast_node)


def rows_of(type_: Any) -> tuple[GraphQLNamedType, bool]:
    """Give the type of the objects that a field leads to, and whether it is a page of them."""
    bottom = get_named_type(type_)
    if bottom.name.endswith("Connection"):
        return get_named_type(bottom.fields["nodes"].type), True
    return bottom, False


@dataclass(frozen=True)
class Step:
    """One field on the way: of which type, to which type, and whether through a page."""

    parent: str
    name: str
    target: str
    paged: bool
    through_union: bool = False

    @property
    def rules(self) -> list[Rule]:
        """What stands in the way: the field's own rule and that of the objects behind it."""
        own = rule_of(field(self.parent, self.name).ast_node)
        # Of a union, members that may not be seen are left out of the list instead.
        behind = None if self.through_union else type_rule(self.target)
        return [rule for rule in (own, behind) if rule]


def field(parent: str, name: str) -> GraphQLField:
    type_ = sdl().type_map[parent]
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
    found: GraphQLField = type_.fields[name]
    return found


def is_result(type_: GraphQLNamedType) -> bool:
    """Tell whether a type is an answer or the Problem instead."""
    return type_.name.endswith("Result")


def objects() -> list[GraphQLObjectType]:
    """Give the types of objects that queries lead to, without pages and their parts.

    Payloads of mutations lead to the same objects; each mutation's own test asks for every post,
    and so does that of a query that answers a Problem as they do.
    """
    return [
        type_
        for type_ in sdl().type_map.values()
        if isinstance(type_, GraphQLObjectType)
        and not type_.name.startswith("__")
        and not type_.name.endswith(("Connection", "Edge"))
        and type_.name != "PageInfo"
        and type_.name in _of_queries()
    ]


@cache
def _of_queries() -> frozenset[str]:
    """Give the names of the types that queries lead to."""
    schema = sdl()
    found: set[str] = set()
    pending: list[Any] = [schema.query_type]
    while pending:
        type_ = pending.pop()
        if type_.name in found:
            continue
        found.add(type_.name)
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            pending += schema.get_possible_types(type_)
        if isinstance(type_, GraphQLInterfaceType | GraphQLObjectType):
            below = [get_named_type(field.type) for field in type_.fields.values()]
            pending += [each for each in below if not is_result(each)]
    return frozenset(found)


def steps() -> Iterator[Step]:
    """Give every field that leads from an object to objects."""
    for parent in objects():
        for name, found in parent.fields.items():
            rows, paged = rows_of(found.type)
            if is_result(rows):
                continue
            if isinstance(rows, GraphQLUnionType):
                for member in rows.types:
                    yield Step(parent.name, name, member.name, paged, through_union=True)
            elif isinstance(rows, GraphQLObjectType) and rows.name not in EMBEDDED:
                yield Step(parent.name, name, rows.name, paged)


def is_node(name: str) -> bool:
    type_ = sdl().type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    return any(interface.name == "Node" for interface in type_.interfaces)


@cache
def way_to(name: str) -> tuple[Step, ...]:
    """Give the shortest way from the root to some object of a type; ``node`` leads to most."""
    if name == "Query":
        return ()
    if is_node(name):
        return (Step("Query", "node", name, paged=False),)
    queue: deque[tuple[str, tuple[Step, ...]]] = deque([(name, ())])
    while queue:
        reached, way = queue.popleft()
        for step in steps():
            if step.target == reached and not step.through_union and step not in way:
                longer = (step, *way)
                if step.parent == "Query":
                    return longer
                if is_node(step.parent):
                    return (*way_to(step.parent), *longer)
                queue.append((step.parent, longer))
    raise LookupError(name)


def leaves(name: str) -> list[str]:
    """Give the fields of a type that hold values, and embedded objects with all their values."""
    type_ = sdl().type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    return [leaf for leaf in type_.fields if selection(name, leaf)]


@cache
def selection(parent: str, name: str) -> str | None:
    """Give the selection of a leaf or of an embedded object; None for what leads elsewhere."""
    bottom = get_named_type(field(parent, name).type)
    if is_leaf_type(bottom):
        return name
    if isinstance(bottom, GraphQLObjectType) and bottom.name in EMBEDDED:
        return f"{name} {{ {' '.join(bottom.fields)} }}"
    return None
