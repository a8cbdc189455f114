"""Which fields of a type an operation asks for, read off its document."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionNode,
)

# Where the rows of a connection stand below it.
PAGE_PATHS: Final = (("nodes",), ("edges", "node"))
ROW_PATHS: Final = ((),)


def _fields(
    selections: Iterable[SelectionNode],
    fragments: Mapping[str, FragmentDefinitionNode],
    seen: set[str],
) -> Iterator[FieldNode]:
    """Give the fields of selections; a fragment that is spread again adds nothing new."""
    for selection in selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(selection.selection_set.selections, fragments, seen)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
            seen.add(selection.name.value)
            fragment = fragments[selection.name.value]
            yield from _fields(fragment.selection_set.selections, fragments, seen)


def asked_for(
    info: GraphQLResolveInfo[Any], paths: Iterable[tuple[str, ...]] = ROW_PATHS
) -> frozenset[str]:
    """Give the GraphQL names of the fields selected at ``paths`` below the current field.

    Names below conditions on other types or skipped by directives are included: this says what
    to read, and reading a column too many is harmless.
    """
    found: set[str] = set()
    for path in paths:
        nodes = list(info.field_nodes)
        for name in (*path, None):
            seen: set[str] = set()
            below = [
                node
                for parent in nodes
                if parent.selection_set
                for node in _fields(parent.selection_set.selections, info.fragments, seen)
            ]
            if name is None:
                found.update(node.name.value for node in below)
            else:
                nodes = [node for node in below if node.name.value == name]
    return frozenset(found)
