"""The words that schema modules declare their types with."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeVar, cast, dataclass_transform

import sqlalchemy as sa
import strawberry
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel
from strawberry.types.base import StrawberryOptional, get_object_definition
from strawberry.types.enum import StrawberryEnumDefinition

from app.auth.permissions import Mask, Permission
from app.auth.viewer import Viewer
from app.planner import fields
from app.planner.costs import cost_of
from app.planner.fields import Argument, Kind, Member, Relation, Through
from app.planner.filter_inputs import IDENTIFIER, filter_input
from app.planner.for_viewer import ForViewer
from app.planner.graph_field import GraphField, declared, described
from app.planner.guards import GUARD, guard_of
from app.planner.made_fields import Later, OfViewer, RowOf
from app.planner.projection import Expression, Order, PrefixColumn, Projection, Row, Source
from app.planner.references import Reference
from app.planner.roots import ROOT, NamedRow, NamedRows, OfAsker, OfContext, Stream
from app.planner.spoken import Spoken

TypeT = TypeVar("TypeT", bound=type)


def column(
    expression: Expression | None = None,
    *,
    description: str,
    filterable: bool = False,
    deprecated: str | None = None,
    requires: Permission | None = None,
    mask: Mask | None = None,
) -> Any:
    """Declare a column of the field's name, another column, or an SQL expression."""
    kind = fields.Column(expression, filterable)
    return declared(kind, description, guard_of(requires, mask), deprecated=deprecated)


def encrypted(
    name: str,
    *,
    description: str,
    requires: Permission,
    mask: Mask | None = None,
    decode: Callable[[str], Any] = str,
) -> Any:
    """Declare an encrypted column; ``decode`` reads the clear text."""
    return declared(fields.Encrypted(name, decode), description, guard_of(requires, mask))


def embedded(
    make: Callable[..., Any],
    *,
    description: str,
    filter_part: str | None = None,
    requires: Permission | None = None,
    **parts: Expression,
) -> Any:
    """Declare an object made of columns; null where the first part is null."""
    kind = fields.Embedded(make, parts, filter_part)
    return declared(kind, description, guard_of(requires))


def computed(
    function: Callable[..., Any],
    *,
    description: str,
    requires: Permission | None = None,
    **needs: Expression,
) -> Any:
    """Declare a Python function of other fields (named by text) and of SQL expressions."""
    return declared(fields.Computed(function, needs), description, guard_of(requires))


def reference(
    name: str,
    *prefixes: str,
    description: str,
    prefix: Expression | None = None,
    expression: Expression | None = None,
) -> Any:
    """Declare the global id of another row, which may be filtered on; see references.Reference."""
    return declared(Reference(name, prefixes, prefix, expression), description, None)


def later(function: Callable[[Any], Awaitable[Any]], *, description: str) -> Any:
    """Declare what of an object that Python makes is made only when it is asked for."""
    return declared(Later(function), description, None)


def row_of(attribute: str, *, description: str) -> Any:
    """Declare the row whose id stands in a private attribute of an object that Python makes."""
    return declared(RowOf(attribute), description, None)


def for_viewer(
    function: Callable[..., Any],
    *,
    description: str,
    of_post: bool = False,
    **needs: Callable[[FromClause], Any],
) -> Any:
    """Declare a Python function of who is asking and of SQL expressions of the row.

    One ``of_post`` asks nothing of the viewer but the acting role.
    """
    return declared(ForViewer(function, needs, of_post), description, None)


def spoken(
    function: Callable[..., Any], *, description: str, **needs: Callable[[FromClause], Any]
) -> Any:
    """Declare the same of a function that also takes the viewer's language."""
    return declared(Spoken(function, needs), description, None)


def of_viewer(function: Callable[[Viewer], Any], *, description: str) -> Any:
    """Declare what follows from who is asking alone."""
    return declared(OfViewer(function), description, None)


