"""Guards at work: the built schema is walked once, and every guarded field is wrapped.

Whatever path leads to a field or to an object of a type passes here, because it is the field's own
resolver that asks. A guarded type guards every field that leads to it.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    default_field_resolver,
    get_named_type,
    is_non_null_type,
)
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from app.auth.permissions import Access, Mask, Permission
from app.auth.viewer import Viewer
from app.planner.disclosure import Decision, Disclosure
from app.planner.fields import Valued
from app.planner.graph_field import GraphField
from app.planner.guards import GUARD, PUBLIC, Guard, masked
from app.planner.projection import OWNER, Row

_DEFINITION = "strawberry-definition"


class OpenFieldError(Exception):
    """Something is neither guarded nor declared public; the text says what."""


def type_guard(type_: GraphQLNamedType) -> Guard | None:
    """Give the guard of an object type, PUBLIC for a page: its rows have their own."""
    if _is_page_part(type_):
        return PUBLIC
    definition = type_.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryObjectDefinition):
        return None
    found = getattr(definition.origin, "__guard__", None)
    return found if isinstance(found, Guard) else None


def _is_page_part(type_: GraphQLNamedType) -> bool:
    return type_.name.endswith(("Connection", "Edge"))


def field_guard(field: GraphQLField) -> Guard | None:
    """Give the guard that a field itself declares."""
    definition = field.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryField):
        return None
    found = definition.metadata.get(GUARD)
    return found if isinstance(found, Guard) else None


@dataclass(frozen=True)
class Needs:
    """All that one field needs: its own guard and that of the objects it leads to."""

    own: Guard | None
    leads_to: Guard | None
    # Of a union, one visible member is enough: the others are left out in SQL.
    members: tuple[Guard, ...] = ()

    @property
    def mask(self) -> Mask | None:
        """How the field is masked, if it can be."""
        return self.own.mask if self.own else None

    @property
    def personal(self) -> str | None:
        """The class of personal data that the field shows, if it shows any."""
        for guard in (self.own, self.leads_to):
            if guard is not None and guard.is_personal:
                return str(guard.permission)
        return None

    def access(self, viewer: Viewer) -> tuple[Access, Permission | None]:
        """Say what a viewer sees, and which permission decided."""
        for guard in (self.own, self.leads_to):
            if guard is not None:
                found = guard.access(viewer)
                if found is not Access.CLEAR:
                    return found, guard.permission
        found_members = [(guard.access(viewer), guard.permission) for guard in self.members]
        if found_members and all(found is not Access.CLEAR for found, _ in found_members):
            return found_members[0]
        return Access.CLEAR, None


def needs(field: GraphQLField) -> Needs:
    """Give what a field of the schema needs."""
    bottom = get_named_type(field.type)
    rows = _rows_type(bottom)
    if isinstance(rows, GraphQLUnionType):
        members = tuple(type_guard(member) or PUBLIC for member in rows.types)
        # Where one member is for everybody, so is the union.
        is_open = any(member.permission is None for member in members)
        return Needs(field_guard(field), None, () if is_open else members)
    leads_to = type_guard(rows) if isinstance(rows, GraphQLObjectType) else None
    return Needs(field_guard(field), leads_to)


def _rows_type(type_: GraphQLNamedType) -> GraphQLNamedType:
    """Give the type of a page's rows, or the type itself."""
    if isinstance(type_, GraphQLObjectType) and type_.name.endswith("Connection"):
        nodes = type_.fields.get("nodes")
        if nodes is not None:
            rows: GraphQLNamedType = get_named_type(nodes.type)
            return rows
    return type_


def guarded_fields(
    schema: GraphQLSchema,
) -> Iterator[tuple[GraphQLObjectType, str, GraphQLField, Needs]]:
    """Give every field of every object type with what it needs."""
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_.name.startswith("__"):
            continue
        for name, field in type_.fields.items():
            # Who came to a page has passed the guard of its rows.
            found = Needs(None, None) if _is_page_part(type_) else needs(field)
            yield type_, name, field, found


def enforce(schema: GraphQLSchema) -> GraphQLSchema:
    """Wrap every guarded field; raises OpenFieldError for what is neither guarded nor public."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            is_root = type_ in {schema.query_type, schema.mutation_type, schema.subscription_type}
            if not is_root and type_guard(type_) is None:
                message = f"type {type_.name}: say requires=… or public=True"
                raise OpenFieldError(message)
    for type_, name, field, found in guarded_fields(schema):
        place = f"{type_.name}.{name}"
        is_root = type_ in {schema.query_type, schema.mutation_type, schema.subscription_type}
        if is_root and found.own is None and found.leads_to in {None, PUBLIC}:
            message = f"root field {place}: say requires=… or public=True"
            raise OpenFieldError(message)
        if _is_open(found):
            continue
        if is_non_null_type(field.type):
            message = f"{place} is guarded, so it must be nullable"
            raise OpenFieldError(message)
        definition = field.extensions.get(_DEFINITION)
        field.resolve = _wrapped(
            field.resolve or default_field_resolver,
            found,
            is_root=type_ is schema.query_type,
            # Values of rows are read for every row, and need no look at what they might be.
            is_column=isinstance(definition, GraphField) and isinstance(definition.kind, Valued),
        )
    return schema


def _is_open(found: Needs) -> bool:
    own_open = found.own is None or found.own.permission is None
    leads_open = found.leads_to is None or found.leads_to.permission is None
    return own_open and leads_open and not found.members


def _decided(found: Needs, disclosure: Disclosure, viewer: Viewer) -> Decision:
    access, permission = found.access(viewer)
    noted = found.personal if access is Access.CLEAR else None
    return Decision(access, permission, disclosure.exposing(noted) if noted else None)


def _exposed(
    source: Any, value: Any, expose: Callable[[UUID | None], None], *, is_root: bool
) -> Any:
    """Note that a value is shown, unless it is nothing."""
    if value is None:
        return None
    if isawaitable(value):
        return _exposed_later(source, value, expose, is_root=is_root)
    if type(source) is Row and source.projection.owner is not None:
        expose(source[OWNER])
    elif is_root:
        expose(None)
    return value


async def _exposed_later(
    source: Any, value: Awaitable[Any], expose: Callable[[UUID | None], None], *, is_root: bool
) -> Any:
    return _exposed(source, await value, expose, is_root=is_root)


def _wrapped(
    resolve: Callable[..., Any], found: Needs, *, is_root: bool = False, is_column: bool = False
) -> Callable[..., Any]:
    # Asked for every row, so what a viewer sees is worked out once an operation. A plain object
    # is the cheapest key there is.
    key = object()

    def resolver(source: Any, info: Any, **arguments: Any) -> Any:
        context = info.context
        decisions = context.disclosure.decisions
        decision = decisions.get(key)
        if decision is None:
            decision = _decided(found, context.disclosure, context.viewer)
            decisions[key] = decision
        access, permission, expose = decision
        if access is Access.CLEAR:
            value = resolve(source, info, **arguments)
            if expose is None:
                return value
            if not is_column:
                return _exposed(source, value, expose, is_root=is_root)
            if value is not None and source.projection.owner is not None:
                expose(source[OWNER])
            return value
        if access is Access.MASKED:
            assert found.mask is not None
            context.disclosure.mask(info.path)
            if found.mask is Mask.PSEUDONYM:
                return context.reader.identities.pseudonym(source[OWNER])
            return masked(found.mask, resolve(source, info, **arguments))
        assert permission is not None
        context.disclosure.deny(info.path, permission, access)
        return None

    return resolver
