"""How the reference path resolves relations: lists, single rows, pages and unions."""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from strawberry.types import Info

from app.auth.viewer import Viewer
from app.planner import filters, ordering
from app.planner.arguments import check_arguments
from app.planner.fields import Relation, Union, relation_child
from app.planner.loaders import (
    Children,
    UnionLoader,
    children_of,
    count_of,
    load_row,
)
from app.planner.pages import Page, PageArguments
from app.planner.projection import ID, OWNER, Projection, Row
from app.planner.reader import Reader
from app.planner.rows import WHOLE, Branch, Window
from app.planner.selection import PAGE_PATHS, ROW_PATHS, asked_for


def selected(
    projection: Projection, info: Info, paths: Sequence[tuple[str, ...]]
) -> tuple[str, ...]:
    """Give the projection's fields to read: those asked for that the viewer is shown."""
    asked = asked_for(info._raw_info, paths)  # noqa: SLF001  # No public way to the AST.
    viewer: Viewer = info.context.viewer
    return tuple(
        name
        for shown, name in projection.shown.items()
        if shown in asked and projection.reads(name, viewer)
    )


def resolve(
    name: str,
    relation: Relation,
    parent: Row,
    info: Info,
    given: Mapping[str, Any],
    *,
    is_list: bool,
) -> Awaitable[Any]:
    """Resolve a relation of ``parent``: a page, a list, or one row or null."""
    child = relation_child(parent.projection, name)
    keys = relation.keys(parent)
    if relation.paged:
        return page(relation, child, keys, info, given)
    return _rows(relation, child, keys, info, given, is_list=is_list)


async def resolve_row(child: Projection, row_id: UUID | None, info: Info) -> Row | None:
    """Resolve a row that an object made by Python names, of a type whose rows own themselves."""
    if row_id is None:
        return None
    names = selected(child, info, ROW_PATHS)
    return await load_row(info.context.reader, child, row_id, row_id, names)


def resolve_root(
    relation: Relation, child: Projection, info: Info, given: Mapping[str, Any]
) -> Awaitable[Any]:
    """Resolve a root field: a page or a list of all rows in the viewer's scope."""
    if relation.paged:
        return page(relation, child, (), info, given)
    return _rows(relation, child, (), info, given, is_list=True)


async def _rows(
    relation: Relation,
    child: Projection,
    keys: tuple[Any, ...],
    info: Info,
    given: Mapping[str, Any],
    *,
    is_list: bool,
) -> Any:
    if not _may_ask(child, given, info):
        return None
    if None in keys:
        return [] if is_list else None
    sort = given.get("sort")
    arguments = relation.given(given)
    children = Children(
        relation,
        child,
        selected(child, info, ROW_PATHS),
        Window(order=sort.name if sort else None),
        filters.read(child, given.get("filter")),
        tuple(arguments.items()),
    )
    rows = await children_of(info.context.reader, children).load(keys)
    if is_list:
        return rows
    return rows[0] if rows else None


async def page(
    relation: Relation,
    child: Projection,
    keys: tuple[Any, ...],
    info: Info,
    given: Mapping[str, Any],
) -> Page | None:
    """Resolve a page of a relation's rows; None when a filter or order is refused."""
    reader: Reader = info.context.reader
    arguments = _checked(given, reader)
    if not _may_ask(child, given, info):
        return None
    sort = given.get("sort")
    order = sort.name if sort else next(iter(child.orders), "")
    terms = ordering.terms(child, order or None)
    # By role too, or equal cursors would join the sealed ids of one post with those of another.
    of_role = info.context.viewer.role.value
    scope = f"{of_role}/{child.type_name}.{order}/{info.path.typename}.{info.field_name}"
    place = None
    if arguments.cursor is not None:
        types = [child.column_type(term.column) for term in terms]
        place = reader.cursors.read(scope, arguments.cursor, types).place_below(keys)
    # One row more than asked for tells whether the list goes on.
    window = Window(order or None, arguments.size + 1, place, arguments.backwards)
    names = selected(child, info, PAGE_PATHS)
    children = Children(relation, child, names, window, filters.read(child, given.get("filter")))
    rows = await children_of(reader, children).load(keys)
    return Page(
        rows=rows[: arguments.size],
        more=len(rows) > arguments.size,
        arguments=arguments,
        cursors=reader.cursors,
        scope=scope,
        keys=keys,
        place=lambda row: [row[f":{term.column}"] for term in terms],
        count=partial(count_of(reader, children).load, keys),
    )


def _may_ask(child: Projection, given: Mapping[str, Any], info: Info) -> bool:
    """Tell whether filter and order ask about nothing that the viewer does not see.

    The refusal is told once, at the first place of the selection.
    """
    refused = check_arguments(child, given, info.context.viewer)
    if refused is None:
        return True
    info.context.disclosure.refuse(info.path, refused())
    return False


def _checked(given: Mapping[str, Any], reader: Reader) -> PageArguments:
    return PageArguments.check(
        given.get("first"),
        given.get("after"),
        given.get("last"),
        given.get("before"),
        reader.page_size_max,
    )


async def resolve_union(
    name: str, union: Union, parent: Row, info: Info, given: Mapping[str, Any]
) -> Page:
    """Resolve a page of several relations' rows merged in one order, newest first.

    One statement finds which rows, then one a type loads them.
    """
    reader: Reader = info.context.reader
    arguments = _checked(given, reader)
    columns = union.parent_columns(parent.projection)
    keys = tuple(parent[f":{column}"] for column in columns)
    seen = _branches(union, parent, info.context.viewer)
    branches = {branch.projection.type_name: branch for branch in seen}
    scope = f"{info.context.viewer.role.value}/{parent.projection.type_name}.{name}"
    first = next(iter(branches.values()))
    place = None
    if arguments.cursor is not None:
        types = [first.projection.column_type(column) for column in (first.at, first.key)]
        place = reader.cursors.read(scope, arguments.cursor, types).place_below(keys)
    window = Window(None, arguments.size + 1, place, arguments.backwards)
    loader = reader.loader(
        ("union", id(union), window),
        lambda: UnionLoader(reader, list(branches.values()), columns, window),
    )
    found = await loader.load(keys)
    pending = [
        load_row(
            reader,
            (projection := branches[record[":type"]].projection),
            record[OWNER],
            record[ID],
            selected(projection, info, PAGE_PATHS),
        )
        for record in found[: arguments.size]
    ]
    rows = await asyncio.gather(*pending)
    places = {
        (row[OWNER], row[ID]): record for row, record in zip(rows, found, strict=False) if row
    }
    return Page(
        # A row may have vanished between the two statements; the list goes on all the same.
        rows=[row for row in rows if row],
        more=len(found) > arguments.size,
        arguments=arguments,
        cursors=reader.cursors,
        scope=scope,
        keys=keys,
        place=lambda row: [places[row[OWNER], row[ID]][":at"], row[ID]],
        count=partial(_total, reader, list(branches.values()), parent),
    )


def _branches(union: Union, parent: Row, viewer: Viewer) -> Iterator[Branch]:
    """Give the union's relations whose rows the viewer may see."""
    for member in union.members:
        relation = parent.projection.fields[member.relation]
        child = relation_child(parent.projection, member.relation)
        if child.is_visible(viewer):
            yield Branch(relation, child, member.at)


async def _total(reader: Reader, branches: Sequence[Branch], parent: Row) -> int:
    counts = [
        count_of(reader, Children(branch.relation, branch.projection, (), WHOLE)).load(
            branch.relation.keys(parent)
        )
        for branch in branches
    ]
    return sum(await asyncio.gather(*counts))