def aggregate(
    relation: str,
    function: Callable[[FromClause], ColumnElement[Any]],
    *,
    description: str,
    where: Callable[[FromClause], ColumnElement[bool]] | None = None,
    requires: Permission | None = None,
) -> Any:
    """Declare one value over the rows of a relation of the same type."""
    kind = fields.Aggregate(relation, function, where)
    return declared(kind, description, guard_of(requires))


def count(_rows: FromClause) -> ColumnElement[int]:
    """Count the rows of a relation, for ``aggregate``."""
    return sa.func.count()


def relation(
    *join: tuple[str, str],
    description: str,
    where: Callable[[FromClause], ColumnElement[bool]] | None = None,
    arguments: tuple[Argument, ...] = (),
    check: Callable[..., None] | None = None,
    requires: Permission | None = None,
) -> Any:
    """Declare child rows: all of them for a list type, else the one or null.

    ``join`` pairs (column here, column or parameter of the child); see fields.Relation.
    """
    kind = Relation(join=join, where=where, arguments=arguments, check=check)
    return declared(kind, description, guard_of(requires))


def through(
    table: type[SQLModel],
    *,
    parent: tuple[tuple[str, str], ...],
    child: tuple[tuple[str, str], ...],
    description: str,
    link_where: Callable[[FromClause], ColumnElement[bool]] | None = None,
    paged: bool = False,
    requires: Permission | None = None,
) -> Any:
    """Declare child rows found through a join table; see fields.Through for the pairs."""
    link = Through(table, parent, child)
    kind = Relation(through=link, through_where=link_where, paged=paged)
    return declared(kind, description, guard_of(requires))


def pages(
    *join: tuple[str, str],
    description: str,
    where: Callable[[FromClause], ColumnElement[bool]] | None = None,
    requires: Permission | None = None,
) -> Any:
    """Declare child rows as a connection."""
    return declared(Relation(join=join, where=where, paged=True), description, guard_of(requires))


def entry(
    *,
    description: str,
    paged: bool = True,
    where: Callable[[FromClause], ColumnElement[bool]] | None = None,
    requires: Permission | None = None,
) -> Any:
    """Declare a root field: rows in the viewer's scope, as a connection or a list."""
    kind = Relation(where=where, paged=paged, entry=True)
    return declared(kind, description, guard_of(requires))


def union(*members: Member, description: str, requires: Permission | None = None) -> Any:
    """Declare a connection over several relations of the same type, newest first."""
    return declared(fields.Union(members), description, guard_of(requires))


def root_field(
    resolver: Callable[..., Any],
    *,
    description: str,
    requires: Permission | None = None,
    public: bool = False,
    cost: int | None = None,
    root: NamedRow | NamedRows | OfAsker | OfContext | Stream | None = None,
) -> Any:
    """Declare a root field with a resolver; one that leads to a guarded type need say no more.

    ``cost`` is what it reads beside pages, in rows (``costs.Cost``).
    ``root`` says to plans what the resolver does, or to subscriptions what is followed.
    """
    guard = guard_of(requires, public=public)
    metadata: dict[Any, Any] = {GUARD: guard} if guard else {}
    return strawberry.field(
        resolver=resolver,
        description=described(description, guard),
        metadata=metadata | ({ROOT: root} if root else {}),
        directives=[*(guard.directives() if guard else ()), *cost_of(cost)],
    )


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def object_type(
    *,
    description: str,
    requires: Permission | None = None,
    public: bool = False,
    cost: int | None = None,
) -> Callable[[TypeT], TypeT]:
    """Make a GraphQL type that is no projection: an embedded object, or lines of a report.

    ``cost`` is what each object reads beside pages, in rows (``costs.Cost``).
    """

    def wrap(cls: TypeT) -> TypeT:
        guard = guard_of(requires, public=public)
        cls.__guard__ = guard  # type: ignore[attr-defined]
        directives = [*(guard.directives() if guard else ()), *cost_of(cost)]
        return strawberry.type(
            cls, description=described(description, guard), directives=directives
        )

    return wrap


