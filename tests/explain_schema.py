"""What the built schema lets clients ask for: its lists with their orders, and whole selections."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from app.planner.fields import Relation, Union, relation_child
from app.planner.graph_field import GraphField
from app.planner.projection import Projection
from app.schema.root import graphql_schema

# No statement reads the limits of buttons. A whole graph has dozens of them, each an object, and an
# operation may have 200.
_UNREAD: Final = ("ViewerCan", "limit")
# Counting everybody in a segment reads the whole segment by its nature.
COUNTED_WHOLE: Final = frozenset({("Segment", "size"), ("Segment", "members")})
_DEFINITION: Final = "strawberry-definition"


@dataclass(frozen=True)
class Children:
    """Where the rows of a list stand, and how they name their parent: (column, parent's column)."""

    table: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Listed:
    """A field that gives a list, in one of its orders; ``parent`` is None for a root field."""

    type_name: str
    field: str
    child: str
    parent: Projection | None
    children: Children | None
    paged: bool
    order: str | None

    def __str__(self) -> str:
        """Name the case in a test's report."""
        return f"{self.type_name}.{self.field}-{self.order or 'only'}"


def _declaration(field: GraphQLField) -> GraphField | None:
    """Give the declaration behind a field; None for fields that are written by hand."""
    definition = field.extensions.get(_DEFINITION)
    return definition if isinstance(definition, GraphField) else None


def projection_of(type_: GraphQLObjectType) -> Projection | None:
    definition = type_.extensions.get(_DEFINITION)
    return getattr(getattr(definition, "origin", None), "__projection__", None)


def lists() -> Iterator[Listed]:
    """Every list of every type and of the root, once for each of its orders.

    Rows without identity are reached through their parents only, with everything they have.
    """
    for type_ in graphql_schema().type_map.values():
        if isinstance(type_, GraphQLObjectType):
            parent = projection_of(type_)
            if parent is None or parent.prefix is not None:
                for name, field in type_.fields.items():
                    yield from _listed(type_.name, name, field, parent)


def _listed(
    type_name: str, name: str, field: GraphQLField, parent: Projection | None
) -> Iterator[Listed]:
    declaration = _declaration(field)
    kind = declaration.kind if declaration else None
    if isinstance(kind, Union):
        relation, paged = kind.members[-1].relation, True
    elif isinstance(kind, Relation) and declaration and (kind.paged or declaration.is_list):
        relation, paged = declaration.python_name, kind.paged
    else:
        return
    orders: list[str | None] = [None]
    if "sort" in field.args:
        orders = list(cast("GraphQLEnumType", get_named_type(field.args["sort"].type)).values)
    child = get_named_type(field.type).name.removesuffix("Connection")
    found = _children(parent, relation) if parent else None
    for order in orders:
        yield Listed(type_name, name, child, parent, found, paged, order)


def _children(parent: Projection, name: str) -> Children:
    relation: Relation = parent.fields[name]
    if relation.through:
        table = str(relation.through.table.__tablename__)
        return Children(table, relation.through.parent)
    child = relation_child(parent, name)
    return Children(child.table_name, tuple((theirs, ours) for ours, theirs in relation.join))


def selection(type_: Any, depth: int, page: int = 20) -> str:
    """Everything that a type shows without arguments that must be given, ``depth`` levels down."""
    bottom = get_named_type(type_)
    if isinstance(bottom, GraphQLUnionType):
        parts = (f"... on {each.name} {{ {_fields(each, depth, page)} }}" for each in bottom.types)
        return f"__typename {' '.join(parts)}"
    return _fields(bottom, depth, page)


def _fields(type_: GraphQLObjectType | GraphQLInterfaceType, depth: int, page: int) -> str:
    chosen = []
    for name, field in type_.fields.items():
        required = any(map(is_required_argument, field.args.values()))
        bottom: Any = get_named_type(field.type)
        is_counted_whole = (type_.name, name) in COUNTED_WHOLE
        if required or (is_counted_whole and is_leaf_type(bottom)):
            continue
        if (type_.name, name) == _UNREAD:
            continue
        declaration = _declaration(field)
        leads_on = declaration is not None and isinstance(declaration.kind, Relation | Union)
        if is_leaf_type(bottom):
            # The members of a union may have fields of one name and different types.
            chosen.append(f"{type_.name}_{name}: {name}")
        elif leads_on and depth == 0:
            continue
        elif "first" in field.args:
            below = selection(bottom.fields["nodes"].type, depth - 1, page)
            count = "" if is_counted_whole else "totalCount"
            chosen.append(f"{name}(first: {page}) {{ nodes {{ {below} }} {count} }}")
        else:
            chosen.append(f"{name} {{ {selection(bottom, depth - leads_on, page)} }}")
    return " ".join(chosen)