@strawberry.interface(description="Anything with a global id that `node` can find again (Relay).")
class Node:
    """Anything with a global id."""

    @staticmethod
    def resolve_type(row: Any, _info: Any, _type: Any) -> str:
        """Name the row's type."""
        return str(row.projection.type_name)

    id: strawberry.ID = declared(
        fields.Identity(), "Global id: opaque, stable, unique in the bank.", None
    )


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(
        column,
        encrypted,
        embedded,
        computed,
        aggregate,
        reference,
        for_viewer,
        spoken,
        of_viewer,
        relation,
        through,
        pages,
        union,
    ),
)
def projection(
    source: Source,
    *,
    description: str,
    prefix: str | None = None,
    prefixes: PrefixColumn | None = None,
    owner: str | None = "customer_id",
    key: str | None = "id",
    orders: dict[str, Order] | None = None,
    parameters: dict[str, TypeEngine[Any]] | None = None,
    requires: Permission | None = None,
    public: bool = False,
    cost: int | None = None,
) -> Callable[[TypeT], TypeT]:
    """Make a GraphQL type of a class whose fields are declared with the words above.

    What it ``requires`` guards every path to its objects; a type that is reached only through
    guarded fields may be ``public``. ``cost`` is what each object reads beside pages, in rows.
    """

    def wrap(cls: TypeT) -> TypeT:
        made = Projection(
            cls.__name__, source, prefix, owner, key, orders or {}, parameters or {}, prefixes
        )

        def is_type_of(row: Any, _info: Any) -> bool:
            return isinstance(row, Row) and row.projection is made

        cls.is_type_of = staticmethod(is_type_of)  # type: ignore[attr-defined]
        cls.__projection__ = made  # type: ignore[attr-defined]
        made.guard = guard_of(requires, public=public)
        wrapped = object_type(description=description, requires=requires, public=public, cost=cost)(
            cls
        )
        _fill(made, wrapped)
        return wrapped

    return wrap


def _fill(made: Projection, cls: type) -> None:
    """Enter the declared fields, and make the filter and sort arguments they imply."""
    filterable: dict[str, type] = {}
    for declared_field in get_object_definition(cls, strict=True).fields:
        if not isinstance(declared_field, GraphField):
            message = f"{cls.__name__}.{declared_field.python_name} is not declared with the kit"
            raise TypeError(message)
        name, kind = declared_field.python_name, declared_field.kind
        made.fields[name] = kind
        made.guards[name] = declared_field.guard
        if isinstance(kind, Relation):
            made.children[name] = declared_field.child
        type_ = _filter_type(declared_field, kind)
        if type_ is not None:
            filterable[name] = type_
    _check_orders(made)
    if filterable:
        made.filter_input = filter_input(made.type_name, filterable)
    if len(made.orders) > 1:
        made.sort_enum = _sort_enum(made)


def _check_orders(made: Projection) -> None:
    """Refuse an order over a column that may be null: a keyset would lose those rows."""
    if not isinstance(made.source, type):
        return
    for name, order in made.orders.items():
        for listed in order.columns:
            column_name = listed.removeprefix("-")
            if made.table.c[column_name].nullable:
                message = f"{made.type_name}: order {name} uses {column_name}, which may be null"
                raise TypeError(message)


def _filter_type(declared_field: GraphField, kind: Kind) -> type | None:
    if isinstance(kind, Reference):
        return IDENTIFIER
    if isinstance(kind, fields.Column) and kind.filterable:
        type_: Any = declared_field.type
        if isinstance(type_, StrawberryOptional):
            type_ = type_.of_type
        return (
            type_.wrapped_cls
            if isinstance(type_, StrawberryEnumDefinition)
            else cast("type", type_)
        )
    if isinstance(kind, fields.Embedded) and kind.filter_part:
        return cast("type", kind.make.__annotations__[kind.filter_part])
    return None


def _sort_enum(made: Projection) -> Any:
    name = f"{made.type_name}Sort"
    make_enum: Any = Enum
    members = make_enum(name, {order: order for order in made.orders})
    enum: Any = strawberry.enum(
        members,
        description=f"Orders of a list of {made.type_name}.",
    )
    for value in enum.__strawberry_definition__.values:
        value.description = made.orders[value.name].description
    return enum
